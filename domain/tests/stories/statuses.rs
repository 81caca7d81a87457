//! Since when a unit is shown as what.

use hub_domain::{Input, MilliCelsius, Mode, Reading, StatusChange};

use crate::story::{Story, at, fridge, person, point};

/// `status@time` of each change.
fn said(changes: &[StatusChange]) -> Vec<(&'static str, hub_domain::Timestamp)> {
    changes.iter().map(|change| (change.status.name(), change.at)).collect()
}

#[test]
fn a_backlog_is_shown_since_each_change_became_true() {
    let mut story = Story::of(fridge());
    let reading = |time: &str, milli_c| {
        Reading::new(point("a"), at(time), at("12:00:00"), MilliCelsius(milli_c))
    };
    let readings = [
        reading("08:00:00", 4_000),
        reading("08:05:00", 9_000),
        reading("08:10:00", 9_000),
        reading("08:15:00", 9_000),
        reading("08:20:00", 9_000),
    ];
    let inputs: Vec<_> = readings.iter().map(Input::Reading).collect();
    let transition = story.step(&inputs, at("08:20:30"));
    let expected =
        [("ok", at("08:00:00")), ("excursion", at("08:05:00")), ("alarm_active", at("08:15:00"))];
    assert_eq!(said(&transition.statuses), expected);
}

#[test]
fn silence_is_shown_since_its_deadlines_though_nobody_looked() {
    let mut story = Story::of(fridge());
    story.play("08:00:00 4 ok");
    let transition = story.step(&[], at("23:00:00"));
    let names: Vec<_> = said(&transition.statuses).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..2], ["late", "monitoring_interrupted"]);
    assert!(
        transition.statuses[0].at > at("08:05:00") && transition.statuses[1].at < at("09:00:00")
    );
}

#[test]
fn a_mode_is_a_change_of_what_is_shown_and_the_same_mode_is_none() {
    let mut story = Story::of(fridge());
    story.play("08:00:00 4 ok");
    let until = at("09:00:00");
    let mode = || Mode::Maintenance { until, by: Some(person()), reason: "cleaning".into() };
    let begun = story.step(&[Input::SetMode(mode())], at("08:01:00"));
    assert_eq!(said(&begun.statuses), [("ok", at("08:01:00"))]);
    assert_eq!(begun.statuses[0].mode, "maintenance");
    assert_eq!(story.step(&[Input::SetMode(mode())], at("08:02:00")).statuses, []);
}
