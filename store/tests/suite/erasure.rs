//! Erasure: a row of everything there is, of two organizations, of which one goes.

use hub_domain::{KeyId, OrgId, UserId};
use hub_store::{
    StoreError,
    records::{Actor, Role},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::world::{NOON, World};

/// A look into the database itself, past the store.
pub(crate) enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    pub(crate) async fn of(world: &World) -> Self {
        if world.url.starts_with("sqlite") {
            Self::Sqlite(SqliteConnection::connect(&world.url).await.unwrap())
        } else {
            Self::Postgres(PgConnection::connect(&world.url).await.unwrap())
        }
    }

    pub(crate) async fn run(&mut self, sql: &str) {
        let statement = AssertSqlSafe(sql.to_owned());
        let error = match self {
            Self::Postgres(connection) => sqlx::query(statement).execute(connection).await.err(),
            Self::Sqlite(connection) => sqlx::query(statement).execute(connection).await.err(),
        };
        assert!(error.is_none(), "{sql}: {error:?}");
    }

    pub(crate) async fn texts(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
        }
        .unwrap()
    }

    /// Every table with rows of organizations, as the database knows them.
    async fn tables(&mut self) -> Vec<String> {
        let sql = match self {
            Self::Postgres(_) => {
                "SELECT relname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'org_id'
                WHERE relkind IN ('r', 'p') AND NOT relispartition
                    AND relnamespace = current_schema()::regnamespace AND relname <> 'erasures' ORDER BY 1"
            }
            Self::Sqlite(_) => {
                "SELECT tables.name FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
                WHERE tables.type = 'table' AND columns.name = 'org_id' AND tables.name <> 'erasures' ORDER BY 1"
            }
        };
        self.texts(sql).await
    }

    /// The rows of an organization in a table, as texts.
    async fn rows(&mut self, table: &str, org: OrgId) -> Vec<String> {
        let org = self.id(org.0);
        let column = if table == "organizations" { "id" } else { "org_id" };
        let sql = match self {
            Self::Postgres(_) => {
                format!("SELECT {table}::text FROM {table} WHERE {column} = {org} ORDER BY 1")
            }
            Self::Sqlite(connection) => {
                let columns = format!(
                    "SELECT group_concat('quote(' || name || ')', '||') FROM pragma_table_info('{table}')"
                );
                let columns: String =
                    sqlx::query_scalar(AssertSqlSafe(columns)).fetch_one(connection).await.unwrap();
                format!("SELECT {columns} FROM {table} WHERE {column} = {org} ORDER BY 1")
            }
        };
        self.texts(&sql).await
    }

    /// An id as a literal.
    pub(crate) fn id(&self, id: Uuid) -> String {
        match self {
            Self::Postgres(_) => format!("'{id}'::uuid"),
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
        }
    }

    fn bytes(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "'\\x00'::bytea",
            Self::Sqlite(_) => "x'00'",
        }
    }
}

/// An organization with a row in every table, and its owner.
async fn full(world: &World, db: &mut Database) -> (OrgId, UserId) {
    let store = &world.store;
    let (org, site, units) = world.units(3).await;
    let email = format!("{}@example.test", Uuid::now_v7().simple());
    let owner = store.create_user(&email, "Owner", None).await.unwrap().id;
    store.set_membership(org, owner, Role::Owner).await.unwrap();
    store
        .create_api_key(org, KeyId(Uuid::now_v7()), Some(site), "k", [0; 32], Actor::Hub)
        .await
        .unwrap();
    store.create_ttn_connection(org, "ttn", [0; 32], Actor::Hub).await.unwrap();
    store.create_area(org, site, "area", Actor::Hub).await.unwrap();
    let id = |db: &Database| db.id(Uuid::now_v7());
    let (o, s, u, w) = (db.id(org.0), db.id(site.0), db.id(units[0].id.0), db.id(owner.0));
    let (device, rule, alert, log, link) = (id(db), id(db), id(db), id(db), id(db));
    let (contact, intent, reader) = (id(db), id(db), id(db));
    let (b, t) = (db.bytes(), NOON.as_millis());
    let rows = [
        format!(
            "devices (id, org_id, unit_id, name, created_at) VALUES ({device}, {o}, {u}, 'd', {t})"
        ),
        format!(
            "device_assignments (id, org_id, device_id, unit_id, from_at) VALUES ({}, {o}, {device}, {u}, {t})",
            id(db)
        ),
        format!("device_chores (device_id, org_id, since_at) VALUES ({device}, {o}, {t})"),
        format!("unit_chores (unit_id, org_id, due_at) VALUES ({u}, {o}, {t})"),
        format!(
            "unit_status_changes (org_id, unit_id, at, version, ordinal, written_at, status, thermal, link, door, manual_log, mode) VALUES ({o}, {u}, {t}, 1, 0, {t}, 'ok', 'ok', 'online', 'closed', 'not_due', 'normal')"
        ),
        format!(
            "gateways (id, org_id, name, gateway_eui, created_at) VALUES ({}, {o}, 'g', '{}', {t})",
            id(db),
            &Uuid::now_v7().simple().to_string()[..16]
        ),
        format!(
            "calibrations (id, org_id, device_id, performed_at, performed_by, created_at) VALUES ({}, {o}, {device}, {t}, 'x', {t})",
            id(db)
        ),
        format!(
            "alert_rules (id, org_id, scope, scope_id, version, layer, created_at, updated_at) VALUES ({rule}, {o}, 'organization', {o}, 1, '{{}}', {t}, {t})"
        ),
        format!(
            "alert_rule_versions (rule_id, version, org_id, layer, updated_at) VALUES ({rule}, 1, {o}, '{{}}', {t})"
        ),
        format!(
            "alerts (id, org_id, site_id, unit_id, kind, severity, status, opened_at, rule_version, event_count) VALUES ({alert}, {o}, {s}, {u}, 'temperature_high', 'warning', 'active', {t}, 1, 1)"
        ),
        format!(
            "alert_events (alert_id, ordinal, org_id, event, at, written_at, severity, muted) VALUES ({alert}, 0, {o}, 'opened', {t}, {t}, 'warning', FALSE)"
        ),
        format!("alert_plans (alert_id, org_id, seq) VALUES ({alert}, {o}, 1)"),
        format!("organization_plans (org_id, seq) VALUES ({o}, 1)"),
        format!(
            "contacts (id, org_id, user_id, name, email, language, timezone, created_at) VALUES ({contact}, {o}, {w}, 'c', 'a@b', 'en', 'UTC', {t})"
        ),
        format!(
            "notification_intents (id, org_id, alert_id, stage, contact_id, channel, state, reason_code, reason, possible_duplicate, generation, attempts, planned_at, due_at, changed_at) VALUES ({intent}, {o}, {alert}, 'opened+0', {contact}, 'sms', 'queued', 'step', 'x', FALSE, 1, 0, {t}, {t}, {t})"
        ),
        format!(
            "digest_subscriptions (id, org_id, contact_id, rhythm, minute, timezone, sites, is_only_if_needed, last_until, due_at, seq, created_at) VALUES ({reader}, {o}, {contact}, 'daily', 420, 'UTC', '[]', FALSE, {t}, {t}, 1, {t})"
        ),
        format!(
            "digests (id, org_id, subscription_id, day, rhythm, timezone, from_at, to_at, state, generation, created_at, changed_at) VALUES ({}, {o}, {reader}, '2026-11-20', 'daily', 'UTC', {t} - 1, {t}, 'due', 1, {t}, {t})",
            id(db)
        ),
        format!(
            "delivery_attempts (id, org_id, intent_id, number, state, begun_at) VALUES ({}, {o}, {intent}, 1, 'begun', {t})",
            id(db)
        ),
        format!(
            "reply_codes (phone, code, org_id, alert_id, contact_id, made_at) VALUES ('+{}', 10, {o}, {alert}, {contact}, {t})",
            org.0.simple()
        ),
        format!(
            "uplinks (id, org_id, dev_eui, session, f_cnt, payload_hash, payload, recorded_at, received_at, is_decoded, is_settled, unit_id) VALUES ({}, {o}, 'A', '', 1, {b}, {b}, {t}, {t}, FALSE, FALSE, {u})",
            id(db)
        ),
        format!(
            "unclaimed_devices (org_id, dev_eui, first_seen_at, last_seen_at, frames) VALUES ({o}, 'A', {t}, {t}, 1)"
        ),
        format!(
            "impersonations (id, org_id, operator_id, role, reason, created_at, ends_at) VALUES ({}, {o}, {w}, 'viewer', 'x', {t}, {t})",
            id(db)
        ),
        format!(
            "invitations (id, org_id, email, role, secret_hash, created_at, expires_at) VALUES ({}, {o}, 'a@b', 'staff', {b}, {t}, {t})",
            id(db)
        ),
        format!(
            "inspector_links (id, org_id, name, secret_hash, created_at, expires_at) VALUES ({link}, {o}, 'l', {b}, {t}, {t})"
        ),
        format!("inspector_link_sites (org_id, link_id, site_id) VALUES ({o}, {link}, {s})"),
        format!(
            "idempotency_keys (org_id, caller_id, key, fingerprint, object_kind, object_id, is_new, created_at) VALUES ({o}, {w}, 'k', {b}, 'site', {s}, TRUE, {t})"
        ),
        format!(
            "manual_logs (id, org_id, site_id, unit_id, temperature, is_out_of_range, recorded_at, created_by, created_at, fingerprint) VALUES ({log}, {o}, {s}, {u}, 1, FALSE, {t}, {w}, {t}, {b})"
        ),
        format!(
            "door_events (id, org_id, unit_id, source_id, is_open, recorded_at, received_at) VALUES ({}, {o}, {u}, {u}, FALSE, {t}, {t})",
            id(db)
        ),
        format!(
            "corrective_actions (id, org_id, site_id, unit_id, alert_id, manual_log_id, action, taken_at, created_by, created_at) VALUES ({}, {o}, {s}, {u}, {alert}, {log}, 'x', {t}, {w}, {t})",
            id(db)
        ),
        format!(
            "maintenance_windows (id, org_id, site_id, unit_id, kind, starts_at, ends_at, reason, created_at) VALUES ({}, {o}, {s}, {u}, 'maintenance', {t}, {t} + 1, 'x', {t})",
            id(db)
        ),
        format!(
            "notification_policies (id, org_id, name, scope, scope_id, steps, created_at) VALUES ({}, {o}, 'p', 'organization', {o}, '[]', {t})",
            id(db)
        ),
        format!(
            "subscriptions (org_id, plan, state, since_at, created_at) VALUES ({o}, 'pro', 'trial', {t}, {t})"
        ),
        format!(
            "usage_ledger (org_id, meter, day, ordinal, value, identifier, plan, is_billed, counted_at) VALUES ({o}, 'active_sensors', 20000, 0, 1, '{org}', 'pro', FALSE, {t})"
        ),
        format!(
            "webhook_events (provider, event_id, org_id, kind, body, occurred_at, received_at, worked_at) VALUES ('stripe', '{org}', {o}, 'x', '{{}}', {t}, {t}, {t})"
        ),
        format!(
            "refresh_tokens (id, family_id, user_id, secret_hash, created_at, expires_at) VALUES ({}, {o}, {w}, {b}, {t}, {t})",
            id(db)
        ),
        format!("recovery_codes (user_id, code_hash) VALUES ({w}, {b})"),
        format!(
            "account_links (id, user_id, purpose, secret_hash, created_at, expires_at) VALUES ({}, {w}, 'password_reset', {b}, {t}, {t})",
            id(db)
        ),
        format!(
            "account_mails (id, purpose, user_id, state, generation, attempts, planned_at, due_at, changed_at) VALUES ({}, 'password_reset', {w}, 'queued', 1, 0, {t}, {t}, {t})",
            id(db)
        ),
    ];
    for row in rows {
        db.run(&format!("INSERT INTO {row}")).await;
    }
    for unit in &units {
        many_readings(db, &o, &db.id(unit.id.0)).await;
    }
    (org, owner)
}

/// More readings than go in one step.
async fn many_readings(db: &mut Database, org: &str, unit: &str) {
    let series = match db {
        Database::Postgres(_) => "generate_series(1, 3000) AS series (n)",
        Database::Sqlite(_) => {
            "(WITH RECURSIVE series (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < 3000) SELECT n FROM series) AS series"
        }
    };
    let at = NOON.as_millis();
    db.run(&format!(
        "INSERT INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature, is_late)
        SELECT {org}, {unit}, {unit}, 't', {at} - CAST(n AS BIGINT) * 4320000, 0, {at}, 4000, FALSE FROM {series}"
    ))
    .await;
}

pub(crate) async fn an_erasure_leaves_nothing_and_touches_nothing_of_others(world: &World) {
    let store = &world.store;
    let mut db = Database::of(world).await;
    let (org, owner) = full(world, &mut db).await;
    let (other, stranger) = full(world, &mut db).await;
    // of two members, one is elsewhere, too
    let both = store.create_user("both@example.test", "Both", None).await.unwrap().id;
    store.set_membership(org, both, Role::Staff).await.unwrap();
    store.set_membership(other, both, Role::Staff).await.unwrap();
    let tables = db.tables().await;
    assert!(tables.len() >= 32, "{tables:?}");
    let mut before = Vec::new();
    for table in &tables {
        assert!(!db.rows(table, org).await.is_empty(), "there is no row in {table} to be erased");
        before.push(db.rows(table, other).await);
    }
    let name = store.organization(org).await.unwrap().unwrap().name;
    let by = Actor::User(owner);
    store.delete_organization(org, by).await.unwrap();
    let wrong = store.request_erasure(org, "another name", owner, by).await;
    assert!(matches!(wrong, Err(StoreError::Stale)), "{wrong:?}");
    let foreign = store.request_erasure(org, &name, stranger, Actor::User(stranger)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    assert_eq!(store.finish_erasures().await.unwrap(), 0, "nothing was asked for");
    let asked = store.request_erasure(org, &name, owner, by).await.unwrap();
    assert_eq!(store.request_erasure(org, &name, owner, by).await.unwrap(), asked);
    let late = store.restore_organization(org, owner, by).await;
    assert!(matches!(late, Err(StoreError::NotFound)), "{late:?}");
    assert_eq!(store.deleted_organizations(owner).await.unwrap(), []);

    assert_eq!(store.finish_erasures().await.unwrap(), 1);
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(db.rows(table, org).await, Vec::<String>::new(), "{table}");
        assert_eq!(db.rows(table, other).await, before, "{table} of another organization");
    }
    assert_eq!(db.rows("organizations", org).await, Vec::<String>::new());
    assert_eq!(store.erasure(org).await.unwrap().unwrap().done_at, Some(NOON));
    assert_eq!(store.user(owner).await.unwrap(), None, "who is nowhere else goes, too");
    assert!(
        store.user(both).await.unwrap().is_some() && store.user(stranger).await.unwrap().is_some()
    );
    let of_owner = db.id(owner.0);
    for table in ["refresh_tokens", "recovery_codes", "account_links", "account_mails"] {
        let left = format!("SELECT 'left' FROM {table} WHERE user_id = {of_owner}");
        assert!(db.texts(&left).await.is_empty(), "{table}");
    }
    assert_eq!(store.finish_erasures().await.unwrap(), 0);
}

pub(crate) async fn an_erasure_that_was_cut_goes_on(world: &World) {
    let store = &world.store;
    let mut db = Database::of(world).await;
    let (org, owner) = full(world, &mut db).await;
    let name = store.organization(org).await.unwrap().unwrap().name;
    let by = Actor::User(owner);
    store.delete_organization(org, by).await.unwrap();
    store.request_erasure(org, &name, owner, by).await.unwrap();
    let mut cuts = 0;
    for millis in 0.. {
        let within = std::time::Duration::from_millis(millis * 3);
        match tokio::time::timeout(within, store.finish_erasures()).await {
            Err(_cut) => cuts += 1,
            // none is left to do where the cut came after the last word
            Ok(done) => {
                assert!(done.unwrap() <= 1);
                break;
            }
        }
    }
    assert!(cuts >= 3, "cut {cuts} times");
    assert!(store.erasure(org).await.unwrap().unwrap().done_at.is_some());
    for table in db.tables().await {
        assert_eq!(db.rows(&table, org).await, Vec::<String>::new(), "{table}");
    }
}

pub(crate) async fn the_audit_log_of_nobody_else_can_be_erased(world: &World) {
    let mut db = Database::of(world).await;
    let (org, _) = full(world, &mut db).await;
    let sql = format!("DELETE FROM audit_log WHERE org_id = {}", db.id(org.0));
    let sql = AssertSqlSafe(sql);
    let refused = match &mut db {
        Database::Postgres(connection) => sqlx::query(sql).execute(connection).await.err(),
        Database::Sqlite(connection) => sqlx::query(sql).execute(connection).await.err(),
    };
    assert!(refused.unwrap().to_string().contains("append-only"));
}
