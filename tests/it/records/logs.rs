use std::time::Duration;

use hub_store::records::Role;
use hub_testkit::api::{Answer, Api};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Place, ago, ago_millis, delete, patch};
use crate::promises::{BACKENDS, Backend};

const LOGS: &str = "/api/v1/manual-logs";

async fn manual_readings(api: &Api, unit: &str) -> Vec<Value> {
    let readings = api.list(&format!("/api/v1/units/{unit}/readings")).await;
    readings.into_iter().filter(|reading| reading["channel"] == "manual").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_queued_twice_offline_is_one_log_and_one_reading() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let id = Uuid::new_v4().to_string();
        let log = json!({ "id": id, "unitId": unit, "temperature": 41, "temperatureUnit": "F", "humidity": 44.2, "note": "Ünder the fan\n", "recordedAt": ago(3600) });
        let first = place.owner.post(LOGS, &log).await;
        assert_eq!(first.headers["location"], format!("{LOGS}/{id}"));
        let first = first.expect(201);
        assert_eq!(
            (&first["id"], &first["temperature"], &first["humidity"], &first["note"]),
            (&json!(id), &json!(5.0), &json!(44.2), &json!("Ünder the fan\n"))
        );
        assert_eq!(
            (&first["isOutOfRange"], &first["needsAction"]),
            (&json!(false), &json!(false)),
            "equal to the limit is inside"
        );
        assert_ne!(first["recordedAt"], first["createdAt"]);
        let again = place.owner.post(LOGS, &log).await.expect(200);
        assert_eq!(again, first, "{backend:?}");
        let readings = manual_readings(&place.owner, &unit).await;
        assert_eq!(readings.len(), 1, "{readings:?}");
        assert_eq!(
            (&readings[0]["source"], &readings[0]["humidity"]),
            (&json!(unit), &json!(44.2))
        );
        assert_eq!(place.owner.live(&unit).await["temperature"], 5.0);
        let mut other = log.clone();
        other["temperature"] = json!(42);
        let other = place.owner.post(LOGS, &other).await;
        assert_eq!((other.status.as_u16(), other.code()), (409, "conflicting"));
        assert_eq!(manual_readings(&place.owner, &unit).await.len(), 1, "nothing of it is stored");
        // another organization may choose the same id, and notices nothing
        let (_, stranger) = place.hub.owner("Other").await.expect("an owner");
        let site = stranger.create_site("Bar").await;
        let theirs = stranger.create_unit(&site, "Cooler").await;
        let mut log = log;
        log["unitId"] = json!(theirs);
        assert_eq!(stranger.create(LOGS, log.clone()).await["unitId"], *theirs);
        let path = format!("{LOGS}/{id}");
        patch(&stranger, &path, 1, &json!({ "note": "theirs" })).await.expect(200);
        assert_eq!(place.owner.read(&path).await, first, "{backend:?}");
        delete(&stranger, &path).await.expect(204);
        assert_eq!(place.owner.read(&path).await, first, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_a_key_of_its_request_is_made_once() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let log = json!({ "unitId": unit, "temperature": 4, "recordedAt": ago(10) });
        let send = || async {
            let request = place.owner.request(Method::POST, LOGS).header("Idempotency-Key", "k1");
            place.owner.send(request.json(&log)).await.expect("the hub answers")
        };
        let (first, second) = tokio::join!(send(), send());
        assert!(first.status.is_success() && second.status.is_success(), "{first:?} {second:?}");
        assert_eq!(first.body["id"], second.body["id"], "{backend:?}");
        assert_eq!(send().await.expect(201)["id"], first.body["id"]);
        assert_eq!(manual_readings(&place.owner, &unit).await.len(), 1);
        assert_eq!(place.owner.list(LOGS).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_reading_alone_was_stored_is_healed_by_sending_it_again() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let (_, stranger) = place.hub.owner("Other").await.expect("an owner");
        let site = stranger.create_site("Bar").await;
        let theirs = stranger.create_unit(&site, "Cooler").await;
        let (id, at) = (Uuid::new_v4().to_string(), ago(60));
        let log =
            |unit: &str| json!({ "id": id, "unitId": unit, "temperature": 4, "recordedAt": at });
        stranger.create(LOGS, log(&theirs)).await;
        let sequence = manual_readings(&stranger, &theirs).await[0]["sequence"].clone();
        // what a crash between the two writes leaves
        let reading = json!({ "unitId": unit, "channel": "manual", "temperature": 4, "recordedAt": at, "sequence": sequence });
        assert_eq!(place.owner.ingest(json!([reading])).await["accepted"], 1);
        assert_eq!(place.owner.create(LOGS, log(&unit)).await["id"], *id);
        assert_eq!(manual_readings(&place.owner, &unit).await.len(), 1, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_past_a_hard_ceiling_is_out_of_range() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let rule = json!({ "highLimit": null, "highCeiling": 8, "lowCeiling": -2 });
        let unit = place.unit("Walk-in", rule).await;
        for (celsius, is_out) in [(8, false), (9, true), (0, false), (-1, true)] {
            let log = json!({ "unitId": unit, "temperature": celsius, "recordedAt": ago(60) });
            let made = place.owner.create(LOGS, log).await;
            assert_eq!(made["isOutOfRange"], json!(is_out), "{backend:?}: {celsius} °C");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_sent_again_is_known_though_its_unit_is_deleted() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let log = |id: Uuid| json!({ "id": id, "unitId": unit, "temperature": 4, "recordedAt": "2026-01-02T03:04:05Z" });
        let id = Uuid::new_v4();
        let made = place.owner.create(LOGS, log(id)).await;
        delete(&place.owner, &format!("/api/v1/units/{unit}")).await.expect(204);
        let again = place.owner.post(LOGS, &log(id)).await.expect(200);
        assert_eq!(again, made, "{backend:?}");
        let new = place.owner.post(LOGS, &log(Uuid::new_v4())).await;
        assert_eq!(new.status, 404, "{backend:?}: {}", new.body);
    }
}

/// Sends a log until it is answered, over any number of deaths of the hub.
async fn send_until_kept(api: Api, log: Value) -> Answer {
    hub_testkit::wait::until("the log to be kept", Duration::from_secs(60), || async {
        let answer = api.send(api.request(Method::POST, LOGS).json(&log)).await.ok();
        answer.filter(|answer| answer.status.is_success())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_killed_while_it_takes_in_logs_loses_and_doubles_none() {
    for backend in BACKENDS {
        let mut place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let mut sent = Vec::new();
        for (round, millis) in [3, 9, 17, 29].into_iter().enumerate() {
            for one in 0..8 {
                let place_in_time = i64::try_from(round * 8 + one).expect("small");
                let log = json!({ "id": Uuid::new_v4().to_string(), "unitId": unit, "temperature": 4, "recordedAt": ago_millis(60_000 - place_in_time) });
                sent.push(tokio::spawn(send_until_kept(place.owner.clone(), log)));
            }
            tokio::time::sleep(Duration::from_millis(millis)).await;
            place.hub.kill9();
            place.hub.restart().await.expect("it starts again");
        }
        let mut ids = Vec::new();
        for answer in sent {
            let log = answer.await.expect("it was kept").body;
            ids.push(log["id"].as_str().expect("an id").to_owned());
        }
        let mut listed: Vec<String> = place.owner.list(LOGS).await.iter().map(id).collect();
        listed.sort_unstable();
        ids.sort_unstable();
        assert_eq!(listed, ids, "{backend:?}");
        assert_eq!(manual_readings(&place.owner, &unit).await.len(), ids.len(), "{backend:?}");
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_of_range_asks_for_an_action_and_opens_the_alert() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let log = json!({ "unitId": unit, "temperature": 9.5, "recordedAt": ago(5) });
        let log = place.owner.create(LOGS, log).await;
        assert_eq!((&log["isOutOfRange"], &log["needsAction"]), (&json!(true), &json!(true)));
        let alerts = place.owner.alerts_of(&unit).await;
        assert_eq!((alerts.len(), &alerts[0]["kind"]), (1, &json!("temperature_high")));
        let wanting = || async { place.owner.list(&format!("{LOGS}?needsAction=true")).await };
        let with_action = json!({ "unitId": unit, "temperature": 10, "recordedAt": ago(1), "correctiveAction": "Moved the food" });
        let answered = place.owner.create(LOGS, with_action).await;
        assert_eq!(
            (&answered["isOutOfRange"], &answered["needsAction"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(wanting().await.iter().map(id).collect::<Vec<_>>(), [id(&log)]);
        let ordinary = place.owner.list(&format!("{LOGS}?needsAction=false&unitId={unit}")).await;
        assert_eq!(ordinary.iter().map(id).collect::<Vec<_>>(), [id(&answered)]);
        let action =
            json!({ "unitId": unit, "manualLogId": log["id"], "action": "Called the fitter" });
        let action = place.owner.create("/api/v1/corrective-actions", action).await;
        assert!(wanting().await.is_empty());
        assert_eq!(place.owner.read(&format!("{LOGS}/{}", id(&log))).await["needsAction"], false);
        // taken away, the action answers nothing
        let path = format!("/api/v1/corrective-actions/{}", id(&action));
        delete(&place.owner, &path).await.expect(204);
        assert_eq!(wanting().await.len(), 1);
        assert_eq!(place.owner.get(&path).await.status, 404);
        place.owner.post(&format!("{path}/restore"), &json!(null)).await.expect(200);
        assert!(wanting().await.is_empty());
        let purge = place.owner.post(&format!("{path}/purge"), &json!(null)).await;
        assert_eq!((purge.status.as_u16(), purge.code()), (409, "not_deleted"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_answers_what_is_of_its_unit_alone() {
    let place = Place::begin(Backend::Sqlite).await;
    let (unit, other) = (place.unit("One", json!({})).await, place.unit("Two", json!({})).await);
    let log = json!({ "unitId": unit, "temperature": 9, "recordedAt": ago(5) });
    let log = place.owner.create(LOGS, log).await;
    let alert = place.owner.alerts_of(&unit).await[0]["id"].clone();
    let none = "019a0000-0000-7000-8000-000000000001";
    let refused = |pointer: &'static str, unit: Value, field: &'static str, value: Value| {
        let owner = place.owner.clone();
        async move {
            let mut body = json!({ "unitId": unit, "action": "Did it" });
            body[field] = value;
            let answer = owner.post("/api/v1/corrective-actions", &body).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
                (if pointer.ends_with("Id") { 404 } else { 422 }, &json!(pointer)),
                "{}",
                answer.body
            );
        }
    };
    refused("/alertId", json!(other), "alertId", alert.clone()).await;
    refused("/alertId", json!(unit), "alertId", json!(none)).await;
    refused("/manualLogId", json!(other), "manualLogId", log["id"].clone()).await;
    refused("/manualLogId", json!(unit), "manualLogId", json!(none)).await;
    refused("/unitId", json!(none), "alertId", alert.clone()).await;
    refused("/action", json!(unit), "action", json!(" ")).await;
    refused("/takenAt", json!(unit), "takenAt", json!(ago(-600))).await;
    let good =
        json!({ "unitId": unit, "alertId": alert, "action": "Shut the door", "takenAt": ago(60) });
    let good = place.owner.create("/api/v1/corrective-actions", good).await;
    let path = format!("/api/v1/corrective-actions/{}", id(&good));
    let stale = patch(&place.owner, &path, 9, &json!({ "action": "Other" })).await;
    assert_eq!(stale.status, 412);
    let edited = patch(&place.owner, &path, 1, &json!({ "action": "Shut it" })).await.expect(200);
    assert_eq!((&edited["action"], &edited["takenAt"]), (&json!("Shut it"), &good["takenAt"]));
    let listed = place.owner.list(&format!("/api/v1/corrective-actions?unitId={unit}")).await;
    assert_eq!(listed.len(), 1);
    assert!(
        place.owner.list(&format!("/api/v1/corrective-actions?unitId={other}")).await.is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_noted_voided_and_brought_back_and_its_reading_stays() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let staff = place.member(Role::Staff).await;
        let viewer = place.member(Role::Viewer).await;
        let body =
            json!({ "id": Uuid::new_v4(), "unitId": unit, "temperature": 4, "recordedAt": ago(5) });
        assert_eq!(viewer.post(LOGS, &body).await.status, 403);
        let log = staff.create(LOGS, body.clone()).await;
        let path = format!("{LOGS}/{}", id(&log));
        assert_eq!(patch(&staff, &path, 2, &json!({ "note": "late" })).await.status, 412);
        let noted = patch(&staff, &path, 1, &json!({ "note": "by the door" })).await.expect(200);
        assert_eq!((&noted["note"], &noted["version"]), (&json!("by the door"), &json!(2)));
        let other = patch(&staff, &path, 2, &json!({ "temperature": 3 })).await;
        assert_eq!(other.status, 422, "what was read stays");
        assert_eq!(staff.post(LOGS, &body).await.expect(200)["note"], "by the door");
        assert_eq!(delete(&staff, &path).await.status, 403);
        delete(&place.owner, &path).await.expect(204);
        assert_eq!(viewer.get(&path).await.status, 404);
        assert!(viewer.list(LOGS).await.is_empty());
        assert_eq!(viewer.list(&format!("{LOGS}?deleted=true")).await.len(), 1);
        assert_eq!(manual_readings(&viewer, &unit).await.len(), 1);
        let voided = staff.post(LOGS, &body).await.expect(200);
        assert!(voided["deletedAt"].is_string(), "its sender learns that it is voided: {voided}");
        place.owner.post(&format!("{path}/restore"), &json!(null)).await.expect(200);
        assert_eq!(viewer.list(LOGS).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_log_is_refused() {
    let place = Place::begin(Backend::Sqlite).await;
    let unit = place.unit("Walk-in", json!({})).await;
    let good = json!({ "unitId": unit, "temperature": 4, "recordedAt": ago(5) });
    for (field, value, pointer) in [
        ("recordedAt", json!(ago(-400)), "/recordedAt"),
        ("recordedAt", json!("1999-12-31T23:59:59Z"), "/recordedAt"),
        ("recordedAt", json!("noon"), "/recordedAt"),
        ("temperature", json!("4"), "/temperature"),
        ("temperature", json!(-300), "/temperature"),
        ("temperatureUnit", json!("K"), "/temperatureUnit"),
        ("humidity", json!(101), "/humidity"),
        ("note", json!("a\u{0}b"), "/note"),
        ("id", json!("mine"), "/id"),
        ("correctiveAction", json!(""), "/correctiveAction"),
        ("unitId", json!(Uuid::new_v4()), "/unitId"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = place.owner.post(LOGS, &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
            (if field == "unitId" { 404 } else { 422 }, &json!(pointer)),
            "{}",
            answer.body
        );
    }
    assert!(manual_readings(&place.owner, &unit).await.is_empty());
    for secs in [3, 2, 1] {
        let body = json!({ "unitId": unit, "temperature": 4, "recordedAt": ago(secs) });
        place.owner.create(LOGS, body).await;
    }
    let page = place.owner.read(&format!("{LOGS}?limit=2")).await;
    place
        .owner
        .create(LOGS, json!({ "unitId": unit, "temperature": 4, "recordedAt": ago(0) }))
        .await;
    let cursor = page["nextCursor"].as_str().expect("there is more");
    let rest = place.owner.read(&format!("{LOGS}?limit=2&cursor={cursor}")).await;
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1), "stable under an insert: {rest}");
}
