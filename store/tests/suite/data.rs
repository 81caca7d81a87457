//! Readings and histories as they are read out.

use std::collections::BTreeSet;

use hub_domain::{
    Channel, DoorState, LinkState, ManualLogState, MilliCelsius, OrgId, Point, Reading, SiteId,
    SourceId, Status, StatusChange, Timestamp, UnitId, thermal::Thermal,
};
use hub_store::{
    TransitionCommit, UnitCommit,
    export::{EXPORTED, LEFT_OUT},
    records::{Bucket, PageQuery, ReadingFilter, StoredReading},
};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::Value;
use sqlx::Connection as _;
use uuid::Uuid;

use crate::{
    commits::{commit, reading, transition},
    world::{NOON, World, all_pages, page},
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Points of one unit, of which some share a source and some a channel.
fn points(unit: UnitId) -> Vec<Point> {
    let point = |source, channel| Point { source, channel };
    let other = SourceId(Uuid::from_u128(7));
    vec![
        point(SourceId::direct(unit), Channel::TEMPERATURE),
        point(SourceId::direct(unit), Channel::parse("probe1").unwrap()),
        point(other, Channel::TEMPERATURE),
        point(other, Channel::parse("a").unwrap()),
    ]
}

/// Random readings, many of them at one instant: (point, instant, sequence) are told apart.
fn random_readings(unit: UnitId, span: i64, most: usize) -> impl Strategy<Value = Vec<Reading>> {
    let points = points(unit);
    let one = (0..points.len(), 0..span, -1_i64..3, -40_000..40_000_i32);
    vec(one, 0..most).prop_map(move |all| {
        let mut seen = BTreeSet::new();
        let fresh = all.into_iter().filter(|(point, at, nth, _)| seen.insert((*point, *at, *nth)));
        let made = fresh.map(|(point, at, sequence, milli_c)| {
            let at = NOON.plus_millis(at - DAY);
            let temperature = MilliCelsius(milli_c);
            Reading { sequence, ..Reading::new(points[point].clone(), at, at, temperature) }
        });
        made.collect()
    })
}

async fn store(world: &World, org: OrgId, site: SiteId, unit: UnitId, readings: &[Reading]) {
    for fresh in readings.chunks(5_000) {
        let fresh = fresh.to_vec();
        world.store.commit(UnitCommit { fresh, ..commit(org, site, unit) }).await.unwrap();
    }
}

fn drawn<T>(strategy: impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn keys(stored: &[StoredReading]) -> Vec<(Timestamp, Point, i64)> {
    let key = |reading: &Reading| (reading.recorded_at, reading.point.clone(), reading.sequence);
    stored.iter().map(|stored| key(&stored.reading)).collect()
}

pub(crate) async fn pages_of_readings_are_all_of_them_in_either_order(world: &World) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..6 {
        let (org, site, units) = world.units(1).await;
        let unit = units[0].id;
        let readings = drawn(random_readings(unit, 12, 60), &mut runner);
        store(world, org, site, unit, &readings).await;
        let mut expected: Vec<_> = readings
            .iter()
            .map(|reading| (reading.recorded_at, reading.point.clone(), reading.sequence))
            .collect();
        expected.sort();
        let asked = ReadingFilter::of(unit);
        let up = all_pages(|page| world.store.readings_where(org, &asked, page)).await;
        assert_eq!(keys(&up), expected);
        let asked = ReadingFilter { newest_first: true, ..asked };
        let mut down = all_pages(|page| world.store.readings_where(org, &asked, page)).await;
        down.reverse();
        assert_eq!(keys(&down), expected);
        // narrowed to a span and a point
        let (from, to) = (NOON.plus_millis(3 - DAY), NOON.plus_millis(9 - DAY));
        let point = points(unit).remove(2);
        let (source, channel) = (Some(point.source), Some(point.channel.clone()));
        let asked = ReadingFilter { from, to, source, channel, ..ReadingFilter::of(unit) };
        let some = all_pages(|page| world.store.readings_where(org, &asked, page)).await;
        expected.retain(|(at, of, _)| (from..to).contains(at) && *of == point);
        assert_eq!(keys(&some), expected);
        assert!(
            world
                .store
                .readings_where(world.org().await, &asked, page(9))
                .await
                .unwrap()
                .items
                .is_empty()
        );
    }
}

pub(crate) async fn a_cursor_of_readings_stays_where_it_is_under_inserts(world: &World) {
    let (org, site, units) = world.units(1).await;
    let unit = units[0].id;
    let at = |minute: i64| reading(unit, NOON.plus_millis(minute * MINUTE - DAY), 4_000);
    let even: Vec<_> = (0..20).map(|n| at(2 * n)).collect();
    store(world, org, site, unit, &even).await;
    let asked = ReadingFilter::of(unit);
    let first = world.store.readings_where(org, &asked, page(5)).await.unwrap();
    let newest = ReadingFilter { newest_first: true, ..asked.clone() };
    let last = world.store.readings_where(org, &newest, page(5)).await.unwrap();
    let odd: Vec<_> = (0..20).map(|n| at(2 * n + 1)).collect();
    let late = UnitCommit { past: odd, ..commit(org, site, unit) };
    world.store.commit(late).await.unwrap();
    let rest = |cursor: &Option<String>| PageQuery { limit: 200, cursor: cursor.clone() };
    let rest_up = world.store.readings_where(org, &asked, rest(&first.next)).await.unwrap();
    let seen: Vec<_> = keys(&first.items).into_iter().chain(keys(&rest_up.items)).collect();
    assert!(seen.is_sorted() && seen.len() == 5 + 30 + 1, "{}", seen.len());
    let rest_down = world.store.readings_where(org, &newest, rest(&last.next)).await.unwrap();
    let seen: Vec<_> = keys(&last.items).into_iter().chain(keys(&rest_down.items)).collect();
    assert!(seen.is_sorted_by(|one, next| one > next) && seen.len() == 5 + 30, "{}", seen.len());
}

/// The buckets as they follow from the readings themselves.
fn buckets_of(readings: &[Reading], width: i64) -> Vec<Bucket> {
    let mut readings: Vec<&Reading> = readings.iter().collect();
    let begin = |reading: &Reading| reading.recorded_at.as_millis() / width * width;
    readings.sort_by_key(|reading| (reading.point.clone(), reading.recorded_at));
    let of_one = |one: &[&Reading]| {
        let temperatures = || one.iter().map(|reading| (reading.temperature, reading.recorded_at));
        let sum: i64 = one.iter().map(|reading| i64::from(reading.temperature.0)).sum();
        let mean = sum as f64 / one.len() as f64;
        Bucket {
            point: one[0].point.clone(),
            from: Timestamp::from_millis(begin(one[0])),
            min: temperatures().min().unwrap(),
            max: temperatures().max_by_key(|(t, at)| (*t, std::cmp::Reverse(*at))).unwrap(),
            #[expect(clippy::cast_possible_truncation, reason = "a mean of i32 is one")]
            mean: MilliCelsius(mean.round() as i32),
            count: i64::try_from(one.len()).unwrap(),
        }
    };
    let same =
        |one: &&Reading, next: &&Reading| one.point == next.point && begin(one) == begin(next);
    readings.chunk_by(same).map(of_one).collect()
}

pub(crate) async fn buckets_say_what_the_readings_say(world: &World) {
    let mut runner = TestRunner::deterministic();
    for span in [40 * 1_000, DAY / 2, DAY, 400 * DAY, DAY - 1] {
        let (org, site, units) = world.units(1).await;
        let unit = units[0].id;
        let readings = drawn(random_readings(unit, span, 300), &mut runner);
        store(world, org, site, unit, &readings).await;
        let series = world.store.series(org, &ReadingFilter::of(unit)).await.unwrap();
        assert_eq!(series.buckets, buckets_of(&readings, series.width_millis), "span {span}");
        for point in points(unit) {
            let of_point: Vec<_> = series.buckets.iter().filter(|one| one.point == point).collect();
            assert!(of_point.len() <= 1_000);
            // nothing of the point lies outside its buckets, and no reading in two
            let count: i64 = of_point.iter().map(|one| one.count).sum();
            let readings = readings.iter().filter(|reading| reading.point == point).count();
            assert_eq!(usize::try_from(count), Ok(readings));
            assert!(of_point.windows(2).all(|two| two[0].from < two[1].from));
            let asked = ReadingFilter {
                source: Some(point.source),
                channel: Some(point.channel.clone()),
                ..ReadingFilter::of(unit)
            };
            let one = world.store.series(org, &asked).await.unwrap();
            assert!(one.buckets.iter().all(|bucket| bucket.point == point));
            assert_eq!(one.buckets.iter().map(|bucket| bucket.count).sum::<i64>(), count);
        }
        // a part of it
        let (from, to) = (NOON.plus_millis(span / 3 - DAY), NOON.plus_millis(span / 2 - DAY));
        let asked = ReadingFilter { from, to, ..ReadingFilter::of(unit) };
        let part = world.store.series(org, &asked).await.unwrap();
        let mut within = readings.clone();
        within.retain(|reading| (from..to).contains(&reading.recorded_at));
        assert_eq!(part.buckets, buckets_of(&within, part.width_millis), "part of {span}");
    }
}

pub(crate) async fn a_month_of_one_unit_in_buckets_is_quick(world: &World) {
    let (org, site, units) = world.units(2).await;
    let month = |unit: UnitId| {
        (0..43_200).flat_map(move |minute: i32| {
            let at = NOON.plus_millis(i64::from(minute) * MINUTE - 30 * DAY);
            points(unit)
                .into_iter()
                .take(2)
                .map(move |point| Reading::new(point, at, at, MilliCelsius(minute % 5_000 - 2_000)))
        })
    };
    let (ours, others): (Vec<_>, Vec<_>) =
        (month(units[0].id).collect(), month(units[1].id).collect());
    for (ours, others) in ours.chunks(2_000).zip(others.chunks(2_000)) {
        let of = |readings: &[Reading], unit| UnitCommit {
            fresh: readings.to_vec(),
            ..commit(org, site, unit)
        };
        let pending = [
            world.store.submit(of(ours, units[0].id)),
            world.store.submit(of(others, units[1].id)),
        ];
        for pending in pending {
            pending.await.unwrap();
        }
    }
    let mut fastest = [std::time::Duration::MAX; 3];
    for _ in 0..5 {
        let begun = std::time::Instant::now();
        let series = world.store.series(org, &ReadingFilter::of(units[0].id)).await.unwrap();
        fastest[0] = fastest[0].min(begun.elapsed());
        assert_eq!(series.width_millis, 60 * MINUTE);
        assert_eq!(series.buckets.iter().map(|one| one.count).sum::<i64>(), 86_400);
        for (place, newest_first) in [(1, false), (2, true)] {
            let asked = ReadingFilter { newest_first, ..ReadingFilter::of(units[0].id) };
            let begun = std::time::Instant::now();
            let first = world.store.readings_where(org, &asked, page(50)).await.unwrap();
            fastest[place] = fastest[place].min(begun.elapsed());
            assert_eq!(first.items.len(), 50);
        }
    }
    // the figures are taken by the benches; this is to see a scan of everything come
    assert!(
        fastest[0].as_millis() < 1_000
            && fastest[1].as_millis() < 100
            && fastest[2].as_millis() < 100,
        "{fastest:?}"
    );
}

fn shown(at: Timestamp, status: Status, mode: &'static str) -> StatusChange {
    StatusChange {
        at,
        status,
        thermal: Thermal::Ok,
        link: LinkState::Online,
        door: DoorState::Unknown,
        manual_log: ManualLogState::NotDue,
        mode,
    }
}

pub(crate) async fn a_history_is_whole_without_gaps_and_does_not_go_back(world: &World) {
    let (org, site, units) = world.units(2).await;
    let unit = &units[0];
    let at = |minutes: i64| NOON.plus_millis(minutes * MINUTE);
    let write = async |expected: i64, statuses: Vec<StatusChange>| {
        let transition = Some(TransitionCommit { statuses, ..transition(expected) });
        world.store.commit(UnitCommit { transition, ..commit(org, site, unit.id) }).await.unwrap();
    };
    write(0, vec![shown(at(10), Status::Ok, "normal")]).await;
    write(1, vec![shown(at(20), Status::Late, "normal"), shown(at(30), Status::Ok, "normal")])
        .await;
    // a backlog: it became true before what was written last, and is shown from there on
    write(2, vec![shown(at(25), Status::Excursion, "normal")]).await;
    write(3, vec![shown(at(40), Status::Excursion, "maintenance")]).await;
    let whole = async |from, to| {
        let ask = |page| async move {
            let asked = world.store.unit_history(org, unit.id, from, to, page).await;
            Ok(asked?.unwrap())
        };
        let short = |one: &hub_store::records::StatusInterval| {
            (one.from, one.to, one.status, one.mode.clone())
        };
        all_pages(ask).await.iter().map(short).collect::<Vec<_>>()
    };
    let interval =
        |from, to: Option<i64>, status, mode: &str| (at(from), to.map(at), status, mode.to_owned());
    let expected = [
        interval(0, Some(10), Status::MonitoringInterrupted, "normal"),
        interval(10, Some(20), Status::Ok, "normal"),
        interval(20, Some(30), Status::Late, "normal"),
        interval(30, Some(40), Status::Excursion, "normal"),
        interval(40, None, Status::Excursion, "maintenance"),
    ];
    assert_eq!(whole(Timestamp::EARLIEST, Timestamp::LATEST).await, expected);
    assert_eq!(whole(at(15), at(20)).await, expected[1..2]);
    assert_eq!(whole(at(15), at(21)).await, expected[1..3]);
    assert_eq!(whole(at(20), at(30)).await, expected[2..3]);
    assert_eq!(whole(at(50), Timestamp::LATEST).await, expected[4..]);
    assert_eq!(whole(Timestamp::EARLIEST, at(0)).await, []);
    let silent =
        world.store.unit_history(org, units[1].id, Timestamp::EARLIEST, Timestamp::LATEST, page(9));
    let silent = silent.await.unwrap().unwrap().items;
    assert_eq!(
        (silent.len(), silent[0].status, silent[0].to),
        (1, Status::MonitoringInterrupted, None)
    );
    let foreign = world.store.unit_history(world.org().await, unit.id, NOON, NOON, page(9)).await;
    assert_eq!(foreign.unwrap(), None);
}

pub(crate) async fn an_export_has_every_table_and_nothing_of_others(world: &World) {
    let (org, site, units) = world.units(3).await;
    let (other, other_site, other_units) = world.units(1).await;
    for (org, site, unit) in
        [(org, site, units[0].id), (org, site, units[2].id), (other, other_site, other_units[0].id)]
    {
        let readings: Vec<_> =
            (0..1_200).map(|n| reading(unit, NOON.plus_millis(n * MINUTE - DAY), 4_000)).collect();
        store(world, org, site, unit, &readings).await;
    }
    let mut export = world.store.export(org);
    let mut text = String::new();
    while let Some(lines) = export.next_lines().await.unwrap() {
        text.push_str(&lines);
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (end, rows) = lines.split_last().unwrap();
    assert_eq!(*end, serde_json::json!({ "end": true, "rows": rows.len() }));
    let of = |table: &str| rows.iter().filter(|line| line["table"] == table).count();
    assert_eq!([of("organizations"), of("sites"), of("units"), of("readings")], [1, 1, 3, 2_400]);
    let distinct: BTreeSet<&str> = text.lines().collect();
    assert_eq!(distinct.len(), lines.len(), "no row comes twice");
    assert!(!text.contains(&other.to_string()) && !text.contains(&other_units[0].id.to_string()));
    for row in rows.iter().map(|line| &line["row"]).filter(|row| row.get("org_id").is_some()) {
        assert_eq!(row["org_id"], org.to_string());
    }
    let reading = rows.iter().find(|line| line["table"] == "readings").unwrap();
    assert_eq!(
        (&reading["row"]["is_late"], &reading["row"]["humidity"]),
        (&Value::Bool(false), &Value::Null)
    );
    let known: BTreeSet<&str> =
        EXPORTED.iter().copied().chain(LEFT_OUT.iter().map(|(table, _)| *table)).collect();
    let tables = tenants_tables(world).await;
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
        assert!(
            known.contains(table.as_str()),
            "{table} is neither exported nor left out for a reason"
        );
    }
}

/// The tables with a column `org_id`, as the database itself has them.
async fn tenants_tables(world: &World) -> Vec<String> {
    if world.url.starts_with("sqlite") {
        let mut db = sqlx::SqliteConnection::connect(&world.url).await.unwrap();
        let sql = "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c
            WHERE m.type = 'table' AND c.name = 'org_id'";
        return sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
    }
    let mut db = sqlx::PgConnection::connect(&world.url).await.unwrap();
    let sql =
        "SELECT CAST(t.relname AS TEXT) FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
        WHERE t.relnamespace = CAST(current_schema() AS regnamespace) AND t.relkind IN ('r', 'p')
            AND NOT t.relispartition AND c.attname = 'org_id' AND NOT c.attisdropped";
    sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap()
}
