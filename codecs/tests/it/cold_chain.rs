//! The 148 frames of sensors that watch cold places: every field, and just the readings that are expected.

use std::collections::BTreeMap;

use hub_codecs::{Decoded, Refusal, codec_of};
use hub_domain::Timestamp;
use serde_json::Value;

use crate::vector::{Vector, cold_chain, difference, thousandths};

/// One reading, in thousandths of its unit: kind and channel, value, Unix seconds.
type Told = (String, i64, Option<i64>);

fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

/// What is expected to be stored. What is not plausible is not.
fn expected(vector: &Vector) -> Vec<Told> {
    let readings = vector.expect["readings"].as_array().expect("a list").iter();
    let plausible = readings.filter(|reading| reading["plausible"] != false);
    let mut told: Vec<Told> = plausible
        .map(|reading| {
            let (kind, at) = (reading["kind"].as_str().expect("a kind"), reading["at"].as_i64());
            let place = reading["channel"].as_str().or(reading["unit"].as_str()).unwrap_or("");
            let value = match kind {
                "door" => i64::from(reading["value"] == "open"),
                // a share is stored in whole thousandths
                "humidity" => (thousandths(&reading["value"]) + 50) / 100 * 100,
                _ => thousandths(&reading["value"]),
            };
            (format!("{kind} {place}"), value, at)
        })
        .collect();
    told.sort();
    told
}

fn read(decoded: &Decoded) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for one in &decoded.temperatures {
        let place = match one.channel.as_str() {
            "temperature" => "ambient",
            other => other,
        };
        let at = one.at.map(seconds);
        told.push((format!("temperature {place}"), i64::from(one.temperature.0), at));
        let humidity = one.humidity.map(|share| i64::from(share.0) * 100);
        told.extend(humidity.map(|share| (format!("humidity {place}"), share, at)));
    }
    let beside = [
        ("humidity ambient", decoded.humidity.map(|share| i64::from(share.0) * 100)),
        ("battery V", decoded.battery_mv.map(i64::from)),
        ("battery %", decoded.battery_percent.map(|percent| i64::from(percent) * 1000)),
        ("door ", decoded.door_open.map(i64::from)),
    ];
    told.extend(
        beside.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?, None))),
    );
    told.sort();
    told
}

/// The time of readings that the file tells in its output or in words, in Unix seconds.
fn times_told_in_words(vector: &Vector) -> Option<i64> {
    const LAIRD_EPOCH: i64 = 1_420_070_400;
    let data = &vector.output["data"];
    if data["timestamp"]["year"] == 2015 || data["readings"][0]["timestamp"]["year"] == 2015 {
        return Some(LAIRD_EPOCH); // all of them of the first seconds of the sensor's clock
    }
    data["Systimestamp"].as_i64()
}

fn check(vector: &Vector) -> Result<(), String> {
    let codec = codec_of(&vector.model()).ok_or("no codec is known for the model")?;
    let output = &vector.output;
    let decoded = match (codec.decode(&vector.frame()), output["data"].is_object()) {
        (Ok(decoded), true) => decoded,
        (Err(refusal), false) if expected(vector).is_empty() => {
            return check_error(refusal, output);
        }
        (outcome, _) => return Err(format!("{outcome:?}")),
    };
    if let Some(difference) = difference(&decoded.fields, &output["data"]) {
        return Err(difference);
    }
    let told = times_told_in_words(vector);
    let mut ours = read(&decoded);
    for (name, _, at) in ours.iter_mut().filter(|_| told.is_some()) {
        let is_close = at.is_none_or(|at| Some(at) == told || Some(at - 2) == told);
        if !is_close || (name.starts_with("temperature") && at.is_none()) {
            return Err(format!("{name} is of {at:?}, and {told:?} is expected"));
        }
        *at = None;
    }
    if ours == expected(vector) && decoded.is_understood {
        return Ok(());
    }
    Err(format!("read {ours:?}, expected {:?}", expected(vector)))
}

fn check_error(refusal: Refusal, output: &Value) -> Result<(), String> {
    let said = output["errors"][0].as_str().unwrap_or_default();
    if refusal.to_string() == said { Ok(()) } else { Err(format!("{refusal}, not {said:?}")) }
}

#[test]
fn every_frame_gives_the_vendors_fields_and_just_the_expected_readings() {
    let Some(vectors) = cold_chain() else { return };
    assert_eq!(vectors.len(), 148);
    let wrong: BTreeMap<&str, String> = vectors
        .iter()
        .filter_map(|vector| Some((vector.id.as_str(), check(vector).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{} of 148 differ: {wrong:#?}", wrong.len());
}
