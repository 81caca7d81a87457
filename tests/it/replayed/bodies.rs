//! The webhook bodies that The Things Stack documents, and what ought to be read out of each.

use std::collections::BTreeMap;

use hub_testkit::{api::Api, ledger::instant, shared};
use serde_json::{Value, json};

use super::Connection;
use crate::promises::{BACKENDS, Story};

/// Half of what humidity is kept to, in percent.
const HALF_A_PER_MILLE: f64 = 0.0501;

/// The bodies of one part of the file.
fn bodies(part: &str) -> Option<Vec<Value>> {
    let text = shared::text("contracts/ttn/webhook-bodies.json")?;
    let mut file: Value = serde_json::from_str(&text).expect("the file is JSON");
    Some(file[part].as_array_mut().map(std::mem::take).expect("the part is there"))
}

fn name(case: &Value) -> &str {
    case["name"].as_str().expect("a body has a name")
}

fn dev_eui(case: &Value) -> Option<&str> {
    case["body"]["end_device_ids"]["dev_eui"].as_str()
}

/// Values by what they are, of all channels or of one.
fn expected<'a>(case: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let readings = case["expect"]["readings"].as_array().expect("a list of what to read");
    readings.iter().filter(move |reading| reading["kind"] == kind)
}

/// Our name of a channel: what surrounds the sensor is its own first temperature.
fn channel(reading: &Value) -> String {
    let channel = reading["channel"].as_str().expect("a temperature has a channel");
    if channel == "ambient" { "temperature".to_owned() } else { channel.to_owned() }
}

fn temperatures(case: &Value) -> BTreeMap<String, Value> {
    expected(case, "temperature")
        .map(|reading| (channel(reading), reading["value"].clone()))
        .collect()
}

/// Some reading says `expected` in `field` where anything is expected, and none says otherwise. Humidity alone is kept
/// less exactly than it is told.
fn assert_beside(readings: &[Value], field: &str, expected: Option<&Value>, what: &str) {
    let said: Vec<&Value> =
        readings.iter().map(|reading| &reading[field]).filter(|said| !said.is_null()).collect();
    assert_eq!(said.is_empty(), expected.is_none(), "{what}: {field} is {said:?}");
    let alike = |said: &Value, expected: &Value| match (said.as_f64(), expected.as_f64()) {
        (Some(said), Some(expected)) if field == "humidity" => {
            (said - expected).abs() < HALF_A_PER_MILLE
        }
        (Some(said), Some(expected)) => said == expected, // 50 and 50.0 are one
        _ => said == expected,
    };
    assert!(
        said.iter().all(|said| expected.is_some_and(|expected| alike(said, expected))),
        "{what}: {field} is {said:?}"
    );
}

fn assert_left(case: &Value, readings: &[Value], what: &str) {
    let left = readings.iter().map(|reading| {
        (
            reading["channel"].as_str().expect("a channel").to_owned(),
            reading["temperature"].as_f64(),
        )
    });
    let left: Vec<_> = left.collect();
    let wanted: Vec<_> =
        temperatures(case).into_iter().map(|(channel, value)| (channel, value.as_f64())).collect();
    let mut sorted = left;
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(sorted, wanted, "{what}");
    let first = |kind| expected(case, kind).map(|reading| &reading["value"]).next();
    assert_beside(readings, "humidity", first("humidity"), what);
    let in_volts = |reading: &&Value| reading["unit"] == "V";
    let volts = expected(case, "battery").find(in_volts).map(|reading| &reading["value"]);
    let percent = expected(case, "battery")
        .find(|reading| !in_volts(reading))
        .map(|reading| &reading["value"]);
    assert_beside(readings, "batteryVoltage", volts, what);
    assert_beside(readings, "battery", percent, what);
    let door = first("door").map(|door| Value::from(door == "open"));
    assert_beside(readings, "doorOpen", door.as_ref(), what);
}

/// `vendor/model` as the network knows it.
fn model(case: &Value) -> String {
    let version = &case["body"]["uplink_message"]["version_ids"];
    let word = |name| version[name].as_str().expect("an uplink names its device's version");
    format!("{}/{}", word("brand_id"), word("model_id"))
}

/// A unit with the case's sensor, of this model if any.
async fn unit_of(api: &Api, case: &Value, model: Option<&str>) -> String {
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "Unit").await;
    let mut device = json!({ "unitId": unit, "name": "Sensor", "devEui": dev_eui(case) });
    if let Some(model) = model {
        device["model"] = model.into();
    }
    api.create("/api/v1/devices", device).await;
    unit
}

/// Sends a body twice and looks each time at what it left.
async fn assert_taken(api: &Api, case: &Value, model: Option<&str>, what: &str) {
    let unit = unit_of(api, case, model).await;
    let connection = Connection::make(api).await;
    for _ in 0..2 {
        let status = connection.send(&case["body"]).await;
        assert!((200..300).contains(&status), "{what}: {status}");
        let readings = api.list(&format!("/api/v1/units/{unit}/readings")).await;
        let frames = api.list(&format!("/api/v1/units/{unit}/frames")).await;
        assert_eq!(frames.len(), 1, "{what}: the frame itself is kept, once");
        assert_eq!(frames[0]["decoded"], true, "{what}");
        assert_left(case, &readings, what);
    }
    // of silence there may be alerts: the bodies are years old
    let of_silence = ["monitoring_interrupted", "missed_manual_entry"];
    let mut alerts = api.alerts_of(&unit).await;
    alerts.retain(|alert| !of_silence.iter().any(|kind| alert["kind"] == *kind));
    assert_eq!(alerts, [] as [Value; 0], "{what}: what a broken probe reads is no incident");
}

/// Each body goes to organizations of its own: they were all composed of one device and one frame counter. The one that
/// no formatter read is known by its shape where its model is not.
#[tokio::test(flavor = "multi_thread")]
async fn the_composed_bodies_leave_just_their_readings() {
    let Some(cases) = bodies("composed") else { return };
    assert_eq!(cases.len(), 9);
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        for case in &cases {
            for model in [None, Some(model(case))] {
                let what = format!("{backend:?}, {}, {model:?}", name(case));
                let (_, api) = story.hub.owner(&what).await.expect("an owner is made");
                assert_taken(&api, case, model.as_deref(), &what).await;
            }
        }
    }
}

/// The network's formatter is made to say 40 °C, which the bytes do not.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_a_known_model_are_believed_before_what_the_network_made_of_them() {
    let Some(mut cases) = bodies("composed") else { return };
    let case = &mut cases[0];
    assert_eq!(model(case), "dragino/lht65");
    case["body"]["uplink_message"]["decoded_payload"] = json!({ "TempC_SHT": 40.0 });
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        for (model, known, left) in [
            (Some("dragino/lht65"), true, 28.29),
            (Some("Dragino/LHT65"), false, 28.29),
            (Some("acme/thermometer"), true, 40.0),
            (None, true, 28.29), // the network knows it
            (None, false, 40.0),
        ] {
            let what = format!("{backend:?}, {model:?}, known: {known}");
            let mut body = case["body"].clone();
            if !known {
                body["uplink_message"]["version_ids"] = Value::Null;
            }
            let (_, api) = story.hub.owner(&what).await.expect("an owner is made");
            let unit = unit_of(&api, case, model).await;
            assert_eq!(Connection::make(&api).await.send(&body).await / 100, 2, "{what}");
            let readings = api.list(&format!("/api/v1/units/{unit}/readings")).await;
            let own = readings.iter().find(|reading| reading["channel"] == "temperature");
            assert_eq!(own.map(|own| &own["temperature"]), Some(&json!(left)), "{what}");
        }
    }
}

/// A reading out of a sensor's memory is of the time that the frame says, be it years ago: of Milesight's it is 2023, of Laird's,
/// whose clock was never set, 2015.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_sensor_remembers_is_of_its_own_time() {
    let Some(mut cases) = bodies("composed") else { return };
    let case = &mut cases[0];
    let frames = [
        ("milesight/em300-sld-zld", "IM4A8VNl/wB4AQ==", vec!["2023-11-14T22:13:20.000Z"]),
        (
            "laird/rs1xx-ext-temp-rtd-sensor",
            "BAECAAAAAAAAAAAAAAAAAAAAAA==",
            vec!["2015-01-01T00:00:00.000Z", "2015-01-01T00:00:00.001Z"],
        ),
    ];
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        for (model, payload, times) in &frames {
            let what = format!("{backend:?}, {model}");
            let (_, api) = story.hub.owner(&what).await.expect("an owner is made");
            let unit = unit_of(&api, case, Some(model)).await;
            case["body"]["uplink_message"]["frm_payload"] = (*payload).into();
            let connection = Connection::make(&api).await;
            assert_eq!(connection.send(&case["body"]).await / 100, 2, "{what}");
            let readings = api.list(&format!("/api/v1/units/{unit}/readings")).await;
            let left: Vec<_> =
                readings.iter().map(|reading| instant(&reading["recordedAt"])).collect();
            let wanted: Vec<_> = times.iter().map(|time| instant(&json!(time))).collect();
            assert_eq!(left, wanted, "{what}: {readings:?}");

            let mut told_again = case["body"].clone();
            told_again["uplink_message"]["f_cnt"] = 4_711.into();
            assert_eq!(connection.send(&told_again).await / 100, 2, "{what}");
            let frames = api.list(&format!("/api/v1/units/{unit}/frames")).await;
            assert_eq!(frames.len(), 2, "{what}");
            let again = api.list(&format!("/api/v1/units/{unit}/readings")).await;
            assert_eq!(
                again, readings,
                "{what}: what is told in two frames is one set of readings"
            );
        }
    }
}

/// On another port nothing tells whose frame it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_nobody_can_read_is_kept_and_leaves_no_reading() {
    let Some(mut cases) = bodies("composed") else { return };
    let raw = |case: &&mut Value| !case["body"]["uplink_message"]["decoded_payload"].is_object();
    let case = cases.iter_mut().find(raw).expect("one has no decoded payload");
    case["body"]["uplink_message"]["f_port"] = 77.into();
    case["body"]["uplink_message"]["version_ids"] = Value::Null;
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = unit_of(&story.api, case, None).await;
        let connection = Connection::make(&story.api).await;
        assert_eq!(connection.send(&case["body"]).await / 100, 2, "{backend:?}");
        assert_eq!(story.readings(&unit).await.len(), 0, "{backend:?}");
        let frames = story.api.list(&format!("/api/v1/units/{unit}/frames")).await;
        assert_eq!((frames.len(), &frames[0]["decoded"]), (1, &json!(false)), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_bodies_are_taken_and_an_unknown_sensor_can_be_claimed() {
    let Some(cases) = bodies("documented") else { return };
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let connection = Connection::make(&story.api).await;
        for case in cases.iter().chain(&cases) {
            let status = connection.send(&case["body"]).await;
            assert!((200..300).contains(&status), "{backend:?}, {}: {status}", name(case));
        }
        let unclaimed = story.api.list("/api/v1/unclaimed-devices").await;
        assert_eq!(unclaimed.len(), 1, "{backend:?}: {unclaimed:?}");
        let uplink = cases
            .iter()
            .find(|case| name(case) == "uplink_message")
            .expect("an uplink is documented");
        let heard = (
            unclaimed[0]["devEui"].as_str().map(str::to_uppercase),
            unclaimed[0]["frames"].as_i64(),
        );
        assert_eq!(heard, (dev_eui(uplink).map(str::to_uppercase), Some(1)), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_and_changes_nothing() {
    let Some(cases) = bodies("composed") else { return };
    let case = &cases[0];
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.api.create_unit(&story.site, "Unit").await;
        story.api.create_device(&unit, "Sensor", dev_eui(case)).await;
        let connection = Connection::make(&story.api).await;
        for secret in ["", "wrong", &connection.secret[1..], &story.token] {
            assert_eq!(
                connection.send_with(secret, &case["body"]).await,
                401,
                "{backend:?}: {secret:?}"
            );
        }
        assert_eq!(story.readings(&unit).await.len(), 0, "{backend:?}");
        assert_eq!(connection.send(&case["body"]).await / 100, 2, "{backend:?}");
        assert_eq!(story.readings(&unit).await.len(), 2, "{backend:?}");
    }
}
