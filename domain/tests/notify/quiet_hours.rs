//! Quiet hours by the clocks on the wall, which are put forward and back.

use hub_domain::{
    Severity, Timestamp, Zone,
    notify::QuietHours,
    zone::{Twice, WallTime},
};

fn utc(text: &str) -> Timestamp {
    let at = chrono::DateTime::parse_from_rfc3339(text).expect("it is well written");
    Timestamp::from_millis(at.timestamp_millis())
}

fn minute(clock: &str) -> u16 {
    let (hours, minutes) = clock.split_once(':').expect("it is well written");
    hours.parse::<u16>().expect("it is well written") * 60
        + minutes.parse::<u16>().expect("it is well written")
}

/// Of hours such as `22:00-06:00` in a zone: lines of an instant and until when it is quiet, or `told`.
#[track_caller]
fn check(zone: &str, hours: &str, lines: &str) {
    let (from, to) = hours.split_once('-').expect("it is well written");
    let zone = Zone::parse(zone).expect("it is well written");
    let hours = QuietHours {
        from_minute: minute(from),
        to_minute: minute(to),
        zone: Some(zone),
        except_critical: true,
    };
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (now, said) = line.split_once("  ").expect("it is well written");
        let until = hours.holds_until(Severity::Warning, Zone::UTC, utc(now));
        let expected = (said.trim() != "told").then(|| utc(said.trim()));
        assert_eq!(until, expected, "{line}");
        assert_eq!(hours.holds_until(Severity::Critical, Zone::UTC, utc(now)), None);
    }
}

#[test]
fn a_night_is_an_hour_shorter_in_spring_and_longer_in_autumn() {
    check(
        "Europe/Berlin",
        "22:00-06:00",
        "
        2026-03-28T20:59:59Z  told
        2026-03-28T21:00:00Z  2026-03-29T04:00:00Z
        2026-03-29T03:59:59Z  2026-03-29T04:00:00Z
        2026-03-29T04:00:00Z  told
        2026-03-29T19:59:59Z  told
        2026-03-29T20:00:00Z  2026-03-30T04:00:00Z
        2026-10-24T20:00:00Z  2026-10-25T05:00:00Z
        2026-10-25T04:30:00Z  2026-10-25T05:00:00Z
        2026-10-25T05:00:00Z  told
        ",
    );
    check(
        "America/New_York",
        "22:00-06:00",
        "
        2026-03-08T02:59:59Z  told
        2026-03-08T03:00:00Z  2026-03-08T10:00:00Z
        2026-11-01T01:59:59Z  told
        2026-11-01T02:00:00Z  2026-11-01T11:00:00Z
        2026-11-01T11:00:00Z  told
        ",
    );
    check(
        "Australia/Sydney",
        "22:00-06:00",
        "
        2026-04-04T11:00:00Z  2026-04-04T20:00:00Z
        2026-10-03T12:00:00Z  2026-10-03T19:00:00Z
        2026-10-03T19:00:00Z  told
        ",
    );
}

#[test]
fn a_zone_at_a_quarter_to_the_hour_is_kept_to_the_minute() {
    check(
        "Asia/Kathmandu",
        "22:00-06:00",
        "
        2026-03-29T16:14:59Z  told
        2026-03-29T16:15:00Z  2026-03-30T00:15:00Z
        2026-03-30T00:15:00Z  told
        ",
    );
}

#[test]
fn hours_within_a_day_are_of_that_day() {
    check(
        "Asia/Kathmandu",
        "12:00-13:30",
        "
        2026-07-01T06:14:59Z  told
        2026-07-01T06:15:00Z  2026-07-01T07:45:00Z
        2026-07-01T07:45:00Z  told
        ",
    );
}

#[test]
fn an_end_that_is_skipped_is_where_the_clocks_skip() {
    // 02:30 is not there on that night: at 02:00 it is 03:00
    check(
        "Europe/Berlin",
        "22:00-02:30",
        "
        2026-03-29T00:59:59Z  2026-03-29T01:00:00Z
        2026-03-29T01:00:00Z  told
        ",
    );
    check(
        "Europe/Berlin",
        "02:30-05:00",
        "
        2026-03-29T00:59:59Z  told
        2026-03-29T01:00:00Z  2026-03-29T03:00:00Z
        2026-03-29T03:00:00Z  told
        ",
    );
}

#[test]
fn an_end_that_is_there_twice_is_the_last_and_a_begin_the_first() {
    // 02:00 to 03:00 is there twice: from 00:00Z to 01:00Z, and from 01:00Z to 02:00Z
    check(
        "Europe/Berlin",
        "22:00-02:30",
        "
        2026-10-25T00:29:59Z  2026-10-25T01:30:00Z
        2026-10-25T00:45:00Z  2026-10-25T01:30:00Z
        2026-10-25T01:29:59Z  2026-10-25T01:30:00Z
        2026-10-25T01:30:00Z  told
        ",
    );
    check(
        "Europe/Berlin",
        "02:30-05:00",
        "
        2026-10-25T00:29:59Z  told
        2026-10-25T00:30:00Z  2026-10-25T04:00:00Z
        2026-10-25T01:10:00Z  2026-10-25T04:00:00Z
        2026-10-25T04:00:00Z  told
        ",
    );
}

#[test]
fn a_zone_that_skips_half_an_hour_or_a_whole_day_is_followed() {
    // Lord Howe: at 02:00 it is 02:30
    check(
        "Australia/Lord_Howe",
        "22:00-02:15",
        "
        2026-10-03T15:29:59Z  2026-10-03T15:30:00Z
        2026-10-03T15:30:00Z  told
        ",
    );
    // Samoa had no 30 December 2011
    let samoa = Zone::parse("Pacific/Apia").unwrap();
    let skipped =
        WallTime { day: chrono::NaiveDate::from_ymd_opt(2011, 12, 30).unwrap(), minute: 600 };
    assert_eq!(samoa.at(skipped, Twice::First), utc("2011-12-30T10:00:00Z"));
}

#[test]
fn without_a_zone_they_are_the_site_s() {
    let hours =
        QuietHours { from_minute: 1_320, to_minute: 360, zone: None, except_critical: false };
    let kathmandu = Zone::parse("Asia/Kathmandu").unwrap();
    let now = utc("2026-03-29T16:15:00Z");
    assert!(hours.holds_until(Severity::Critical, kathmandu, now).is_some());
    assert_eq!(hours.holds_until(Severity::Critical, Zone::UTC, now), None);
}
