//! What only databases have: a schema, settings that may be unsafe, partitions, triggers.

use std::path::Path;

use hub_domain::{Timestamp, UnitId};
use hub_migrations::{Migrator, MigratorTrait as _};
use hub_store::{
    CommitError, OpenError, Store, UnitCommit,
    records::{Actor, PageQuery},
};
use hub_testkit::postgres::PrivatePostgres;
use sea_orm::Database;
use sqlx::Connection as _;

use crate::{
    commits::{commit, reading},
    world::{HandClock, NOON, World, on_a_thread, options},
};

fn database_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

fn clock() -> std::sync::Arc<HandClock> {
    std::sync::Arc::new(HandClock::at(NOON))
}

fn sqlite_url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("hub.db").display())
}

async fn up_down_up(url: &str) {
    let db = Database::connect(format!(
        "{url}{}",
        if url.starts_with("sqlite") { "?mode=rwc" } else { "" }
    ))
    .await
    .unwrap();
    let count = u32::try_from(Migrator::migrations().len()).unwrap();
    Migrator::up(&db, None).await.unwrap();
    for _ in 0..count {
        Migrator::down(&db, Some(1)).await.unwrap();
    }
    assert_eq!(Migrator::get_applied_migrations(&db).await.unwrap().len(), 0);
    Migrator::up(&db, None).await.unwrap();
    assert_eq!(Migrator::get_pending_migrations(&db).await.unwrap().len(), 0);
    db.close().await.unwrap();
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    up_down_up(&sqlite_url(folder.path())).await;
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again_on_postgres() {
    let server = PrivatePostgres::shared();
    let url = server.create_database();
    up_down_up(&url).await;
    let functions = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'audit%'";
    assert_eq!(server.run_sql(database_of(&url), functions), "2");
}

/// Somebody who may make roles, owns the database, and is no superuser: what a hosted PostgreSQL gives. From 16 on such a
/// login may not at once act as what it made.
#[tokio::test]
async fn a_login_that_may_make_roles_and_is_no_superuser_will_do() {
    let server = PrivatePostgres::start().unwrap(); // on the common one a superuser has made the roles
    let url = server.create_database();
    let database = database_of(&url);
    server.run_sql("postgres", "CREATE ROLE modest LOGIN CREATEROLE NOSUPERUSER");
    server.run_sql("postgres", &format!("ALTER DATABASE {database} OWNER TO modest"));
    let url = url.replacen("://hub@", "://modest@", 1);
    let store = Store::open(options(&url, clock())).await.unwrap();
    store.migrate().await.unwrap();
    // one change of each of the two roles, and a question of each
    let org = store.create_organization("Modest", Actor::Hub).await.unwrap().id;
    let site = store.create_site(org, "Site", "UTC", Actor::Hub).await.unwrap().id;
    let unit = store.create_unit(org, site, None, "Unit", None, Actor::Hub).await.unwrap().id;
    let fresh = vec![reading(unit, NOON, 4_000)];
    store.commit(UnitCommit { fresh, ..commit(org, site, unit) }).await.unwrap();
    let page = PageQuery { limit: 5, cursor: None };
    let read = store.readings(org, unit, NOON, NOON.plus_secs(1), page).await.unwrap();
    assert_eq!(read.items.len(), 1);
    assert_eq!(store.site_of_unit(unit).await.unwrap(), Some((org, site)));
    store.close().await;
}

async fn migrate_from_two_at_once(url: String) {
    let migrate = |url: String| async move {
        let store = Store::open(options(&url, clock())).await.unwrap();
        store.migrate().await.unwrap();
        assert!(store.ping().await.is_ok());
        assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
        store.close().await;
    };
    std::thread::scope(|scope| {
        let two = [url.clone(), url].map(|url| scope.spawn(move || on_a_thread(migrate(url))));
        two.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[tokio::test]
async fn two_that_migrate_at_once_do_not_meet_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    migrate_from_two_at_once(sqlite_url(folder.path())).await;
}

#[tokio::test]
async fn two_that_migrate_at_once_do_not_meet_on_postgres() {
    migrate_from_two_at_once(PrivatePostgres::shared().create_database()).await;
}

#[tokio::test]
async fn pending_migrations_are_named_in_an_empty_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(&sqlite_url(folder.path()), clock())).await.unwrap();
    let pending = store.pending_migrations().await.unwrap();
    assert_eq!(pending.first().map(String::as_str), Some("m20261120_090000_tenants"));
    let (of_queue, ours): (Vec<_>, Vec<_>) =
        pending.iter().partition(|name| name.starts_with("queue "));
    assert_eq!(ours.len(), Migrator::migrations().len());
    assert!(!of_queue.is_empty(), "the queue's tables come from elsewhere: {pending:?}");
    store.migrate().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
}

fn refusal(opened: Result<Store, OpenError>) -> String {
    match opened {
        Err(OpenError::Unsafe(sentence)) => sentence,
        other => panic!("it should have been refused as unsafe: {other:?}"),
    }
}

#[tokio::test]
async fn a_postgres_without_synchronous_commit_is_refused_with_a_sentence() {
    let server = PrivatePostgres::shared();
    // at the server itself: a pooler's sessions were begun with the setting that was there then
    let url = server.direct_url(database_of(&server.create_database()));
    let sql = format!("ALTER DATABASE {} SET synchronous_commit = off", database_of(&url));
    server.run_sql("postgres", &sql);
    let sentence = refusal(Store::open(options(&url, clock())).await);
    assert!(
        sentence.contains("synchronous_commit = off") && sentence.contains("ALTER"),
        "{sentence}"
    );
    let sql = format!("ALTER DATABASE {} SET synchronous_commit = on", database_of(&url));
    server.run_sql("postgres", &sql);
    Store::open(options(&url, clock())).await.unwrap().close().await;
}

#[tokio::test]
async fn a_role_without_synchronous_commit_is_refused_too() {
    let server = PrivatePostgres::shared();
    let url = server.direct_url(database_of(&server.create_database())); // a pooler knows one login
    server.run_sql(
        "postgres",
        "CREATE ROLE hasty LOGIN; ALTER ROLE hasty SET synchronous_commit = off",
    );
    let url = url.replacen("://hub@", "://hasty@", 1);
    refusal(Store::open(options(&url, clock())).await);
}

#[tokio::test]
async fn a_sqlite_that_is_not_full_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for level in ["off", "normal"] {
        let url = format!("{}?synchronous={level}", sqlite_url(folder.path()));
        assert!(refusal(Store::open(options(&url, clock())).await).contains("FULL"));
    }
    Store::open(options(&format!("{}?synchronous=full", sqlite_url(folder.path())), clock()))
        .await
        .unwrap();
}

#[tokio::test]
async fn addresses_that_cannot_be_are_refused() {
    for url in [
        "mysql://x/y",
        "hub.db",
        "sqlite::memory:",
        "sqlite:///x?mode=memory",
        "postgres://u@h:port/d",
    ] {
        let opened = Store::open(options(url, clock())).await;
        assert!(matches!(opened, Err(OpenError::BadUrl(_))), "{url}: {opened:?}");
    }
    let nobody = format!("postgres://hub@127.0.0.1:{}/hub", hub_testkit::ports::free().unwrap());
    assert!(matches!(Store::open(options(&nobody, clock())).await, Err(OpenError::Unreachable(_))));
    let folder = tempfile::tempdir().unwrap();
    let nowhere = sqlite_url(&folder.path().join("no such folder"));
    assert!(matches!(
        Store::open(options(&nowhere, clock())).await,
        Err(OpenError::Unreachable(_))
    ));
}

#[tokio::test]
async fn months_of_readings_get_partitions_of_their_own() {
    let world = World::on_postgres().await;
    let server = PrivatePostgres::shared();
    let database = database_of(&world.url);
    let partitions = || {
        let sql =
            "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text)
            FROM pg_inherits WHERE inhparent = 'readings'::regclass";
        server.run_sql(database, sql)
    };
    let made = "readings_2026_09 readings_2026_10 readings_2026_11 readings_2026_12 readings_2027_01 readings_2027_02 \
        readings_default";
    assert_eq!(partitions(), made);
    assert_eq!(world.store.upkeep(NOON).await.unwrap().partitions_created, Vec::<String>::new());

    // a month that has none yet: its readings go to the default one, and move when it is made
    let (org, site, units) = world.units(1).await;
    let unit = units[0].id;
    let march = Timestamp::from_millis(1_803_859_200_000); // 2027-03-01
    let fresh = [0, 1].map(|n| reading(unit, march.plus_millis(-n), 4_000)).to_vec();
    world.store.commit(UnitCommit { fresh, ..commit(org, site, unit) }).await.unwrap();
    let count = |table: &str| server.run_sql(database, &format!("SELECT count(*) FROM {table}"));
    assert_eq!([count("readings_default"), count("readings_2027_02")], ["1", "1"]);
    let december = Timestamp::from_millis(1_796_083_200_000); // 2026-12-01
    assert_eq!(
        world.store.upkeep(december).await.unwrap().partitions_created,
        ["readings_2027_03"]
    );
    assert_eq!([count("readings_default"), count("readings_2027_03")], ["0", "1"]);
    assert_eq!(world.count_readings(org, unit).await, 2);
    let again = UnitCommit { past: vec![reading(unit, march, 4_000)], ..commit(org, site, unit) };
    assert_eq!(world.store.commit(again).await.unwrap().past, [hub_store::PastFate::Duplicate]);
}

async fn a_reading_of_an_unset_clock_spoils_its_commit_alone(world: &World) {
    let (org, site, units) = world.units(3).await;
    let of = |unit: UnitId, at| UnitCommit {
        fresh: vec![reading(unit, at, 4_000)],
        ..commit(org, site, unit)
    };
    let before = Timestamp::EARLIEST.plus_millis(-1);
    let pending = [of(units[0].id, NOON), of(units[1].id, before), of(units[2].id, NOON)]
        .map(|c| world.store.submit(c));
    let mut outcomes = Vec::new();
    for outcome in pending {
        outcomes.push(outcome.await);
    }
    assert!(matches!(outcomes[1], Err(CommitError::Unavailable(_))), "{outcomes:?}");
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
}

#[tokio::test]
async fn an_unset_clock_is_refused_by_sqlite() {
    a_reading_of_an_unset_clock_spoils_its_commit_alone(&World::on_sqlite().await).await;
}

#[tokio::test]
async fn an_unset_clock_is_refused_by_postgres() {
    a_reading_of_an_unset_clock_spoils_its_commit_alone(&World::on_postgres().await).await;
}

#[tokio::test]
async fn the_audit_log_cannot_be_changed_on_sqlite() {
    let world = World::on_sqlite().await;
    world.org().await;
    let mut db = sqlx::SqliteConnection::connect(&world.url).await.unwrap();
    let columns = "id, org_id, at, actor_kind, action, object_kind, object_id, detail";
    let forged =
        "SELECT id, org_id, at, 'hub', 'x', 'site', object_id, '{}' FROM audit_log LIMIT 1";
    for sql in [
        "DELETE FROM audit_log".to_owned(),
        "UPDATE audit_log SET action = 'x'".to_owned(),
        // takes the row away that is in its place, and no trigger on deleting hears of it
        format!("INSERT OR REPLACE INTO audit_log ({columns}) {forged}"),
        format!("REPLACE INTO audit_log ({columns}) {forged}"),
        format!(
            "REPLACE INTO audit_log (rowid, {columns}) SELECT rowid, randomblob(16), {} FROM audit_log LIMIT 1",
            "org_id, at, 'hub', 'x', 'site', object_id, '{}'"
        ),
    ] {
        let sql = sqlx::AssertSqlSafe(sql);
        let refused = sqlx::query(sql).execute(&mut db).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn the_audit_log_cannot_be_changed_on_postgres() {
    let world = World::on_postgres().await;
    world.org().await;
    let mut db = sqlx::PgConnection::connect(&world.url).await.unwrap();
    for sql in ["DELETE FROM audit_log", "UPDATE audit_log SET action = 'x'", "TRUNCATE audit_log"]
    {
        let refused = sqlx::query(sql).execute(&mut db).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn a_stored_value_that_cannot_be_is_an_error_and_no_default_and_keeps_no_neighbour() {
    let world = World::on_sqlite().await;
    let (_, site, units) = world.units(3).await;
    let mut db = sqlx::SqliteConnection::connect(&world.url).await.unwrap();
    sqlx::query("UPDATE unit_states SET state = '{}' WHERE unit_id = ?")
        .bind(units[1].id.0)
        .execute(&mut db)
        .await
        .unwrap();
    let loaded = world.store.load_sites(&[site]).await.unwrap().remove(0);
    assert_eq!(loaded.broken, [units[1].id]);
    assert_eq!(loaded.units.len(), 2);
    let alone = world.store.load_unit(units[1].id, loaded.owner_epoch).await.map(drop);
    assert!(matches!(alone, Err(hub_store::StoreError::Corrupt(_))), "{alone:?}");
}

#[tokio::test]
async fn what_is_in_a_sqlite_file_is_there_when_it_is_opened_again() {
    let world = World::on_sqlite().await;
    let (org, site, units) = world.units(1).await;
    let fresh = vec![reading(units[0].id, NOON, 4_000)];
    let pending = world.store.submit(UnitCommit { fresh, ..commit(org, site, units[0].id) });
    world.store.close().await;
    pending.await.unwrap();
    let refused = world.store.commit(commit(org, site, units[0].id)).await;
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "a closed store takes nothing");
    let again = world.second_store().await;
    let page = PageQuery { limit: 5, cursor: None };
    let listed = again.readings(org, units[0].id, NOON, NOON.plus_secs(1), page).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}
