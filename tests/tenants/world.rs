//! Two organizations made alike, through the interface: one asks, the other's things must not be found.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use hub_testkit::{
    hub::{HubBuilder, HubProcess, PASSWORD},
    postgres::PrivatePostgres,
    rows::{self, Owned, Rows},
    wait,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    asking::Heard,
    document::{self, Operation},
    samples,
    table::CHOSEN,
    tenant::{OURS, THEIRS, Tenant, text},
};

/// The two, and what the interface says of itself.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) operations: Vec<Operation>,
    pub(crate) ours: Tenant,
    pub(crate) theirs: Tenant,
}

/// Where the two were made, to be copied.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) world: World,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Sqlite(Vec<u8>),
    Postgres(String),
}

/// A running hub on a copy.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) hub: HubProcess,
    pub(crate) rows: Rows,
    _folder: TempDir,
}

/// The two organizations in a SQLite file.
pub(crate) async fn on_sqlite() -> &'static Prepared {
    static PREPARED: OnceCell<Prepared> = OnceCell::const_new();
    PREPARED.get_or_init(|| async { prepare(None).await.expect("the two are made") }).await
}

/// The two organizations in a PostgreSQL database.
pub(crate) async fn on_postgres() -> &'static Prepared {
    static PREPARED: OnceCell<Prepared> = OnceCell::const_new();
    let server = tokio::task::spawn_blocking(PrivatePostgres::shared).await.expect("a server");
    PREPARED
        .get_or_init(|| async {
            let url = tokio::task::spawn_blocking(|| server.create_database()).await.expect("one");
            prepare(Some(url)).await.expect("the two are made")
        })
        .await
}

impl Prepared {
    /// Starts a hub on a copy; `forgets` is a place of the store that forgets whose rows it is to see.
    pub(crate) async fn start(&self, forgets: Option<&str>) -> Running {
        let folder = tempfile::Builder::new().prefix("hub-tenants-").tempdir().expect("a folder");
        let mut builder = builder(folder.path());
        if let Some(place) = forgets {
            builder = builder.env("HUB_FORGET_TENANT_AT", place);
        }
        let url = match &self.origin {
            Origin::Sqlite(bytes) => {
                std::fs::write(file(folder.path()), bytes).expect("the copy is written");
                sqlite_url(folder.path())
            }
            Origin::Postgres(origin) => {
                let name = format!("copy_{}", uuid::Uuid::now_v7().simple());
                let sql = format!("CREATE DATABASE {name} TEMPLATE {origin}");
                let server = PrivatePostgres::shared();
                let url = server.url(&name);
                tokio::task::spawn_blocking(move || server.run_sql("postgres", &sql))
                    .await
                    .expect("the copy is made");
                builder = builder.database_url(&url);
                url
            }
        };
        let hub = builder.start().await.expect("the hub starts");
        let rows = Rows::open(&url).await.expect("its database is there");
        Running { hub, rows, _folder: folder }
    }
}

fn builder(folder: &Path) -> HubBuilder {
    HubProcess::builder(env!("CARGO_BIN_EXE_hub")).data(folder).env("HUB_LOG", "warn")
}

fn file(folder: &Path) -> PathBuf {
    folder.join("hub.db")
}

fn sqlite_url(folder: &Path) -> String {
    format!("sqlite://{}", file(folder).display())
}

async fn prepare(database: Option<String>) -> anyhow::Result<Prepared> {
    let folder = tempfile::Builder::new().prefix("hub-tenants-").tempdir()?;
    let with = |builder: HubBuilder| match &database {
        Some(url) => builder.database_url(url),
        None => builder,
    };
    let mut hub = with(builder(folder.path())).start().await?;
    let url = database.clone().unwrap_or_else(|| sqlite_url(folder.path()));
    let rows = Rows::open(&url).await?;
    let document = hub.api().read("/api/openapi.json").await;
    let operations = document::operations(&document);
    let wanting = samples::wanting(&operations);
    anyhow::ensure!(
        wanting.is_empty(),
        "the table of samples is not whole:\n{}",
        wanting.join("\n")
    );
    let ours = Tenant::make(&hub, &rows, &operations, OURS).await?;
    let theirs = Tenant::make(&hub, &rows, &operations, THEIRS).await?;
    hub.terminate().await?;
    let mut world = World { operations, ours, theirs };
    let mut brief = with(builder(folder.path())).env("HUB_TOKEN_SECS", "1").start().await?;
    let asked = json!({ "email": world.ours.email, "password": PASSWORD });
    let signed_in = brief.api().post("/api/v1/auth/sign-in", &asked).await.expect(200);
    world.ours.expired = text(&signed_in, "token");
    let expired = brief.api().with_token(&world.ours.expired);
    wait::until("the token to expire", Duration::from_secs(90), || async {
        (expired.get("/api/v1/me").await.status == 401).then_some(())
    })
    .await;
    // what changes of sensors leave to be done is done: later the hub would do it between two looks at the rows
    wait::until("chores to be carried through", Duration::from_secs(90), || async {
        let left = rows.texts("SELECT CAST(count(*) AS TEXT) FROM device_chores").await.ok()?;
        (left == ["0"]).then_some(())
    })
    .await;
    brief.terminate().await?;
    rows.close().await;
    let origin = match &database {
        None => Origin::Sqlite(std::fs::read(file(folder.path()))?),
        Some(url) => Origin::Postgres(url.rsplit('/').next().unwrap_or_default().to_owned()),
    };
    Ok(Prepared { world, origin })
}

/// What of one organization must not be told the other.
#[derive(Debug)]
pub(crate) struct Needles {
    ids: BTreeSet<String>,
    words: Vec<String>,
}

impl Needles {
    /// All ids in the rows of `theirs` that are in none of `ours`, and the words of all its texts.
    pub(crate) async fn of(theirs: &Tenant, ours: &Tenant, rows: &Rows) -> Self {
        let found = rows::ids(&rows.of(&theirs.org).await.expect("their rows"));
        let own = rows::ids(&rows.of(&ours.org).await.expect("our rows"));
        let words = [theirs.word, theirs.eui, theirs.phone].map(str::to_owned);
        let words = words.into_iter().chain([theirs.temperature.to_string()]).collect();
        let mut ids: BTreeSet<String> = found.difference(&own).cloned().collect();
        for kind in CHOSEN {
            ids.remove(theirs.things.get(*kind).map_or("", String::as_str));
        }
        Self { ids, words }
    }

    /// What of it is in an answer.
    pub(crate) fn found_in(&self, heard: &Heard) -> Option<String> {
        self.in_text(&heard.all())
    }

    /// What of it is in a text.
    pub(crate) fn in_text(&self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        let word = self.words.iter().find(|word| text.contains(word.as_str())).cloned();
        word.or_else(|| rows::ids_in(&text).intersection(&self.ids).next().cloned())
    }

    /// What of it is in rows.
    pub(crate) fn ids_in(&self, owned: &Owned) -> impl Iterator<Item = String> {
        let found: Vec<String> = rows::ids(owned).intersection(&self.ids).cloned().collect();
        found.into_iter()
    }

    /// How many ids are looked for.
    pub(crate) fn count(&self) -> usize {
        self.ids.len()
    }
}
