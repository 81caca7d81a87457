//! Deleted, restored, erased.

use std::time::{Duration, Instant};

use hub_testkit::{api::Api, wait};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::{BACKENDS, Backend, World, ago, delete, patch, text};

const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_renamed_by_its_admins_alone() {
    let world = World::begin(Backend::Sqlite).await;
    let path = format!("/api/v1/organizations/{}", world.made.organization_id);
    let (admin, manager) = (world.member("admin").await, world.member("manager").await);
    assert_eq!(manager.api.read(&path).await["name"], "Acme");
    assert_eq!(patch(&manager.api, &path, json!({ "name": "x" })).await.status, 403);
    let renamed = patch(&admin.api, &path, json!({ "name": "Acme & Söhne" })).await;
    assert_eq!(
        (renamed.status.as_u16(), &renamed.headers["etag"]),
        (200, &"\"2\"".parse().unwrap())
    );
    assert_eq!(manager.api.read("/api/v1/organizations").await["items"][0]["name"], "Acme & Söhne");
    assert_eq!(patch(&admin.api, &path, json!({ "name": " x" })).await.status, 422);
    let (theirs, _) = world.hub.owner("Theirs").await.unwrap();
    let foreign = format!("/api/v1/organizations/{}", theirs.organization_id);
    assert_eq!(world.owner.get(&foreign).await.status, 404);
    assert_eq!(patch(&world.owner, &foreign, json!({ "name": "x" })).await.status, 404);
    assert_eq!(delete(&world.owner, &foreign).await.status, 404);
    assert_eq!(world.owner.post(&format!("{foreign}/restore"), &json!(null)).await.status, 404);
    assert_eq!(delete(&admin.api, &path).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_organization_is_refused_everything_until_its_owner_restores_it() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let (hub, owner) = (&world.hub, &world.owner);
        let path = format!("/api/v1/organizations/{}", world.made.organization_id);
        let site = owner.create_site("Kitchen").await;
        let unit = owner.create_unit(&site, "Unit").await;
        let network = owner.create("/api/v1/ttn-connections", json!({ "name": "Network" })).await;
        let link = json!({ "name": "x", "siteIds": [site], "expiresAt": ago(-3600) });
        let link = owner.create("/api/v1/inspector-links", link).await;
        let inspector = hub.api().with_token(text(&link["token"]));
        let admin = world.member("admin").await;
        let invited = json!({ "email": "late@example.test", "role": "staff" });
        let invited = owner.create("/api/v1/invitations", invited).await;
        let reading = || json!([{ "unitId": unit, "temperature": 4.0, "recordedAt": ago(0) }]);
        owner.ingest(reading()).await;
        assert_eq!(inspector.get("/api/v1/sites").await.status, 200);
        assert_eq!(
            owner.post(&format!("{path}/restore"), &json!(null)).await.code(),
            "not_deleted"
        );

        assert_eq!(delete(owner, &path).await.status, 204);
        let deleted = Instant::now();
        for api in [owner, &admin.api] {
            assert_eq!(api.get("/api/v1/sites").await.code(), "no_organization");
            assert_eq!(api.read("/api/v1/organizations").await["items"], json!([]));
            assert_eq!(api.read("/api/v1/me").await["organizations"], json!([]));
            let named = api.clone().with_organization(&world.made.organization_id);
            for list in ["sites", "units", "alerts", "members"] {
                assert_eq!(named.get(&format!("/api/v1/{list}")).await.status, 404, "{list}");
            }
            assert_eq!(named.get(&path).await.status, 404);
        }
        let accept = json!({ "token": invited["token"], "name": "x", "password": super::PASSWORD });
        assert_eq!(hub.api().post("/api/v1/auth/accept-invitation", &accept).await.status, 401);
        wait::until("the key to be refused", Duration::from_secs(6), || async {
            (owner.try_ingest(&reading()).await.unwrap().status == 401).then_some(())
        })
        .await;
        wait::until("the link to be refused", Duration::from_secs(6), || async {
            (inspector.get("/api/v1/sites").await.status == 401).then_some(())
        })
        .await;
        let webhook = hub.api().request(reqwest::Method::POST, text(&network["path"]));
        let webhook = webhook.header("X-Webhook-Secret", text(&network["secret"])).json(&json!({}));
        assert_eq!(hub.api().send(webhook).await.unwrap().status, 401);
        assert!(deleted.elapsed() < Duration::from_secs(6), "{:?}", deleted.elapsed());

        let waiting = owner.read("/api/v1/organizations?deleted=true").await;
        assert_eq!(waiting["items"][0]["id"], *world.made.organization_id);
        assert!(!waiting["items"][0]["deletedAt"].is_null());
        assert_eq!(admin.api.read("/api/v1/organizations?deleted=true").await["items"], json!([]));
        let restore = format!("{path}/restore");
        assert_eq!(admin.api.post(&restore, &json!(null)).await.status, 404);
        let back = owner.post(&restore, &json!(null)).await.expect(200);
        assert_eq!(back["deletedAt"], json!(null));
        assert_eq!(admin.api.list("/api/v1/sites").await.len(), 1);
        wait::until("the key to be taken", Duration::from_secs(10), || async {
            let answer = owner.try_ingest(&reading()).await.unwrap();
            (answer.status == 200 && answer.body["accepted"] == 1).then_some(())
        })
        .await;
        assert_eq!(owner.live(&unit).await["temperature"], 4.0);
    }
}

/// A look into the database past the hub.
enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    async fn of(world: &World) -> Self {
        let url = &world.database;
        if url.starts_with("sqlite") {
            Self::Sqlite(SqliteConnection::connect(url).await.expect("the file opens"))
        } else {
            Self::Postgres(PgConnection::connect(url).await.expect("the server answers"))
        }
    }

    async fn run(&mut self, sql: String) {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Postgres(connection) => drop(sqlx::query(sql).execute(connection).await.unwrap()),
            Self::Sqlite(connection) => drop(sqlx::query(sql).execute(connection).await.unwrap()),
        }
    }

    async fn count(&mut self, sql: String) -> i64 {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
        }
        .unwrap()
    }

    /// Every table with rows of organizations, as the database knows them.
    async fn tables(&mut self) -> Vec<String> {
        match self {
            Self::Postgres(connection) => {
                let sql = "SELECT relname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'org_id'
                    WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND relname <> 'erasures'";
                sqlx::query_scalar(sql).fetch_all(connection).await
            }
            Self::Sqlite(connection) => {
                let sql = "SELECT tables.name FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
                    WHERE tables.type = 'table' AND columns.name = 'org_id' AND tables.name <> 'erasures'";
                sqlx::query_scalar(sql).fetch_all(connection).await
            }
        }
        .unwrap()
    }

    fn id(&self, id: &str) -> String {
        match self {
            Self::Postgres(_) => format!("'{id}'::uuid"),
            Self::Sqlite(_) => format!("x'{}'", id.replace('-', "")),
        }
    }

    async fn readings_of(&mut self, org: &str) -> i64 {
        let org = self.id(org);
        self.count(format!("SELECT count(*) FROM readings WHERE org_id = {org}")).await
    }

    /// As many readings as a unit gathers in months.
    async fn fill(&mut self, org: &str, unit: &str, count: u32) {
        let (org, unit) = (self.id(org), self.id(unit));
        let series = match self {
            Self::Postgres(_) => format!("generate_series(1, {count}) AS series (n)"),
            Self::Sqlite(_) => format!(
                "(WITH RECURSIVE series (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < {count}) SELECT n FROM series) AS series"
            ),
        };
        let at = chrono::Utc::now().timestamp_millis();
        self.run(format!(
            "INSERT INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature, is_late)
            SELECT {org}, {unit}, {unit}, 't', {at} - CAST(n AS BIGINT) * 60000, 0, {at}, 4000, TRUE FROM {series}"
        ))
        .await;
    }
}

async fn ask_for_erasure(api: &Api, organization: &str, name: &str) -> hub_testkit::api::Answer {
    let path = format!("/api/v1/organizations/{organization}/erasure");
    api.post(&path, &json!({ "name": name })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_a_kill_cuts_is_finished_by_the_next_start() {
    const READINGS: u32 = 150_000;
    for backend in BACKENDS {
        let mut world = World::begin(backend).await;
        let organization = world.made.organization_id.clone();
        let site = world.owner.create_site("Kitchen").await;
        let unit = world.owner.create_unit(&site, "Unit").await;
        let admin = world.member("admin").await;
        let (theirs, other) = world.hub.owner("Theirs").await.unwrap();
        let their_site = other.create_site("Elsewhere").await;
        let their_unit = other.create_unit(&their_site, "Unit").await;
        let mut db = Database::of(&world).await;
        db.fill(&organization, &unit, READINGS).await;
        db.fill(&theirs.organization_id, &their_unit, 1_000).await;
        assert_eq!(
            ask_for_erasure(&world.owner, &organization, "Acme").await.code(),
            "not_deleted"
        );
        let path = format!("/api/v1/organizations/{organization}");
        assert_eq!(delete(&world.owner, &path).await.status, 204);
        let wrong = ask_for_erasure(&world.owner, &organization, "acme").await;
        assert_eq!(
            (wrong.status.as_u16(), &wrong.body["errors"][0]["pointer"]),
            (422, &json!("/name"))
        );
        assert_eq!(ask_for_erasure(&admin.api, &organization, "Acme").await.status, 404);
        assert_eq!(ask_for_erasure(&other, &organization, "Acme").await.status, 404);
        let asked = ask_for_erasure(&world.owner, &organization, "Acme").await.expect(202);
        assert_eq!(asked["organizationId"], *organization);

        let some = i64::from(READINGS) - 1;
        let begun = Instant::now();
        while db.readings_of(&organization).await > some {
            assert!(begun.elapsed() < SOON, "{backend:?}: the erasure does not begin");
        }
        world.hub.kill9();
        let left = db.readings_of(&organization).await;
        assert!(left > 0, "{backend:?}: it was killed in the middle");
        let id = db.id(&organization);
        let open = format!("SELECT count(*) FROM erasures WHERE org_id = {id} AND done_at IS NULL");
        assert_eq!(db.count(open.clone()).await, 1);
        world.hub.restart().await.unwrap();
        let begun = Instant::now();
        while db.count(open.clone()).await > 0 {
            assert!(begun.elapsed() < SOON, "{backend:?}: the erasure is not finished");
            // others are served meanwhile, and soon
            let asked = Instant::now();
            other.create_site("Another").await;
            assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for table in db.tables().await {
            let rows = format!("SELECT count(*) FROM {table} WHERE org_id = {id}");
            assert_eq!(db.count(rows).await, 0, "{backend:?}: {table}");
        }
        assert_eq!(
            db.count(format!("SELECT count(*) FROM organizations WHERE id = {id}")).await,
            0
        );
        assert_eq!(db.count(format!("SELECT count(*) FROM erasures WHERE org_id = {id}")).await, 1);
        assert_eq!(db.readings_of(&theirs.organization_id).await, 1_000);
        assert_eq!(world.owner.get("/api/v1/sites").await.status, 401, "a token of nobody");
        let asked = json!({ "email": world.made.email, "password": super::PASSWORD });
        let signed_in = world.hub.api().post("/api/v1/auth/sign-in", &asked).await;
        assert_eq!(signed_in.code(), "bad_credentials", "its people are gone, too");
        assert_eq!(other.get("/api/v1/sites").await.status, 200);
    }
}
