//! Temporary.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::allow_attributes_without_reason,
    clippy::allow_attributes,
    missing_docs
)]
use hub_domain::*;
use hub_store::{OpenOptions, Store, UnitCommit, records::Actor};
use sqlx::Connection as _;
use std::{sync::Arc, time::Instant};
struct C;
impl Clock for C {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_176_000_000)
    }
}
const NOON: Timestamp = Timestamp::from_millis(1_795_176_000_000);
fn main() {
    let url = std::env::args().nth(1).unwrap();
    let rt =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
    if std::env::args().nth(2).is_some() {
        rt.block_on(cold(url));
    } else {
        rt.block_on(run(url));
    }
}
async fn cold(url: String) {
    let store =
        Store::open(OpenOptions { url: url.clone(), max_connections: 4, clock: Arc::new(C) })
            .await
            .unwrap();
    store.migrate().await.unwrap();
    let org = store.create_organization("o", Actor::Hub).await.unwrap().id;
    let site = store.create_site(org, "a", "UTC", Actor::Hub).await.unwrap().id;
    let unit = store.create_unit(org, site, None, "u", None, Actor::Hub).await.unwrap().id;
    let epoch = store.load_sites(&[site]).await.unwrap()[0].owner_epoch;
    let loaded = store.load_unit(unit, epoch).await.unwrap().unwrap();
    let u = Unit { id: unit, rule: loaded.rule, state: loaded.state };
    let r = Reading::new(
        Point { source: SourceId::direct(unit), channel: Channel::TEMPERATURE },
        NOON,
        NOON,
        MilliCelsius(4000),
    );
    let t = u.step(&[Input::Reading(&r)], NOON);
    store
        .commit(UnitCommit {
            org,
            site,
            unit,
            owner_epoch: epoch,
            fresh: vec![r],
            past: vec![],
            transition: Some(hub_store::TransitionCommit {
                expected: Version(0),
                state: t.state,
                rule_version: 0,
                wake_at: t.wake_at,
                events: vec![],
                note: None,
            }),
        })
        .await
        .unwrap();
    if url.starts_with("postgres") {
        let mut c = sqlx::PgConnection::connect(&url).await.unwrap();
        for sql in [
            "INSERT INTO sites SELECT gen_random_uuid(), org_id, name || n, timezone, created_at, NULL FROM sites, generate_series(1,5000) n",
            "INSERT INTO site_owners SELECT id, org_id, 0 FROM sites ON CONFLICT DO NOTHING",
            "INSERT INTO units SELECT gen_random_uuid(), org_id, id, NULL, 'unit', NULL, created_at, NULL FROM sites, generate_series(1,20) n WHERE name <> 'a'",
            "INSERT INTO unit_states SELECT u.id, u.org_id, u.site_id, 1, replace(s.state, replace(s.unit_id::text,'-',''), replace(u.id::text,'-','')), 0, s.wake_at FROM units u, (SELECT * FROM unit_states LIMIT 1) s WHERE u.id <> s.unit_id",
            "INSERT INTO readings SELECT r.org_id, u.id, u.id, r.channel, r.recorded_at + 60000*n, r.sequence, r.received_at + 60000*n, r.temperature, NULL, NULL, NULL, NULL, NULL, FALSE FROM units u, readings r, generate_series(0,3) n WHERE u.id <> r.unit_id",
        ] {
            let t = Instant::now();
            sqlx::query(sql).execute(&mut c).await.unwrap();
            println!("{:?}", t.elapsed());
        }
    } else {
        let mut c = sqlx::SqliteConnection::connect(&url).await.unwrap();
        for sql in [
            "INSERT INTO sites SELECT randomblob(16), org_id, name || value, timezone, created_at, NULL FROM sites, generate_series(1,5000)",
            "INSERT INTO sites WITH RECURSIVE g(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM g WHERE value < 5000) SELECT randomblob(16), org_id, name || value, timezone, created_at, NULL FROM (SELECT * FROM sites LIMIT 1), g",
            "INSERT OR IGNORE INTO site_owners SELECT id, org_id, 0 FROM sites",
            "INSERT INTO units WITH RECURSIVE g(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM g WHERE value < 20) SELECT randomblob(16), org_id, id, NULL, 'unit', NULL, created_at, NULL FROM sites, g WHERE name <> 'a'",
            "INSERT INTO unit_states SELECT u.id, u.org_id, u.site_id, 1, replace(s.state, lower(hex(s.unit_id)), lower(hex(u.id))), 0, s.wake_at FROM units u, (SELECT * FROM unit_states LIMIT 1) s WHERE u.id <> s.unit_id",
            "INSERT INTO readings WITH RECURSIVE g(value) AS (SELECT 0 UNION ALL SELECT value+1 FROM g WHERE value < 3) SELECT r.org_id, u.id, u.id, r.channel, r.recorded_at + 60000*value, r.sequence, r.received_at + 60000*value, r.temperature, NULL, NULL, NULL, NULL, NULL, FALSE FROM (SELECT * FROM readings LIMIT 1) r, units u, g WHERE u.id <> r.unit_id",
        ] {
            let t = Instant::now();
            println!(
                "{:?} {:?}",
                sqlx::query(sql).execute(&mut c).await.map(|d| d.rows_affected()),
                t.elapsed()
            );
        }
    }
    for _ in 0..2 {
        let t = Instant::now();
        let sites = store.all_sites().await.unwrap();
        println!("all_sites {} {:?}", sites.len(), t.elapsed());
        let t = Instant::now();
        let loaded = store.load_sites(&sites).await.unwrap();
        let units: usize = loaded.iter().map(|s| s.units.len()).sum();
        let since: usize = loaded.iter().flat_map(|s| &s.units).map(|u| u.since.len()).sum();
        println!("load {units} units, {since} readings: {:?}", t.elapsed());
    }
    store.close().await;
}
async fn run(url: String) {
    let store =
        Store::open(OpenOptions { url: url.clone(), max_connections: 4, clock: Arc::new(C) })
            .await
            .unwrap();
    store.migrate().await.unwrap();
    let org = store.create_organization("o", Actor::Hub).await.unwrap().id;
    let mut units = vec![];
    let t = Instant::now();
    for s in 0..25 {
        let site = store.create_site(org, &s.to_string(), "UTC", Actor::Hub).await.unwrap().id;
        for _ in 0..20 {
            units.push((
                site,
                store.create_unit(org, site, None, "u", None, Actor::Hub).await.unwrap().id,
            ));
        }
    }
    println!("create 500 units {:?}", t.elapsed());
    let rounds = 300u32;
    let read = |unit: UnitId, n: u32| {
        let mut r = Reading::new(
            Point { source: SourceId::direct(unit), channel: Channel::TEMPERATURE },
            NOON.plus_secs(n),
            NOON.plus_secs(n),
            MilliCelsius(4000),
        );
        r.humidity = Some(PerMille(442));
        r.battery_percent = Some(90);
        r
    };
    for pass in 0..3u32 {
        let t = Instant::now();
        let mut pending = std::collections::VecDeque::new();
        for n in 0..rounds {
            for (site, unit) in &units {
                let fresh = vec![read(*unit, pass * rounds + n)];
                pending.push_back(store.submit(UnitCommit {
                    org,
                    site: *site,
                    unit: *unit,
                    owner_epoch: 0,
                    fresh,
                    past: vec![],
                    transition: None,
                }));
            }
            while pending.len() > 5000 {
                pending.pop_front().unwrap().await.unwrap();
            }
        }
        for p in pending {
            p.await.unwrap();
        }
        let rows = rounds as usize * units.len();
        println!("one reading a commit: {:.0} rows/s", rows as f64 / t.elapsed().as_secs_f64());
    }
    // ten readings per commit
    let t = Instant::now();
    let mut pending = vec![];
    for n in 0..30u32 {
        for (site, unit) in &units {
            let fresh: Vec<_> = (0..10).map(|k| read(*unit, 10_000 + n * 10 + k)).collect();
            pending.push(store.submit(UnitCommit {
                org,
                site: *site,
                unit: *unit,
                owner_epoch: 0,
                fresh,
                past: vec![],
                transition: None,
            }));
        }
    }
    for p in pending {
        p.await.unwrap();
    }
    println!("ten readings a commit: {:.0} rows/s", 150_000.0 / t.elapsed().as_secs_f64());
    // duplicates
    let t = Instant::now();
    let mut pending = vec![];
    for n in 0..30u32 {
        for (site, unit) in &units {
            let past: Vec<_> = (0..10).map(|k| read(*unit, 10_000 + n * 10 + k)).collect();
            pending.push(store.submit(UnitCommit {
                org,
                site: *site,
                unit: *unit,
                owner_epoch: 0,
                fresh: vec![],
                past,
                transition: None,
            }));
        }
    }
    for p in pending {
        p.await.unwrap();
    }
    println!("duplicates: {:.0} rows/s", 150_000.0 / t.elapsed().as_secs_f64());
    // bare
    for (batch, passes) in [(5000usize, 30u32), (500, 300)] {
        let off = if batch == 5000 { 100_000 } else { 200_000 };
        let mut all: Vec<Reading> = vec![];
        let mut us: Vec<uuid::Uuid> = vec![];
        for n in 0..300u32 {
            for (_, unit) in &units {
                all.push(read(*unit, off + n));
                us.push(unit.0);
            }
        }
        let _ = passes;
        let mut total = std::time::Duration::ZERO;
        if url.starts_with("sqlite") {
            let mut c = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query("PRAGMA synchronous=FULL").execute(&mut c).await.unwrap();
            for (rs, u) in all.chunks(batch).zip(us.chunks(batch)) {
                use std::fmt::Write;
                let mut j = String::new();
                for (i, (r, u)) in rs.iter().zip(u).enumerate() {
                    j.push(if i == 0 { '[' } else { ',' });
                    write!(
                        j,
                        "[\"{}\",\"{}\",\"{}\",\"{}\",{},{},{},{},{},{},null,null,null]",
                        org.0.simple(),
                        u.simple(),
                        r.point.source.0.simple(),
                        r.point.channel,
                        r.recorded_at.as_millis(),
                        r.sequence,
                        r.received_at.as_millis(),
                        r.temperature.0,
                        442,
                        90
                    )
                    .unwrap();
                }
                j.push(']');
                let t = Instant::now();
                sqlx::query("INSERT OR IGNORE INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature, humidity, battery_percent, battery_mv, door_open, signal_dbm, is_late) SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, 0 FROM json_each($1)").bind(j).execute(&mut c).await.unwrap();
                total += t.elapsed();
            }
        } else {
            let mut c = sqlx::PgConnection::connect(&url).await.unwrap();
            for (rs, u) in all.chunks(batch).zip(us.chunks(batch)) {
                let n = rs.len();
                let org = vec![org.0; n];
                let u = u.to_vec();
                let s: Vec<_> = rs.iter().map(|r| r.point.source.0).collect();
                let ch: Vec<&str> = rs.iter().map(|r| r.point.channel.as_str()).collect();
                let at: Vec<_> = rs.iter().map(|r| r.recorded_at.as_millis()).collect();
                let sq: Vec<_> = rs.iter().map(|r| r.sequence).collect();
                let te: Vec<_> = rs.iter().map(|r| r.temperature.0).collect();
                let h = vec![Some(442i16); n];
                let b = vec![Some(90i16); n];
                let mv: Vec<Option<i32>> = vec![None; n];
                let d: Vec<Option<bool>> = vec![None; n];
                let sg: Vec<Option<i16>> = vec![None; n];
                let t = Instant::now();
                sqlx::query("INSERT INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature, humidity, battery_percent, battery_mv, door_open, signal_dbm, is_late) SELECT *, FALSE FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::int[], $9::smallint[], $10::smallint[], $11::int[], $12::bool[], $13::smallint[]) ON CONFLICT DO NOTHING")
                    .bind(org).bind(u).bind(s).bind(ch).bind(&at).bind(sq).bind(&at).bind(te).bind(h).bind(b).bind(mv).bind(d).bind(sg).execute(&mut c).await.unwrap();
                total += t.elapsed();
            }
        }
        println!("bare {batch}: {:.0} rows/s", all.len() as f64 / total.as_secs_f64());
    }
    store.close().await;
}
