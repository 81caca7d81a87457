//! The audit log: complete, narrowed cheaply, and never changed.

use hub_domain::{
    AlertEventKind, AlertKind, KeyId, OrgId, RuleLayer, UserId,
    digest::{Rhythm, Schedule},
};
use hub_store::{
    By, ContactIn, Editor, NewSecret, RuleEdit, RuleScope, Store, UnitCommit,
    records::{
        Actor, AuditEntry, AuditFilter, Channel, DigestPlan, Edition, Life, MaintenanceWindow,
        NewDevice, NewInvitation, Plan, Role, Step, WindowKind,
    },
};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};
use uuid::Uuid;

use crate::{
    alerts::{event, open_alert, with_events},
    commits::commit,
    world::{NOON, World, all_pages},
};

async fn log(store: &Store, org: OrgId, filter: AuditFilter) -> Vec<AuditEntry> {
    all_pages(|page| store.audited(org, filter.clone(), page)).await
}

fn contact(name: &str) -> ContactIn {
    ContactIn {
        user: None,
        name: name.to_owned(),
        email: Some("a@example.org".to_owned()),
        phone: None,
        language: "en".to_owned(),
        timezone: "UTC".to_owned(),
    }
}

fn plan(contact: Uuid) -> Plan {
    Plan {
        steps: vec![Step {
            after_minutes: 0,
            contacts: vec![contact],
            channels: vec![Channel::Email],
            ..Step::default()
        }],
        ..Plan::default()
    }
}

fn digest_plan() -> DigestPlan {
    let schedule = Schedule { rhythm: Rhythm::Daily, minute: 420, zone: hub_domain::Zone::UTC };
    DigestPlan { schedule, sites: Vec::new(), only_if_needed: false }
}

/// Does everything that can be done to rules, keys, connections, contacts and policies; what each is called.
async fn do_everything(world: &World, org: OrgId, by: By) -> Vec<&'static str> {
    let store = &world.store;
    let by = || by.clone();
    let key = KeyId(Uuid::now_v7());
    let secret = NewSecret { hash: [2; 32], old_until: Some(NOON.plus_secs(60)) };
    store.create_api_key(org, key, None, "key", [1; 32], by()).await.unwrap();
    store.rename_api_key(org, key, None, "other", by()).await.unwrap();
    store.rotate_api_key(org, key, secret, by()).await.unwrap();
    store.revoke_api_key(org, key, by()).await.unwrap();
    let it = store.create_ttn_connection(org, "ttn", [1; 32], by()).await.unwrap().id;
    store.rename_ttn_connection(org, it, None, "other", by()).await.unwrap();
    store.rotate_ttn_connection(org, it, secret, by()).await.unwrap();
    store.delete_ttn_connection(org, it, by()).await.unwrap();
    store.restore_ttn_connection(org, it, by()).await.unwrap();
    store.delete_ttn_connection(org, it, by()).await.unwrap();
    store.purge_ttn_connection(org, it, by()).await.unwrap();
    let layer = hub_domain::Layer::default();
    let put = store.put_rule(org, RuleLayer::Organization, org.0, layer.clone(), by()).await;
    let rule = put.unwrap().0.id;
    store.put_rule(org, RuleLayer::Organization, org.0, layer, by()).await.unwrap();
    store.edit_rule(org, rule, None, RuleEdit::default(), by()).await.unwrap();
    store.delete_rule(org, rule, by()).await.unwrap();
    store.restore_rule(org, rule, by()).await.unwrap();
    let who = store.create_contact(org, contact("one"), by()).await.unwrap().id;
    store.edit_contact(org, who, 1, contact("two"), by()).await.unwrap();
    let scope = RuleScope::Organization(org);
    let policy = store.create_policy(org, "policy", scope, plan(who), by()).await.unwrap().id;
    store.edit_policy(org, policy, 1, "night", plan(who), by()).await.unwrap();
    store.delete_policy(org, policy, by()).await.unwrap();
    store.restore_policy(org, policy, by()).await.unwrap();
    store.delete_policy(org, policy, by()).await.unwrap();
    store.purge_policy(org, policy, by()).await.unwrap();
    let digest = digest_plan();
    let reader = hub_domain::notify::PersonId::Contact(who);
    let it = store.create_digest_subscription(org, reader, digest.clone(), by()).await.unwrap().id;
    store.edit_digest_subscription(org, it, 1, digest, by()).await.unwrap();
    store.delete_digest_subscription(org, it, by()).await.unwrap();
    store.restore_digest_subscription(org, it, by()).await.unwrap();
    store.delete_digest_subscription(org, it, by()).await.unwrap();
    store.purge_digest_subscription(org, it, by()).await.unwrap();
    store.delete_contact(org, who, by()).await.unwrap();
    store.restore_contact(org, who, by()).await.unwrap();
    store.delete_contact(org, who, by()).await.unwrap();
    store.purge_contact(org, who, by()).await.unwrap();
    vec![
        "api_key.created",
        "api_key.updated",
        "api_key.rotated",
        "api_key.revoked",
        "ttn_connection.created",
        "ttn_connection.updated",
        "ttn_connection.rotated",
        "ttn_connection.deleted",
        "ttn_connection.restored",
        "ttn_connection.deleted",
        "ttn_connection.purged",
        "alert_rule.created",
        "alert_rule.updated",
        "alert_rule.updated",
        "alert_rule.deleted",
        "alert_rule.restored",
        "contact.created",
        "contact.updated",
        "notification_policy.created",
        "notification_policy.updated",
        "notification_policy.deleted",
        "notification_policy.restored",
        "notification_policy.deleted",
        "notification_policy.purged",
        "digest_subscription.created",
        "digest_subscription.updated",
        "digest_subscription.deleted",
        "digest_subscription.restored",
        "digest_subscription.deleted",
        "digest_subscription.purged",
        "contact.deleted",
        "contact.restored",
        "contact.deleted",
        "contact.purged",
    ]
}

pub(crate) async fn each_change_is_one_entry_with_before_and_after(world: &World) {
    let org = world.org().await;
    let user = world.store.create_user("a@example.org", "Ada", None).await.unwrap().id;
    world.store.set_membership(org, user, Role::Admin).await.unwrap();
    let before = log(&world.store, org, AuditFilter::default()).await.len();
    let by = By { reason: Some("because".to_owned()), ..By::from(Actor::User(user)) };
    let done = do_everything(world, org, by).await;
    let mut entries = log(&world.store, org, AuditFilter::default()).await;
    entries.truncate(entries.len() - before);
    entries.reverse();
    let told: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(told, done);
    for entry in &entries {
        let verb = entry.action.rsplit('.').next().unwrap();
        assert_eq!(entry.before.is_none(), verb == "created", "{entry:?}");
        assert_eq!(entry.after.is_none(), verb == "purged", "{entry:?}");
        assert_eq!(entry.actor, Actor::User(user));
        assert_eq!(entry.reason.as_deref(), Some("because"));
        let text = format!("{:?} {:?} {}", entry.before, entry.after, entry.detail).to_lowercase();
        assert!(!text.contains("hash") && !text.contains("secret_"), "{text}");
        let id = |value: &Value| value["id"].as_str().map(str::to_owned);
        let object = entry.after.as_ref().or(entry.before.as_ref()).and_then(id);
        assert_eq!(object, Some(entry.object_id.to_string()));
    }
    let names = world.store.actor_names(org, &[Actor::User(user)]).await.unwrap();
    assert_eq!(names.get(&user.0).map(String::as_str), Some("Ada"));
    let other = world.org().await;
    assert!(world.store.actor_names(other, &[Actor::User(user)]).await.unwrap().is_empty());
}

/// What is told of an alert, and of a window.
async fn snooze_and_maintain(world: &World, org: OrgId) -> Uuid {
    let (store, site) = (&world.store, world.site(org).await);
    let unit = world.unit(org, site).await.id;
    let alert = open_alert(unit, AlertKind::TemperatureHigh, 1);
    let transition = with_events(0, vec![event(AlertEventKind::Opened, &alert)]);
    store.commit(UnitCommit { transition, ..commit(org, site, unit) }).await.unwrap();
    let alert = store.alert(org, alert.id).await.unwrap().unwrap();
    for hours in [1, 2] {
        let until = NOON.plus_secs(hours * 3600);
        store.snooze_alert(&alert, until, "known", Actor::Hub).await.unwrap();
    }
    store.unsnooze_alert(org, alert.id, Actor::Hub).await.unwrap();
    let window = MaintenanceWindow {
        id: Uuid::now_v7(),
        org,
        site,
        unit: Some(unit),
        alert: None,
        kind: WindowKind::Maintenance,
        starts_at: NOON,
        ends_at: NOON.plus_secs(60),
        reason: "defrost".to_owned(),
        begun_at: None,
        ended_at: None,
        created_by: None,
        created_at: NOON,
        edition: Edition::default(),
    };
    store.plan_window(&window, Actor::Hub).await.unwrap();
    for secs in [1, 60] {
        store.window_told(&window, NOON.plus_secs(secs)).await.unwrap();
    }
    alert.id.0
}

/// The field of what was before and of what is after.
fn both(entry: &AuditEntry, field: &str) -> [Value; 2] {
    [&entry.before, &entry.after].map(|value| value.as_ref().unwrap()[field].clone())
}

pub(crate) async fn what_was_and_what_is_are_in_each_entry_of_people_sensors_and_windows(
    world: &World,
) {
    let (store, org) = (&world.store, world.org().await);
    let user = store.create_user("b@example.org", "Bob", None).await.unwrap().id;
    store.set_membership(org, user, Role::Viewer).await.unwrap();
    store.set_membership(org, user, Role::Owner).await.unwrap();
    let owner = || Editor { by: By::from(Actor::User(user)), role: Role::Owner };
    for n in 0..2 {
        let asked = NewInvitation {
            id: Uuid::now_v7(),
            email: "c@example.org".to_owned(),
            role: Role::Staff,
            secret_hash: [1; 32],
            expires_at: NOON.plus_secs(n * 10 + 5),
        };
        store.invite(org, asked, owner()).await.unwrap();
        world.clock.set(NOON.plus_secs(10)); // the first has expired
    }
    world.clock.set(NOON);
    store.remove_membership(org, user).await.unwrap();
    store.note_unclaimed(org, "70b3d57ed0000001", NOON, true).await.unwrap();
    store.forget_unclaimed(org, "70b3d57ed0000001", Actor::Hub).await.unwrap();
    let site = world.site(org).await;
    let unit = Some(world.unit(org, site).await.id);
    let device = NewDevice { name: "Probe".to_owned(), ..NewDevice::default() };
    let device = store.create_device(org, device, Actor::Hub).await.unwrap().id;
    for from in [NOON, NOON.plus_millis(-60_000)] {
        store.assign_device(org, device, unit, Some(from), Actor::Hub).await.unwrap();
    }
    let alert = snooze_and_maintain(world, org).await;

    let mut entries = log(store, org, AuditFilter::default()).await;
    entries.reverse();
    let named = |action: &str| -> Vec<&AuditEntry> {
        entries.iter().filter(|entry| entry.action == action).collect()
    };
    for entry in &entries {
        let verb = entry.action.rsplit('.').next().unwrap();
        let begins = matches!(verb, "created" | "snoozed" | "set");
        let ends = matches!(verb, "removed") || entry.action == "unclaimed_device.deleted";
        assert!(entry.before.is_some() || begins, "{entry:?}");
        assert_eq!(entry.after.is_none(), ends, "{entry:?}");
    }
    assert_eq!(named("membership.set")[0].before, None);
    assert_eq!(both(named("membership.set")[1], "role"), ["viewer", "owner"]);
    assert_eq!(named("membership.removed")[0].before.as_ref().unwrap()["role"], "owner");
    assert_eq!(both(named("invitation.expired")[0], "revokedAt")[0], Value::Null);
    let snoozed = named("alert.snoozed");
    assert_eq!((snoozed[0].object_id, &snoozed[0].before), (alert, &None));
    let ends = [1, 2].map(|hours| json!(NOON.plus_secs(hours * 3600).as_millis()));
    assert_eq!(both(snoozed[1], "endsAt"), ends, "the one that it ends, and itself");
    let [held, over] = both(named("alert.unsnoozed")[0], "endedAt");
    assert!(held.is_null() && !over.is_null());
    assert!(both(named("maintenance_window.begun")[0], "begunAt")[0].is_null());
    assert!(!both(named("maintenance_window.finished")[0], "endedAt")[1].is_null());
    let assigned = named("device.assigned");
    let detail = |entry: &AuditEntry| serde_json::from_str::<Value>(&entry.detail).unwrap();
    assert_eq!(detail(assigned[0])["before"], Value::Null);
    let moved = detail(assigned[1]);
    let from = [&moved["before"]["fromAt"], &moved["after"]["fromAt"]];
    let instants = [NOON, NOON.plus_millis(-60_000)].map(|at| json!(at.as_millis()));
    assert_eq!(from, [&instants[0], &instants[1]], "the sensor's own row tells nothing of it");
}

pub(crate) async fn two_who_rename_a_person_at_once_tell_one_story(world: &World) {
    let (store, org) = (&world.store, world.org().await);
    let user = store.create_user("d@example.org", "Dora", None).await.unwrap().id;
    store.set_membership(org, user, Role::Staff).await.unwrap();
    let names = ["Dora 1", "Dora 2", "Dora 3", "Dora 4"].map(|name| store.rename_user(user, name));
    for renamed in futures_util::future::join_all(names).await {
        renamed.unwrap();
    }
    let renamed = Some("user.updated".to_owned());
    let mut told = log(store, org, AuditFilter { action: renamed, ..Default::default() }).await;
    told.reverse();
    let mut name = json!("Dora");
    for entry in &told {
        let [before, after] = both(entry, "name");
        assert_eq!(before, name, "{told:?}");
        name = after;
    }
    assert_eq!(told.len(), 4);
    let nobody = store.rename_user(UserId(Uuid::nil()), "x").await;
    assert!(matches!(nobody, Err(hub_store::StoreError::NotFound)), "{nobody:?}");
}

pub(crate) async fn entries_are_narrowed_newest_first(world: &World) {
    let (store, org) = (&world.store, world.org().await);
    let (ada, bob) = (UserId(Uuid::now_v7()), UserId(Uuid::now_v7()));
    let mut keys = Vec::new();
    for n in 0..6_u32 {
        world.clock.set(NOON.plus_secs(n));
        let by = Actor::User(if n % 2 == 0 { ada } else { bob });
        let id = KeyId(Uuid::now_v7());
        store.create_api_key(org, id, None, "key", [0; 32], by).await.unwrap();
        keys.push(id.0);
    }
    store.revoke_api_key(org, KeyId(keys[1]), Actor::User(ada)).await.unwrap();
    let of = |filter: AuditFilter| async move {
        let entries = log(store, org, filter).await;
        assert!(entries.is_sorted_by(|a, b| a.id > b.id));
        entries.into_iter().map(|entry| entry.object_id).collect::<Vec<_>>()
    };
    let none = AuditFilter::default;
    let kind = Some("api_key".to_owned());
    assert_eq!(of(AuditFilter { object_kind: kind, ..none() }).await.len(), 7);
    assert_eq!(of(AuditFilter { object_id: Some(keys[1]), ..none() }).await, [keys[1]; 2]);
    assert_eq!(of(AuditFilter { actor: Some(bob.0), ..none() }).await, [keys[5], keys[3], keys[1]]);
    let action = Some("api_key.revoked".to_owned());
    assert_eq!(of(AuditFilter { action: action.clone(), ..none() }).await, [keys[1]]);
    let (from, to) = (Some(NOON.plus_secs(2)), Some(NOON.plus_secs(4)));
    assert_eq!(of(AuditFilter { from, to, ..none() }).await, [keys[3], keys[2]]);
    assert!(of(AuditFilter { from, to, action, ..none() }).await.is_empty());
    let elsewhere = AuditFilter { object_id: Some(keys[1]), ..none() };
    assert!(log(store, world.org().await, elsewhere).await.is_empty());
}

pub(crate) async fn a_contact_is_kept_while_a_policy_names_them(world: &World) {
    use hub_store::StoreError;
    let (store, org, by) = (&world.store, world.org().await, Actor::Hub);
    let who = store.create_contact(org, contact("one"), by).await.unwrap();
    let scope = RuleScope::Organization(org);
    let policy = store.create_policy(org, "Night", scope, plan(who.id), by).await.unwrap();
    let refused = store.delete_contact(org, who.id, by).await;
    let named = |by: &str| by.contains("Night") && by.contains(&policy.id.to_string());
    assert!(matches!(&refused, Err(StoreError::HeldBy(by)) if named(by)), "{refused:?}");
    let phone = Some("+4930123456".to_owned());
    let without = ContactIn { email: None, phone, ..contact("one") };
    let refused = store.edit_contact(org, who.id, 1, without.clone(), by).await;
    assert!(matches!(refused, Err(StoreError::HeldBy(_))), "{refused:?}");
    store.delete_policy(org, policy.id, by).await.unwrap();
    store.edit_contact(org, who.id, 1, without, by).await.unwrap();
    let refused = store.restore_policy(org, policy.id, by).await;
    assert!(matches!(refused, Err(StoreError::Incomplete(_))), "{refused:?}");
    store.delete_contact(org, who.id, by).await.unwrap();
    let refused = store.create_policy(org, "Day", scope, plan(who.id), by).await;
    assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    let deleted = all_pages(|page| store.contacts(org, Life::Deleted, page)).await;
    assert_eq!(deleted.iter().map(|contact| contact.id).collect::<Vec<_>>(), [who.id]);
}

/// What is said against each attempt on the log.
async fn refusals(db: &mut sqlx::PgConnection) -> Vec<String> {
    let mut said = Vec::new();
    for sql in ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
    {
        said.push(db.execute(sql).await.unwrap_err().to_string());
    }
    said
}

#[tokio::test]
async fn none_of_the_hubs_roles_may_change_the_log_and_its_owner_cannot() {
    let world = World::on_postgres().await;
    let org = world.org().await;
    let mut db = sqlx::PgConnection::connect(&world.url).await.unwrap();
    for said in refusals(&mut db).await {
        assert!(said.contains("append-only"), "as the owner: {said}");
    }
    let name = sqlx::query("SELECT set_config('hub.org_id', $1, FALSE)").bind(org.0.to_string());
    name.execute(&mut db).await.unwrap();
    for role in ["SET ROLE hub_api", "SET ROLE hub_writer"] {
        db.execute(role).await.unwrap();
        let seen: i64 =
            sqlx::query_scalar("SELECT count(*) FROM audit_log").fetch_one(&mut db).await.unwrap();
        assert!(seen > 0, "{role} reads the log");
        for said in refusals(&mut db).await {
            assert!(said.contains("permission denied"), "as {role}: {said}");
        }
        db.execute("RESET ROLE").await.unwrap();
    }
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit_log").fetch_one(&mut db).await.unwrap();
    assert_eq!(
        kept,
        i64::try_from(log(&world.store, org, AuditFilter::default()).await.len()).unwrap()
    );
}
