use serde_json::json;

use super::*;

/// A payload that came just after the last instant of the published ones.
fn read(json: &str) -> Decoded {
    super::read(json, RECEIVED_AT)
}

/// 2026-01-01.
const RECEIVED_AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Published frames whose decoded payload alone does not say what the codec knows: the model (a probe is called
/// `temperature` too), or that the whole list is of the past.
const BEYOND_NAMES: &[&str] = &["decentlab/dl-ds18", "laird/rs1xx", "mclimate", "tektelic"];

fn channel(reading: &Value) -> String {
    match reading["channel"].as_str() {
        Some("ambient") => "temperature".to_owned(),
        other => other.unwrap_or_default().to_owned(),
    }
}

/// The temperatures that are expected of a vector, as (channel, thousandths, Unix seconds).
fn expected(vector: &Value) -> Vec<(String, i64, Option<i64>)> {
    let readings = vector["expect"]["readings"].as_array().unwrap().iter();
    let temperatures = readings
        .filter(|reading| reading["kind"] == "temperature" && reading["plausible"] != false);
    let mut all: Vec<_> = temperatures
        .map(|one| (channel(one), milli(&one["value"]).unwrap(), one["at"].as_i64()))
        .collect();
    all.sort();
    all
}

fn told(decoded: &Decoded, of_history: bool) -> Vec<(String, i64, Option<i64>)> {
    let seconds =
        |measured: &Measured| measured.at.filter(|_| of_history).map(|at| at.as_millis() / 1000);
    let shape = |one: &Measured| {
        (one.channel.as_str().to_owned(), i64::from(one.temperature.0), seconds(one))
    };
    let mut all: Vec<_> = decoded.temperatures.iter().map(shape).collect();
    all.sort();
    all
}

#[test]
fn published_payloads_are_read_as_the_contract_says() {
    let Some(text) = hub_testkit::shared::text("contracts/lorawan-vectors/cold-chain-vectors.json")
    else {
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let (mut agreed, mut differing) = (0, Vec::new());
    for vector in file["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|vector| vector["output"]["data"].is_object())
    {
        let decoded = read(&vector["output"]["data"].to_string());
        let of_history = vector["output"]["data"]["history"].is_array();
        let door = vector["expect"]["readings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["kind"] == "door");
        let door = door.map(|door| door["value"] == "open");
        if told(&decoded, of_history) == expected(vector) && decoded.door_open == door {
            agreed += 1;
        } else {
            differing.push(vector["id"].as_str().unwrap().to_owned());
        }
    }
    let surprising: Vec<_> = differing
        .iter()
        .filter(|id| !BEYOND_NAMES.iter().any(|known| id.starts_with(known)))
        .collect();
    assert!(surprising.is_empty(), "{surprising:#?}");
    assert!(agreed >= 120, "only {agreed} agree; others: {differing:#?}");
}

#[test]
fn what_an_absent_probe_reads_is_no_temperature() {
    for sentinel in [
        json!(327.67),
        json!(-327.68),
        json!(3276.7),
        json!(-393.28),
        json!(19671.13),
        json!(null),
        json!("x"),
    ] {
        let payload = json!({ "TempC_SHT": 1.3, "TempC_DS": sentinel });
        let decoded = read(&payload.to_string());
        assert_eq!(told(&decoded, false), [("temperature".to_owned(), 1_300, None)], "{payload}");
    }
}

#[test]
fn a_battery_is_volts_or_percent_by_its_name_and_size() {
    let battery = |payload: Value| {
        let decoded = read(&payload.to_string());
        (decoded.battery_percent, decoded.battery_mv)
    };
    assert_eq!(battery(json!({ "battery": 50 })), (Some(50), None));
    assert_eq!(battery(json!({ "battery": 3.6 })), (None, Some(3_600)));
    assert_eq!(battery(json!({ "vdd": 3616 })), (None, Some(3_616)));
    assert_eq!(
        battery(json!({ "battery_voltage": { "value": 3.093, "unit": "V" } })),
        (None, Some(3_093))
    );
    assert_eq!(battery(json!({ "battery": 3, "BatV": 2.9 })), (Some(3), Some(2_900)));
    assert_eq!(battery(json!({ "battery": -1 })), (None, None));
}

#[test]
fn a_payload_in_which_nothing_is_known_is_not_understood() {
    assert!(!read("{\"luminosity\":0.6}").is_understood);
    assert!(!read("[1,2]").is_understood);
    assert!(!read("{}").is_understood);
    assert!(read("{\"Device\":\"R718CK\",\"SWver\":10,\"HWver\":2}").is_understood);
    assert!(read("{\"open\":1}").is_understood);
}

#[test]
fn a_temperature_is_read_in_the_unit_that_stands_beside_it() {
    let in_unit = |value: Value, unit: Value| {
        let payload = json!({ "temperature": { "value": value, "unit": unit } });
        read(&payload.to_string()).temperatures.first().map(|one| one.temperature.0)
    };
    for unit in ["°C", "C", "Cel", "celsius", "℃", "deg C", ""] {
        assert_eq!(in_unit(json!(4.0), json!(unit)), Some(4_000), "{unit}");
    }
    for unit in ["°F", "F", "Fahrenheit", "℉"] {
        assert_eq!(in_unit(json!(39.2), json!(unit)), Some(4_000), "{unit}");
    }
    assert_eq!(in_unit(json!(277.15), json!("K")), Some(4_000));
    assert_eq!(in_unit(json!(4.0), json!(null)), Some(4_000));
    for unit in ["°R", "mV", "ppm"] {
        assert_eq!(in_unit(json!(4.0), json!(unit)), None, "{unit}");
    }
    let humidity = |unit: &str| {
        let payload = json!({ "humidity": { "value": 51.5, "unit": unit } });
        read(&payload.to_string()).humidity.map(|humidity| humidity.0)
    };
    assert_eq!((humidity("%"), humidity("%RH"), humidity("g/m³")), (Some(515), Some(515), None));
}

#[test]
fn what_cannot_be_the_time_of_a_reading_is_none() {
    let at = |timestamp: Value| {
        let payload = json!({ "temperature": 4, "timestamp": timestamp });
        let decoded = read(&payload.to_string());
        assert_eq!(decoded.temperatures.len(), 1, "{payload}");
        decoded.temperatures[0].at.map(|at| at.as_millis() / 1000)
    };
    assert_eq!(at(json!(1_767_225_000)), Some(1_767_225_000));
    for wrong in [json!(0), json!(86_400), json!(1_767_225_000_000_i64), json!(1_767_999_999)] {
        assert_eq!(at(wrong.clone()), None, "{wrong}");
    }
    let item = |timestamp: i64| json!({ "temperature": 5, "timestamp": timestamp });
    let history = json!({ "history": [item(0), item(1_767_225_000), item(1_767_225_000_000)] });
    assert_eq!(read(&history.to_string()).temperatures.len(), 1, "the one whose time can be");
}
