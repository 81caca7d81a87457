//! What a digest says.

use hub_domain::{
    AlertKind, Mode, Severity, Status, Timestamp, UnitId,
    digest::{AlertCounts, AttentionReason, Skip, Span, SpanKind, Totals, UnitFacts, skip, totals},
};
use proptest::prelude::*;
use uuid::Uuid;

const HOUR: i64 = 3_600_000;

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour * HOUR)
}

/// A unit with spans such as `0 inside 5 outside 6`: the last one lasts if nothing ends it.
fn unit(number: u128, spans: &str) -> UnitFacts {
    let words: Vec<&str> = spans.split(' ').filter(|word| !word.is_empty()).collect();
    let spans = words.chunks(2).enumerate().filter(|(_, pair)| pair.len() == 2).map(|(n, pair)| {
        let to = words.get(n * 2 + 2).map(|to| hour(to.parse().expect("it is well written")));
        let kind = SpanKind::parse(pair[1]).expect("it is well written");
        Span { from: hour(pair[0].parse().expect("it is well written")), to, kind }
    });
    UnitFacts {
        id: UnitId(Uuid::from_u128(number)),
        since: hour(0),
        spans: spans.collect(),
        opened: Vec::new(),
        open: Vec::new(),
    }
}

/// Hours inside, outside, unknown, unused of one unit from hour 10 to 34.
#[track_caller]
fn check(spans: &str, hours: [i64; 4]) {
    let got = totals(&[unit(1, spans)], hour(10), hour(34));
    let millis = [got.inside_millis, got.outside_millis, got.unknown_millis, got.unused_millis];
    assert_eq!(millis, hours.map(|hours| hours * HOUR), "{spans}");
}

#[test]
fn every_hour_is_counted_once() {
    check("5 inside", [24, 0, 0, 0]);
    check("5 inside 12 outside 13 inside", [23, 1, 0, 0]);
    check("5 outside 11 inside 30 unknown", [19, 1, 4, 0]);
    check("0 inside 5 outside 8", [0, 0, 24, 0]);
    check("", [0, 0, 24, 0]);
    check("12 inside 20", [8, 0, 16, 0]);
    check("5 unused 20 inside", [14, 0, 0, 10]);
    check("40 outside", [0, 0, 24, 0]);
}

#[test]
fn nothing_is_counted_of_before_a_unit_was_there() {
    let young = UnitFacts { since: hour(30), ..unit(1, "30 inside") };
    let got = totals(&[young], hour(10), hour(34));
    assert_eq!((got.inside_millis, got.unknown_millis), (4 * HOUR, 0));
    let unborn = UnitFacts { since: hour(50), ..unit(1, "") };
    let got = totals(&[unborn], hour(10), hour(34));
    assert_eq!((got.units, got.unknown_millis), (1, 0));
}

#[test]
fn silence_is_never_inside_and_maintenance_is_measured() {
    let expected = [
        (Status::Ok, SpanKind::Inside),
        (Status::Restoring, SpanKind::Inside),
        (Status::ManualRequired, SpanKind::Inside),
        (Status::Late, SpanKind::Unknown),
        (Status::MonitoringInterrupted, SpanKind::Unknown),
        (Status::Excursion, SpanKind::Outside),
        (Status::AlarmActive, SpanKind::Outside),
    ];
    for (status, kind) in expected {
        assert_eq!(SpanKind::of(status, "normal"), kind);
        assert_eq!(SpanKind::of(status, "maintenance"), kind);
        assert_eq!(SpanKind::of(status, Mode::Commissioning.name()), SpanKind::Unused);
    }
}

#[test]
fn units_that_want_somebody_come_the_most_urgent_first() {
    let critical = (AlertKind::TemperatureHigh, Severity::Critical);
    let seen = UnitFacts { open: vec![(critical.0, critical.1, true)], ..unit(1, "5 outside") };
    let unseen = UnitFacts { open: vec![(critical.0, critical.1, false)], ..unit(2, "5 outside") };
    let missed = (AlertKind::MissedManualEntry, Severity::Warning);
    let logs = UnitFacts { opened: vec![missed, missed], ..unit(3, "5 inside") };
    let battery = (AlertKind::LowBattery, Severity::Warning, false);
    let units = [
        unit(9, "5 inside"),
        UnitFacts { open: vec![battery], ..unit(5, "5 inside") },
        logs,
        unit(4, "5 inside 12 unknown"),
        UnitFacts { opened: vec![critical], ..seen },
        unseen,
        unit(8, "5 inside 20"),
    ];
    let got = totals(&units, hour(10), hour(34));
    let words: Vec<(u128, Vec<&str>)> = got
        .attention
        .iter()
        .map(|it| (it.unit.0.as_u128(), it.reasons.iter().map(|it| it.name()).collect()))
        .collect();
    assert_eq!(
        words,
        [
            (2, vec!["critical", "outside"]),
            (1, vec!["critical_seen", "outside"]),
            (4, vec!["silent"]),
            (8, vec!["silent"]),
            (3, vec!["missed_logs"]),
            (5, vec!["warning"]),
        ]
    );
    assert_eq!((got.units, got.missed_logs), (7, 2));
    assert_eq!(got.opened, AlertCounts { critical: 1, warning: 2 });
    assert!(got.attention[0].reasons.contains(&AttentionReason::Outside));
}

#[test]
fn the_share_is_of_what_is_known_and_all_means_all() {
    let share = |inside, outside| {
        let it = Totals { inside_millis: inside, outside_millis: outside, ..Totals::default() };
        it.inside_per_mille()
    };
    assert_eq!(share(0, 0), None);
    assert_eq!(share(5, 0), Some(1_000));
    assert_eq!(share(999_999, 1), Some(999));
    assert_eq!(share(i64::MAX / 2_000, i64::MAX / 2_000), Some(500));
}

#[test]
fn a_digest_is_skipped_by_a_stated_rule_alone() {
    let quiet = totals(&[unit(1, "5 inside")], hour(10), hour(34));
    let silent = totals(&[unit(1, "")], hour(10), hour(34));
    let none = totals(&[], hour(10), hour(34));
    assert_eq!(skip(&none, false), Some(Skip::NoUnits));
    assert_eq!((skip(&quiet, false), skip(&quiet, true)), (None, Some(Skip::NothingToSay)));
    assert_eq!((skip(&silent, false), skip(&silent, true)), (None, None));
    let battery = Totals { opened: AlertCounts { critical: 0, warning: 1 }, ..quiet };
    assert_eq!(skip(&battery, true), None);
}

proptest! {
    /// However they are split.
    #[test]
    fn units_may_be_summed_up_a_few_at_a_time(
        spans in prop::collection::vec((0..60_i64, 0..4_usize), 0..20),
        size in 1..8_usize,
    ) {
        let one = |(number, (at, kind)): (u128, (i64, usize))| {
            let spans = vec![Span { from: hour(at), to: None, kind: SpanKind::ALL[kind] }];
            let opened = vec![(AlertKind::MissedManualEntry, Severity::Warning); kind];
            UnitFacts { spans, opened, ..unit(number, "") }
        };
        let units: Vec<UnitFacts> = (1..).zip(spans).map(one).collect();
        let parts = units.chunks(size).map(|some| totals(some, hour(10), hour(34)));
        let summed = parts.fold(Totals::default(), Totals::and);
        prop_assert_eq!(summed, totals(&units, hour(10), hour(34)));
    }

    #[test]
    fn the_piles_add_up_to_the_time_there_was(
        spans in prop::collection::vec((-50..100_i64, prop::option::of(0..40_i64), 0..4_usize), 0..12),
        from in 0..40_i64,
        length in 0..60_i64,
        since in 0..60_i64,
    ) {
        let spans = spans.into_iter().map(|(at, lasted, kind)| Span {
            from: hour(at),
            to: lasted.map(|lasted| hour(at + lasted)),
            kind: SpanKind::ALL[kind],
        });
        let unit = UnitFacts { since: hour(since), spans: spans.collect(), ..unit(1, "") };
        let got = totals(&[unit], hour(from), hour(from + length));
        let piles = [got.inside_millis, got.outside_millis, got.unknown_millis, got.unused_millis];
        prop_assert!(piles.iter().all(|millis| *millis >= 0), "{piles:?}");
        let there = (from + length - from.max(since)).max(0) * HOUR;
        prop_assert_eq!(piles.iter().sum::<i64>(), there);
    }
}
