//! PgBouncer in front of the database: one of sessions carries a hub, and of another it says what to do.

use std::{
    process::{Command, Output},
    sync::Arc,
};

use freshtrack_hub::clock::SystemClock;
use hub_store::{OpenError, OpenOptions, Store};
use hub_testkit::{
    hub::{HubBuilder, HubProcess},
    mail_sink::MailSink,
    pooler::{self, PgBouncer, PoolMode},
    postgres::PrivatePostgres,
    socket::{Publication, Socket},
};
use serde_json::json;

use crate::promises::{SOON, Story, ago, assert_counts, reading};

/// The first PgBouncer that tells one client's prepared statements from another's.
const CARRIES_STATEMENTS: (u32, u32) = (1, 21);

/// A database, by a pooler with further settings and by the server itself.
struct Pooled {
    pooled: String,
    direct: String,
    pooler: PgBouncer,
}

fn pooled(mode: PoolMode, settings: &[&str]) -> Pooled {
    let server = PrivatePostgres::shared();
    let url = server.create_database();
    let database = url.rsplit('/').next().unwrap();
    let pooler = PgBouncer::start(server.port(), "hub", mode, settings).unwrap();
    Pooled { pooled: pooler.url(database), direct: server.direct_url(database), pooler }
}

/// What carries statements, where this PgBouncer can.
fn carrying() -> Option<&'static str> {
    let version = pooler::version().unwrap();
    (version >= CARRIES_STATEMENTS).then_some("max_prepared_statements = 200")
}

/// A hub that is to end by itself.
fn serve(url: &str, pooled: Option<&str>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Command::new(env!("CARGO_BIN_EXE_hub"));
    hub.args(["serve", "--listen", "127.0.0.1:0"]).env_clear();
    hub.env("HUB_DATA_DIR", folder.path()).env("DATABASE_URL", url);
    hub.envs(pooled.map(|pooled| ("DATABASE_POOLED_URL", pooled)));
    hub.output().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    let last = errors.trim().lines().last().unwrap_or_default();
    assert!(words.iter().all(|word| last.contains(word)), "{errors}");
}

/// Readings in, an alert told and read, a job done; then all of it by a hub that was killed and started again.
async fn do_the_main_things(builder: HubBuilder) {
    let mail = MailSink::start();
    let mut story = Story::on(builder.env("HUB_SMTP_URL", mail.url())).await;
    let unit = story.unit("Walk-in", json!({})).await;
    let mut socket =
        Socket::connect(&story.hub.socket_url(), &story.token).await.expect("the hub accepts");
    socket.subscribe(&format!("site:{}", story.site)).await.expect("a member may");
    let sent = json!([reading(&unit, ago(120), 3.0), reading(&unit, ago(1), 9.0)]);
    assert_counts(&story.api.ingest(sent.clone()).await, 2, 0, 0);
    let opened = |publication: &Publication| publication.data["event"] == "opened";
    socket.publication_where(SOON, opened).await.expect("it is told");
    assert_eq!(story.alerts(&unit, "temperature_high").await.len(), 1);
    let invited = json!({ "email": "new@example.test", "role": "staff" });
    story.api.create("/api/v1/invitations", invited).await;
    mail.until_messages(1).await; // a job, from the queue to a mail server
    // its sessions are another's now: its locks, its roles and its statements are not
    story.hub.kill9();
    story.hub.restart().await.expect("the hub starts again");
    assert_counts(&story.api.ingest(sent).await, 0, 0, 2);
    assert_eq!(story.readings(&unit).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_works_through_a_pooler_of_sessions() {
    let settings = ["default_pool_size = 40", "max_client_conn = 200"]; // as docs/SETTINGS.md says
    let made = tokio::task::spawn_blocking(move || pooled(PoolMode::Session, &settings));
    let made = made.await.unwrap();
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    do_the_main_things(builder.database_url(&made.pooled)).await;
}

#[test]
fn a_pooler_that_keeps_no_sessions_is_refused_with_a_sentence() {
    let words = ["DATABASE_URL", "pool_mode = session", "PostgreSQL's own address"];
    for mode in [PoolMode::Transaction, PoolMode::Statement] {
        let made = pooled(mode, &[]);
        for _ in 0..2 {
            // the second finds what the first has left in the server's sessions
            assert_refused(&serve(&made.pooled, None), 2, &words);
        }
    }
    // one connection: whoever held it while asking for another would wait for ever
    let made = pooled(PoolMode::Transaction, &["default_pool_size = 1"]);
    assert_refused(&serve(&made.pooled, None), 2, &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_sessions_with_too_few_of_them_is_named_with_the_number_that_it_takes() {
    let settings = ["default_pool_size = 1"];
    let made = tokio::task::spawn_blocking(move || pooled(PoolMode::Session, &settings));
    let made = made.await.unwrap();
    // a hub would ask again for half a minute
    let options =
        OpenOptions { url: made.pooled.clone(), max_connections: 16, clock: Arc::new(SystemClock) };
    let Err(OpenError::Unreachable(said)) = Store::open(options).await else { panic!("opened") };
    assert!(said.contains("default_pool_size") && said.contains("36 connections"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_one_organization_goes_through_a_pooler_of_transactions_that_carries_statements()
{
    let Some(carries) = carrying() else {
        eprintln!("skipped: PgBouncer is older than 1.21");
        return;
    };
    // fewer connections than the hub has for it: sessions change hands
    let settings = [carries, "default_pool_size = 2"];
    let made = tokio::task::spawn_blocking(move || pooled(PoolMode::Transaction, &settings));
    let made = made.await.unwrap();
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(&made.direct);
    do_the_main_things(builder.env("DATABASE_POOLED_URL", &made.pooled)).await;
}

#[test]
fn a_pooled_address_that_does_not_carry_statements_is_refused_with_a_sentence() {
    let none = carrying().map(|_| "max_prepared_statements = 0");
    for mode in [PoolMode::Transaction, PoolMode::Statement] {
        let made = pooled(mode, none.as_slice());
        for _ in 0..2 {
            let words = ["DATABASE_POOLED_URL", "1.21", "max_prepared_statements"];
            assert_refused(&serve(&made.direct, Some(&made.pooled)), 2, &words);
        }
    }
}

#[test]
fn a_pooled_address_of_another_database_is_refused() {
    let made = pooled(PoolMode::Session, &[]);
    let words = ["DATABASE_POOLED_URL", "another database"];
    assert_refused(&serve(&made.direct, Some(&made.pooler.url("postgres"))), 2, &words);
}
