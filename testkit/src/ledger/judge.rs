//! The checker: what the hub shows, against the ledger and the reference model. It gives complaints; none is well.

use std::collections::HashMap;
use std::fmt::Debug;

use hub_domain::{
    AlertEventKind, AlertKind, MilliCelsius, Point, Reading, Rule, SourceId, Timestamp,
    reading::Channel,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Fate, Sent, instant};
use crate::api::Api;
use crate::model::{Model, ModelEvent};

/// A stored reading of a unit: when, and what.
pub type Stored = (Timestamp, MilliCelsius);

/// An event of an alert: what happened, and when that became true.
pub type Told = (AlertEventKind, Timestamp);

/// The stored readings of a unit, as the hub's interface gives them.
///
/// # Panics
/// When the interface does not answer.
pub async fn raw(api: &Api, unit: &str) -> Vec<Value> {
    api.list(&format!("/api/v1/units/{unit}/readings")).await
}

/// The same, without what else is known of them.
///
/// # Panics
/// When a reading has no instant or temperature.
#[must_use]
pub fn stored(readings: &[Value]) -> Vec<Stored> {
    readings
        .iter()
        .map(|reading| (instant(&reading["recordedAt"]), milli_celsius(&reading["temperature"])))
        .collect()
}

/// Check 1: every reading answered 2xx is stored exactly once, one not answered at most once, and nothing else is.
#[must_use]
pub fn kept_once(sent: &[(Sent, Fate)], stored: &[Stored]) -> Vec<String> {
    let mut counts: HashMap<Stored, usize> = HashMap::new();
    stored.iter().for_each(|reading| *counts.entry(*reading).or_default() += 1);
    let mut promised: HashMap<Stored, bool> = HashMap::new();
    for (reading, fate) in sent {
        *promised.entry((reading.recorded_at, reading.temperature)).or_default() |=
            *fate == Fate::Answered;
    }
    let mut complaints = Vec::new();
    for (reading, answered) in &promised {
        match counts.remove(reading).unwrap_or(0) {
            0 if *answered => complaints.push(format!("{reading:?} was answered and is lost")),
            0 | 1 => {}
            count => complaints.push(format!("{reading:?} is stored {count} times")),
        }
    }
    complaints
        .extend(counts.keys().map(|reading| format!("{reading:?} is stored and was never sent")));
    complaints
}

/// Check 5: a unit's buckets are what its readings come to.
///
/// # Panics
/// When either is not what the interface gives.
#[must_use]
pub fn buckets_agree(series: &Value, readings: &[Value]) -> Vec<String> {
    let width = series["bucketSecs"].as_i64().expect("buckets have a width") * 1_000;
    let mut expected: HashMap<(&str, &str, i64), Vec<Stored>> = HashMap::new();
    for reading in readings {
        let point = (text(&reading["source"]), text(&reading["channel"]));
        let (at, value) = (instant(&reading["recordedAt"]), milli_celsius(&reading["temperature"]));
        let from = at.as_millis().div_euclid(width) * width;
        expected.entry((point.0, point.1, from)).or_default().push((at, value));
    }
    let mut complaints = Vec::new();
    for point in series["points"].as_array().expect("a series has points") {
        for bucket in point["buckets"].as_array().expect("a point has buckets") {
            let from = instant(&bucket["from"]).as_millis();
            let of_point = (text(&point["source"]), text(&point["channel"]), from);
            let within = expected.remove(&of_point).unwrap_or_default();
            if !is_sum_of(bucket, &within) {
                complaints.push(format!("{bucket} is not what {within:?} come to"));
            }
        }
    }
    complaints.extend(expected.keys().map(|bucket| format!("there is no bucket {bucket:?}")));
    complaints
}

/// Whether a bucket says what these readings come to.
fn is_sum_of(bucket: &Value, readings: &[Stored]) -> bool {
    let values = || readings.iter().map(|(_, value)| value.0);
    let (Some(min), Some(max)) = (values().min(), values().max()) else { return false };
    let sum: i64 = values().map(i64::from).sum();
    let count = i64::try_from(readings.len()).expect("a few");
    let is_one = |at: &str, value: i32| {
        readings.contains(&(instant(&bucket[at]), MilliCelsius(value)))
            && milli_celsius(&bucket[at.trim_end_matches("At")]).0 == value
    };
    let mean = i64::from(milli_celsius(&bucket["mean"]).0);
    bucket["count"] == count
        && is_one("minAt", min)
        && is_one("maxAt", max)
        && (mean * count - sum).abs() <= count
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the reference model says of a unit: fed with what is stored, in the order of sending, and left to itself
/// until `end`.
#[must_use]
pub fn modelled(
    rule: &Rule,
    sent: &[(Sent, Fate)],
    stored: &[Stored],
    end: Timestamp,
) -> Vec<ModelEvent> {
    let source = SourceId::from(Uuid::nil());
    let point = Point { source, channel: Channel::TEMPERATURE };
    let mut model = Model::new(rule.clone());
    for (sent, _) in
        sent.iter().filter(|(sent, _)| stored.contains(&(sent.recorded_at, sent.temperature)))
    {
        let at = sent.recorded_at;
        model.reading(&Reading::new(point.clone(), at, at, sent.temperature), at);
    }
    model.tick(end);
    model.events
}

/// The events of a unit's alerts of one kind as the hub's interface tells them: `alerts` with their `events`.
#[must_use]
pub fn told(alerts: &[Value], kind: AlertKind) -> Vec<Told> {
    let mut of_kind: Vec<&Value> =
        alerts.iter().filter(|alert| alert["kind"] == kind.name()).collect();
    of_kind.sort_by_key(|alert| instant(&alert["openedAt"]));
    of_kind.into_iter().flat_map(events).collect()
}

/// The events of one alert, in order.
///
/// # Panics
/// When the alert has no `events`, or one of them no name or instant.
#[must_use]
pub fn events(alert: &Value) -> Vec<Told> {
    let events = alert["events"].as_array().expect("an alert has events");
    events.iter().map(|event| (event_kind(&event["event"]), instant(&event["at"]))).collect()
}

/// The event of that name.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn event_kind(name: &Value) -> AlertEventKind {
    name.as_str().and_then(AlertEventKind::parse).unwrap_or_else(|| panic!("{name} is no event"))
}

/// Check 2: the alerts are those of the model, each event with its instant, and there is no alert of another kind.
#[must_use]
pub fn alerts_agree(modelled: &[ModelEvent], alerts: &[Value]) -> Vec<String> {
    let mut complaints = Vec::new();
    for kind in AlertKind::ALL {
        let expected: Vec<Told> = modelled
            .iter()
            .filter(|event| event.0 == *kind)
            .map(|event| (event.1, event.2))
            .collect();
        complaints.extend(difference(kind.name(), &expected, &told(alerts, *kind)));
    }
    complaints
}

/// Where two lists part, or nothing.
pub fn difference<T: PartialEq + Debug>(what: &str, expected: &[T], found: &[T]) -> Option<String> {
    if expected == found {
        return None;
    }
    let same = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let (expected, found) = (&expected[same..], &found[same..]);
    let first =
        |list: &[T]| list.iter().take(3).map(|item| format!("{item:?}")).collect::<Vec<_>>();
    Some(format!(
        "{what}: after {same} alike, expected {:?}, found {:?}",
        first(expected),
        first(found)
    ))
}

/// A decimal number of degrees as whole thousandths.
///
/// # Panics
/// When it is no number.
#[must_use]
#[track_caller]
#[expect(
    clippy::cast_possible_truncation,
    reason = "temperatures are far below the bounds of 32 bits"
)]
pub fn milli_celsius(celsius: &Value) -> MilliCelsius {
    let celsius = celsius.as_f64().unwrap_or_else(|| panic!("{celsius} is no temperature"));
    MilliCelsius((celsius * 1000.0).round() as i32)
}

#[cfg(test)]
mod tests {
    use hub_domain::{Layer, RuleField, RuleLayer};
    use serde_json::json;

    use super::*;
    use crate::ledger::text;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_763_000_000_000 + secs * 1000)
    }

    fn sent(secs: i64, milli: i32, fate: Fate) -> (Sent, Fate) {
        (Sent { unit: "u".into(), recorded_at: at(secs), temperature: MilliCelsius(milli) }, fate)
    }

    fn is(secs: i64, milli: i32) -> Stored {
        (at(secs), MilliCelsius(milli))
    }

    #[test]
    fn what_is_lost_doubled_or_made_up_is_noticed() {
        let ledger = [
            sent(0, 3000, Fate::Answered),
            sent(1, 3100, Fate::Unknown),
            sent(0, 3000, Fate::Unknown),
        ];
        assert_eq!(kept_once(&ledger, &[is(0, 3000)]), [""; 0]);
        assert_eq!(kept_once(&ledger, &[is(0, 3000), is(1, 3100)]), [""; 0]);
        assert!(kept_once(&ledger, &[is(1, 3100)])[0].contains("lost"));
        assert!(
            kept_once(&ledger, &[is(0, 3000), is(1, 3100), is(1, 3100)])[0].contains("2 times")
        );
        assert!(kept_once(&ledger, &[is(0, 3000), is(1, 3101)])[0].contains("never sent"));
    }

    fn rule() -> Rule {
        let mut layer = Layer::default();
        layer.set(RuleField::HighLimit, Some(8000)).unwrap();
        layer.set(RuleField::ConfirmHighShutSecs, Some(2)).unwrap();
        Rule::resolve(&[(RuleLayer::Unit, &layer)]).unwrap()
    }

    fn alert(events: &[(&str, i64)]) -> Value {
        let events: Vec<Value> = events
            .iter()
            .map(|(event, secs)| json!({ "event": event, "at": text(at(*secs)) }))
            .collect();
        json!({ "kind": "temperature_high", "openedAt": events[0]["at"], "events": events })
    }

    #[test]
    fn a_bucket_that_says_something_else_is_noticed() {
        let reading = |secs: i64, celsius: f64| json!({ "source": "a", "channel": "air", "recordedAt": text(at(secs)), "temperature": celsius });
        let bucket = |count: i64, mean: f64| {
            let at = |secs| text(at(secs));
            json!({ "bucketSecs": 60, "points": [{ "source": "a", "channel": "air", "buckets": [{
                "from": at(-20), "min": 3.0, "minAt": at(1), "max": 5.0, "maxAt": at(2), "count": count, "mean": mean,
            }] }] })
        };
        let both = [reading(1, 3.0), reading(2, 5.0)];
        assert_eq!(buckets_agree(&bucket(2, 4.0), &both), [""; 0]);
        assert_eq!(buckets_agree(&bucket(2, 4.1), &both).len(), 1);
        assert_eq!(buckets_agree(&bucket(3, 4.0), &both).len(), 1);
        assert_eq!(buckets_agree(&bucket(1, 3.0), &both[..1]).len(), 1);
        let more = [both.as_slice(), &[reading(61, 4.0)]].concat();
        assert_eq!(buckets_agree(&bucket(2, 4.0), &more).len(), 1, "none for the last");
    }

    #[test]
    fn alerts_other_than_the_models_are_noticed() {
        let readings = [(0, 9000), (3, 9000), (4, 3000), (5, 3000), (6, 9000)];
        let ledger = readings.map(|(secs, milli)| sent(secs, milli, Fate::Answered));
        let stored = readings.map(|(secs, milli)| is(secs, milli));
        let modelled = modelled(&rule(), &ledger, &stored, at(6));
        let first = alert(&[("opened", 0), ("confirmed", 2), ("resolved", 5)]);
        let good = [alert(&[("opened", 6)]), first.clone()];
        assert_eq!(alerts_agree(&modelled, &good), [""; 0]);
        assert!(alerts_agree(&modelled, &good[1..])[0].contains("after 3 alike"));
        let late =
            [alert(&[("opened", 6)]), alert(&[("opened", 0), ("confirmed", 3), ("resolved", 5)])];
        assert!(alerts_agree(&modelled, &late)[0].contains("after 1 alike"));
        let doubled = [good[0].clone(), first.clone(), first];
        assert_eq!(alerts_agree(&modelled, &doubled).len(), 1);
    }

    #[test]
    fn what_was_never_stored_does_not_reach_the_model() {
        let ledger = [sent(0, 3000, Fate::Answered), sent(1, 9000, Fate::Unknown)];
        assert_eq!(modelled(&rule(), &ledger, &[is(0, 3000)], at(1)), []);
        assert_eq!(modelled(&rule(), &ledger, &[is(0, 3000), is(1, 9000)], at(1)).len(), 1);
    }
}
