//! PgBouncer in front of the database: one of sessions carries a hub, and of another it says what to do.

use std::process::{Command, Output};

use hub_testkit::{
    hub::HubProcess,
    mail_sink::MailSink,
    pooler::{PgBouncer, PoolMode},
    postgres::PrivatePostgres,
    socket::Socket,
};
use serde_json::json;

use crate::promises::{SOON, Story, ago, assert_counts, reading};

/// A database at the server itself, and a pooler before it with further settings.
fn pooled(mode: PoolMode, settings: &[&str]) -> (String, PgBouncer) {
    let server = PrivatePostgres::shared();
    let url = server.create_database();
    let database = url.rsplit('/').next().unwrap();
    let pooler = PgBouncer::start(server.port(), "hub", mode, settings).unwrap();
    (pooler.url(database), pooler)
}

/// A hub that is to end by itself.
fn serve(url: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_hub"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("HUB_DATA_DIR", folder.path())
        .env("DATABASE_URL", url)
        .output()
        .unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    let last = errors.trim().lines().last().unwrap_or_default();
    assert!(words.iter().all(|word| last.contains(word)), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_works_through_a_pooler_of_sessions() {
    let settings = ["default_pool_size = 38", "max_client_conn = 100"]; // as docs/SETTINGS.md says
    let pooled = tokio::task::spawn_blocking(move || pooled(PoolMode::Session, &settings));
    let (url, _pooler) = pooled.await.unwrap();
    let mail = MailSink::start();
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(url);
    let builder = builder.env("HUB_SMTP_URL", mail.url());
    let mut story = Story::on(builder).await;
    let unit = story.unit("Walk-in", json!({})).await;
    let mut socket =
        Socket::connect(&story.hub.socket_url(), &story.token).await.expect("the hub accepts");
    socket.subscribe(&format!("site:{}", story.site)).await.expect("a member may");
    let sent = json!([reading(&unit, ago(120), 3.0), reading(&unit, ago(1), 9.0)]);
    assert_counts(&story.api.ingest(sent.clone()).await, 2, 0, 0);
    let opened =
        |publication: &hub_testkit::socket::Publication| publication.data["event"] == "opened";
    socket.publication_where(SOON, opened).await.expect("it is told");
    assert_eq!(story.alerts(&unit, "temperature_high").await.len(), 1);
    let invited = json!({ "email": "new@example.test", "role": "staff" });
    story.api.create("/api/v1/invitations", invited).await;
    mail.until_messages(1).await; // a job, from the queue to a mail server
    // the sessions of a hub that is gone are another's: its locks, its roles and its statements are not
    story.hub.kill9();
    story.hub.restart().await.expect("the hub starts again");
    assert_counts(&story.api.ingest(sent).await, 0, 0, 2);
    assert_eq!(story.readings(&unit).await.len(), 2);
}

#[test]
fn a_pooler_that_keeps_no_sessions_is_refused_with_a_sentence() {
    for mode in [PoolMode::Transaction, PoolMode::Statement] {
        let (url, _pooler) = pooled(mode, &[]);
        for _ in 0..2 {
            // the second finds what the first has left in the server's sessions
            let words = ["DATABASE_URL", "pool_mode = session", "PostgreSQL's own address"];
            assert_refused(&serve(&url), 2, &words);
        }
    }
    // one connection: whoever held it while asking for another would wait for ever
    let (url, _pooler) = pooled(PoolMode::Transaction, &["default_pool_size = 1"]);
    assert_refused(&serve(&url), 2, &["pool_mode = session"]);
}

#[test]
fn a_pooler_of_sessions_with_too_few_of_them_is_named_with_the_number_that_it_takes() {
    let (url, _pooler) = pooled(PoolMode::Session, &["default_pool_size = 1"]);
    assert_refused(&serve(&url), 1, &["default_pool_size", "36 connections"]);
}
