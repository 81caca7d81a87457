//! When digests are due: by the clocks on the wall, never twice, never none.

use hub_domain::{
    Timestamp, Zone,
    digest::{Last, Period, Rhythm, Schedule},
    zone::Day,
};
use proptest::prelude::*;

fn utc(text: &str) -> Timestamp {
    let at = chrono::DateTime::parse_from_rfc3339(text).expect("it is well written");
    Timestamp::from_millis(at.timestamp_millis())
}

fn day(text: &str) -> Day {
    text.parse().expect("it is well written")
}

fn schedule(zone: &str, clock: &str, rhythm: Rhythm) -> Schedule {
    let (hours, minutes) = clock.split_once(':').expect("it is well written");
    let minute = hours.parse::<u16>().expect("it is well written") * 60
        + minutes.parse::<u16>().expect("it is well written");
    Schedule { rhythm, minute, zone: Zone::parse(zone).expect("it is well written") }
}

/// Every digest from `since` on until `until`, by a hub that looks just when it asked to.
fn all(schedule: &Schedule, since: Timestamp, until: Timestamp) -> Vec<Period> {
    let mut last = Last { day: None, until: since };
    let (mut now, mut periods) = (since, Vec::new());
    loop {
        now = schedule.next_due_at(last, now);
        if now > until {
            return periods;
        }
        let period = schedule.due(last, now).expect("it asked to look now");
        last = Last { day: Some(period.day), until: period.to };
        periods.push(period);
    }
}

/// Lines of a day and the instant at which its digest is due.
#[track_caller]
fn check(schedule: Schedule, since: &str, until: &str, lines: &str) {
    let found = all(&schedule, utc(since), utc(until));
    let found: Vec<(Day, Timestamp)> = found.iter().map(|period| (period.day, period.to)).collect();
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    let expected: Vec<(Day, Timestamp)> = lines
        .map(|line| line.split_once("  ").expect("it is well written"))
        .map(|(on, at)| (day(on), utc(at.trim())))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn each_day_has_one_over_both_changes_of_the_clocks() {
    check(
        schedule("Europe/Berlin", "07:00", Rhythm::Daily),
        "2026-03-27T12:00:00Z",
        "2026-03-31T00:00:00Z",
        "
        2026-03-28  2026-03-28T06:00:00Z
        2026-03-29  2026-03-29T05:00:00Z
        2026-03-30  2026-03-30T05:00:00Z
        ",
    );
    check(
        schedule("America/New_York", "07:30", Rhythm::Daily),
        "2026-10-31T00:00:00Z",
        "2026-11-02T23:00:00Z",
        "
        2026-10-31  2026-10-31T11:30:00Z
        2026-11-01  2026-11-01T12:30:00Z
        2026-11-02  2026-11-02T12:30:00Z
        ",
    );
    check(
        schedule("Australia/Sydney", "06:00", Rhythm::Daily),
        "2026-04-03T12:00:00Z",
        "2026-04-06T00:00:00Z",
        "
        2026-04-04  2026-04-03T19:00:00Z
        2026-04-05  2026-04-04T20:00:00Z
        2026-04-06  2026-04-05T20:00:00Z
        ",
    );
}

#[test]
fn an_hour_that_is_there_twice_or_not_at_all_has_one_all_the_same() {
    check(
        schedule("Europe/Berlin", "02:30", Rhythm::Daily),
        "2026-10-24T00:00:00Z",
        "2026-10-26T12:00:00Z",
        "
        2026-10-24  2026-10-24T00:30:00Z
        2026-10-25  2026-10-25T00:30:00Z
        2026-10-26  2026-10-26T01:30:00Z
        ",
    );
    check(
        schedule("Europe/Berlin", "02:30", Rhythm::Daily),
        "2026-03-28T00:00:00Z",
        "2026-03-30T12:00:00Z",
        "
        2026-03-28  2026-03-28T01:30:00Z
        2026-03-29  2026-03-29T01:00:00Z
        2026-03-30  2026-03-30T00:30:00Z
        ",
    );
}

#[test]
fn a_week_has_one_on_its_day_and_a_zone_at_a_quarter_to_the_hour_too() {
    check(
        schedule("Asia/Kathmandu", "08:00", Rhythm::Weekly(7)),
        "2026-03-20T00:00:00Z",
        "2026-04-06T00:00:00Z",
        "
        2026-03-22  2026-03-22T02:15:00Z
        2026-03-29  2026-03-29T02:15:00Z
        2026-04-05  2026-04-05T02:15:00Z
        ",
    );
    check(
        schedule("Europe/Berlin", "08:00", Rhythm::Weekly(1)),
        "2026-10-18T00:00:00Z",
        "2026-11-01T00:00:00Z",
        "
        2026-10-19  2026-10-19T06:00:00Z
        2026-10-26  2026-10-26T07:00:00Z
        ",
    );
}

#[test]
fn a_day_that_the_calendar_leaves_out_has_none() {
    check(
        schedule("Pacific/Apia", "08:00", Rhythm::Daily),
        "2011-12-29T00:00:00Z",
        "2012-01-01T00:00:00Z",
        "
        2011-12-29  2011-12-29T18:00:00Z
        2011-12-31  2011-12-30T18:00:00Z
        2012-01-01  2011-12-31T18:00:00Z
        ",
    );
}

#[test]
fn what_was_missed_is_made_up_by_one() {
    let schedule = schedule("UTC", "07:00", Rhythm::Daily);
    let last = Last { day: Some(day("2026-05-01")), until: utc("2026-05-01T07:00:00Z") };
    assert_eq!(schedule.due(last, utc("2026-05-02T06:59:59Z")), None);
    let made_up = schedule.due(last, utc("2026-05-04T09:00:00Z")).unwrap();
    let (from, to) = (utc("2026-05-01T07:00:00Z"), utc("2026-05-04T07:00:00Z"));
    assert_eq!(made_up, Period { day: day("2026-05-04"), from, to });
    let last = Last { day: Some(made_up.day), until: made_up.to };
    assert_eq!(schedule.due(last, utc("2026-05-04T09:00:00Z")), None, "once");
}

#[test]
fn who_moves_the_hour_or_the_zone_gets_no_second_one_of_a_day() {
    let early = schedule("Europe/Berlin", "07:00", Rhythm::Daily);
    let first = early
        .due(Last { day: None, until: utc("2026-05-01T00:00:00Z") }, utc("2026-05-01T05:00:00Z"));
    let first = first.unwrap();
    let last = Last { day: Some(first.day), until: first.to };
    for later in ["18:00", "23:59"] {
        let moved = schedule("Europe/Berlin", later, Rhythm::Daily);
        assert_eq!(moved.due(last, utc("2026-05-01T21:59:59Z")), None);
        let next = moved.due(last, utc("2026-05-02T22:00:00Z")).unwrap();
        assert_eq!(
            (next.day, next.from),
            (day("2026-05-02"), first.to),
            "what is between is in it"
        );
    }
    let west = schedule("America/New_York", "07:00", Rhythm::Daily);
    assert_eq!(west.due(last, utc("2026-05-01T23:00:00Z")), None);
    assert_eq!(west.due(last, utc("2026-05-02T11:00:00Z")).unwrap().day, day("2026-05-02"));
}

proptest! {
    #[test]
    fn periods_touch_and_each_day_of_the_calendar_has_one(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.map(chrono_tz::Tz::name).to_vec()),
        minute in 0..1_440_u16,
        begin in 946_684_800_000_i64..1_900_000_000_000,
    ) {
        let schedule = Schedule { rhythm: Rhythm::Daily, minute, zone: Zone::parse(zone).unwrap() };
        let since = Timestamp::from_millis(begin);
        let periods = all(&schedule, since, since.plus_secs(40 * 86_400));
        prop_assert!((39..=41).contains(&periods.len()), "{} digests", periods.len());
        prop_assert_eq!(periods[0].from, since);
        for pair in periods.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
            let days = (pair[1].day - pair[0].day).num_days();
            let hours = pair[1].to.millis_since(pair[0].to) / 3_600_000;
            prop_assert!(days == 1 || days == 2 && hours < 26, "{} then {}", pair[0].day, pair[1].day);
        }
    }

    #[test]
    fn a_hub_that_looks_when_it_likes_misses_nothing_and_tells_nothing_twice(
        waits in prop::collection::vec(1..400_000_u32, 1..40),
        weekly in any::<bool>(),
        minute in 0..1_440_u16,
    ) {
        let rhythm = if weekly { Rhythm::Weekly(3) } else { Rhythm::Daily };
        let zone = Zone::parse("Europe/London").unwrap();
        let schedule = Schedule { rhythm, minute, zone };
        let mut now = Timestamp::from_millis(1_774_000_000_000);
        let mut last = Last { day: None, until: now };
        for wait in waits {
            let next = schedule.next_due_at(last, now);
            now = now.plus_secs(wait);
            let due = schedule.due(last, now);
            prop_assert_eq!(due.is_some(), next <= now, "asked to look at {:?}", next);
            if let Some(period) = due {
                prop_assert_eq!(period.from, last.until);
                prop_assert!(period.to <= now && period.to > period.from);
                prop_assert!(last.day.is_none_or(|day| period.day > day));
                last = Last { day: Some(period.day), until: period.to };
                prop_assert_eq!(schedule.due(last, now), None);
            }
        }
    }
}
