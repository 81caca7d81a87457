use std::time::Duration;

use hub_store::records::Role;
use hub_testkit::{api::Api, wait};
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::{Place, SOON, ago, delete, lines, patch};
use crate::promises::{BACKENDS, Backend};

const WINDOWS: &str = "/api/v1/maintenance-windows";

async fn wait_for_mode(api: &Api, unit: &str, mode: &str) {
    wait::until(&format!("unit {unit} to be in {mode}"), SOON, || async {
        (api.live(unit).await["mode"] == mode).then_some(())
    })
    .await;
}

fn window(unit: &str, from: i64, to: i64) -> Value {
    json!({ "unitId": unit, "kind": "maintenance", "startsAt": ago(-from), "endsAt": ago(-to), "reason": "new door seal" })
}

fn path(window: &Value) -> String {
    format!("{WINDOWS}/{}", window["id"].as_str().expect("an id"))
}

/// Whether the first event of the unit's newest alert was muted.
async fn is_muted(api: &Api, unit: &str) -> bool {
    let alerts = api.alerts_of(unit).await;
    let id = alerts[0]["id"].as_str().expect("an id");
    api.read(&format!("/api/v1/alerts/{id}")).await["events"][0]["muted"].as_bool().expect("said")
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_mutes_outlives_the_process_and_ends_by_itself() {
    for backend in BACKENDS {
        let mut place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let manager = place.member(Role::Manager).await;
        let mut asked = window(&unit, 0, 8);
        asked.as_object_mut().expect("an object").remove("startsAt");
        let planned = manager.create(WINDOWS, asked).await;
        assert_eq!((&planned["state"], planned["begunAt"].is_string()), (&json!("active"), true));
        assert_eq!(place.owner.live(&unit).await["mode"], "maintenance", "at once");
        place.hub.kill9();
        place.hub.restart().await.expect("it starts again");
        assert_eq!(place.owner.live(&unit).await["mode"], "maintenance", "{backend:?}");
        let hot = json!([{ "unitId": unit, "temperature": 9, "recordedAt": ago(0) }]);
        place.owner.ingest(hot).await;
        assert_eq!(place.owner.live(&unit).await["temperature"], 9.0, "measuring goes on");
        assert!(is_muted(&place.owner, &unit).await);
        wait_for_mode(&place.owner, &unit, "normal").await;
        let ended = wait::until("the window to be over", SOON, || async {
            let window = manager.read(&path(&planned)).await;
            window["endedAt"].is_string().then_some(window)
        });
        let ended = ended.await;
        assert_eq!((&ended["state"], &ended["endedAt"]), (&json!("ended"), &planned["endsAt"]));
        let alert = &place.owner.alerts_of(&unit).await[0];
        let whole =
            place.owner.read(&format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap())).await;
        assert_eq!(lines(&whole), ["maintenance_began", "opened", "maintenance_ended"]);
        let other = place.unit("Freezer", json!({})).await;
        let hot = json!([{ "unitId": other, "temperature": 9, "recordedAt": ago(1) }]);
        place.owner.ingest(hot).await;
        assert!(!is_muted(&place.owner, &other).await, "of a unit that nobody works on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_window_of_a_site_begins_though_the_hub_was_down() {
    for backend in BACKENDS {
        let mut place = Place::begin(backend).await;
        let units = [place.unit("One", json!({})).await, place.unit("Two", json!({})).await];
        let elsewhere = place.owner.create_site("Bar").await;
        let elsewhere = place.unit_in(&elsewhere, "Cooler", json!({})).await;
        let asked = json!({ "siteId": place.site, "kind": "defrosting", "startsAt": ago(-2), "endsAt": ago(-3600), "reason": "every month" });
        let planned = place.owner.create(WINDOWS, asked).await;
        assert_eq!((&planned["state"], &planned["begunAt"]), (&json!("planned"), &json!(null)));
        assert_eq!(place.owner.live(&units[0]).await["mode"], "normal");
        place.hub.kill9();
        tokio::time::sleep(Duration::from_secs(2)).await; // the instant passes while nobody is there
        place.hub.restart().await.expect("it starts again");
        for unit in &units {
            wait_for_mode(&place.owner, unit, "defrosting").await;
        }
        let later = place.unit("Later", json!({})).await;
        assert_eq!(
            place.owner.live(&later).await["mode"],
            "normal",
            "it was not there at the begin"
        );
        assert_eq!(place.owner.live(&elsewhere).await["mode"], "normal");
        let edit = json!({ "reason": "every week" });
        patch(&place.owner, &path(&planned), 1, &edit).await.expect(200);
        assert_eq!(place.owner.live(&later).await["mode"], "normal", "nor is it by an edit");
        delete(&place.owner, &format!("/api/v1/units/{later}")).await.expect(204);
        let back = format!("/api/v1/units/{later}/restore");
        let restored = place.owner.post(&back, &json!(null)).await.expect(200);
        assert_eq!(restored["live"]["mode"], "normal", "nor by coming back");
        let ended = place.owner.post(&format!("{}/end", path(&planned)), &json!(null)).await;
        assert_eq!(ended.expect(200)["state"], "ended");
        for unit in &units {
            assert_eq!(place.owner.live(unit).await["mode"], "normal", "{backend:?}");
        }
        let again = place.owner.post(&format!("{}/end", path(&planned)), &json!(null)).await;
        assert_eq!((again.status.as_u16(), again.code()), (409, "already_ended"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_told_to_the_units_and_the_end_of_commissioning_too() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let (unit, new) = (place.unit("Old", json!({})).await, place.unit("New", json!({})).await);
        let made = place.owner.create(WINDOWS, window(&unit, 0, 3600)).await;
        assert_eq!(place.owner.live(&unit).await["mode"], "maintenance");
        let shorter = json!({ "endsAt": ago(-2) });
        assert_eq!(patch(&place.owner, &path(&made), 2, &shorter).await.status, 412);
        let edited = patch(&place.owner, &path(&made), 1, &shorter).await.expect(200);
        assert_eq!((&edited["version"], &edited["reason"]), (&json!(2), &json!("new door seal")));
        assert_eq!(edited["begunAt"], made["begunAt"]);
        let commissioning = json!({ "unitId": new, "kind": "commissioning", "endsAt": ago(-2), "reason": "not in use yet" });
        place.owner.create(WINDOWS, commissioning).await;
        assert_eq!(place.owner.live(&new).await["mode"], "commissioning");
        wait_for_mode(&place.owner, &unit, "normal").await;
        wait_for_mode(&place.owner, &new, "normal").await;
        let late = patch(&place.owner, &path(&made), 2, &json!({ "reason": "other" })).await;
        assert_eq!((late.status.as_u16(), late.code()), (409, "already_ended"), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_one_unit_do_not_overlap_and_only_planned_ones_are_deleted() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let (unit, other) =
            (place.unit("One", json!({})).await, place.unit("Two", json!({})).await);
        let planned = place.owner.create(WINDOWS, window(&unit, 1000, 2000)).await;
        let overlaps = |answer: hub_testkit::api::Answer| {
            assert_eq!((answer.status.as_u16(), answer.code()), (409, "overlapping"));
        };
        overlaps(place.owner.post(WINDOWS, &window(&unit, 1900, 3000)).await);
        let mut whole = window(&unit, 500, 1500);
        whole["siteId"] = json!(place.site);
        let both = place.owner.post(WINDOWS, &whole).await;
        assert_eq!((both.status.as_u16(), both.code()), (422, "invalid"), "one of the two");
        whole.as_object_mut().expect("an object").remove("unitId");
        overlaps(place.owner.post(WINDOWS, &whole).await);
        place.owner.create(WINDOWS, window(&other, 1000, 2000)).await;
        let next = window(&unit, 2100, 3000);
        place.owner.create(WINDOWS, next).await;
        overlaps(patch(&place.owner, &path(&planned), 1, &json!({ "endsAt": ago(-2500) })).await);
        let too_early = place.owner.post(&format!("{}/end", path(&planned)), &json!(null)).await;
        assert_eq!((too_early.status.as_u16(), too_early.code()), (409, "not_begun"));
        delete(&place.owner, &path(&planned)).await.expect(204);
        assert_eq!(place.owner.get(&path(&planned)).await.status, 404);
        // of many at once that overlap, one is planned
        let race = window(&unit, 900, 2000);
        let answers = tokio::join!(
            place.owner.post(WINDOWS, &race),
            place.owner.post(WINDOWS, &race),
            place.owner.post(WINDOWS, &race)
        );
        let answers = [answers.0, answers.1, answers.2];
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1, "{backend:?}");
        let running = place.unit("Three", json!({})).await;
        let running = place.owner.create(WINDOWS, window(&running, 0, 600)).await;
        let begun = delete(&place.owner, &path(&running)).await;
        assert_eq!((begun.status.as_u16(), begun.code()), (409, "already_begun"));
        let soon = place.owner.list(&format!("{WINDOWS}?unitId={unit}&to={}", ago(-950))).await;
        assert_eq!(soon.len(), 1, "{soon:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_needs_a_reason_and_an_end_in_time() {
    let place = Place::begin(Backend::Sqlite).await;
    let unit = place.unit("One", json!({})).await;
    let day = 86_400;
    for (field, value, pointer) in [
        ("reason", json!(""), "/reason"),
        ("endsAt", json!(ago(5)), "/endsAt"),
        ("endsAt", json!(ago(-31 * day)), "/endsAt"),
        ("startsAt", json!(ago(600)), "/startsAt"),
        ("startsAt", json!(ago(-5000)), "/endsAt"),
        ("kind", json!("snooze"), "/kind"),
        ("unitId", json!(uuid::Uuid::new_v4()), "/unitId"),
    ] {
        let mut body = window(&unit, 0, 3600);
        body[field] = value;
        let answer = place.owner.post(WINDOWS, &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
            (if field == "unitId" { 404 } else { 422 }, &json!(pointer)),
            "{}",
            answer.body
        );
    }
    for field in ["reason", "endsAt"] {
        let mut body = window(&unit, 0, 3600);
        body.as_object_mut().expect("an object").remove(field);
        assert_eq!(place.owner.post(WINDOWS, &body).await.status, 422, "{field} must be there");
    }
    let mut commissioning = window(&unit, 0, 80 * day);
    commissioning["kind"] = json!("commissioning");
    place.owner.create(WINDOWS, commissioning).await;
    let staff = place.member(Role::Staff).await;
    assert_eq!(staff.post(WINDOWS, &window(&unit, 0, 60)).await.status, 403);
    assert_eq!(staff.list(WINDOWS).await.len(), 1);
    let stranger = place.hub.owner("Other").await.expect("an owner").1;
    let theirs = path(&staff.list(WINDOWS).await[0]);
    assert_eq!(stranger.get(&theirs).await.status, 404);
    assert_eq!(stranger.post(&format!("{theirs}/end"), &json!(null)).await.status, 404);
    assert_eq!(delete(&stranger, &theirs).await.status, 404);
    assert!(stranger.list(&format!("{WINDOWS}?unitId={unit}")).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_comes_back_is_in_the_mode_of_its_windows() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let api = &place.owner;
        let unit = place.unit("Cooler", json!({})).await;
        let at = format!("/api/v1/units/{unit}");
        let restore = async || {
            drop(api.post(&format!("{at}/restore"), &json!(null)).await.expect(200));
            api.live(&unit).await["mode"].as_str().expect("said").to_owned()
        };
        // one that ends while its unit is deleted
        let asked = json!({ "unitId": unit, "kind": "commissioning", "endsAt": ago(-3600), "reason": "not in use yet" });
        let made = api.create(WINDOWS, asked).await;
        assert_eq!(api.live(&unit).await["mode"], "commissioning");
        delete(api, &at).await.expect(204);
        api.post(&format!("{}/end", path(&made)), &json!(null)).await.expect(200);
        assert_eq!(restore().await, "normal", "{backend:?}");
        // one that begins meanwhile; a planned one of a deleted unit is in nobody's way
        api.create(WINDOWS, window(&unit, 1000, 2000)).await;
        delete(api, &at).await.expect(204);
        let asked = json!({ "siteId": place.site, "kind": "defrosting", "endsAt": ago(-3600), "reason": "every month" });
        api.create(WINDOWS, asked).await;
        assert_eq!(restore().await, "defrosting", "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_cannot_be_asked_keeps_no_other_from_its_window() {
    let mut place = Place::begin(Backend::Sqlite).await;
    let mut units = Vec::new();
    for n in 0..60 {
        units.push(place.unit(&format!("Cooler {n}"), json!({})).await);
    }
    let broken = units.remove(0);
    place.owner.ingest(json!([{ "unitId": broken, "temperature": 9, "recordedAt": ago(5) }])).await;
    place.hub.kill9();
    let mut database = sqlx::SqliteConnection::connect(&place.url).await.expect("its file");
    let id: uuid::Uuid = broken.parse().expect("an id");
    let spoil = sqlx::query("UPDATE unit_states SET state = '{' WHERE unit_id = $1").bind(id);
    assert_eq!(spoil.execute(&mut database).await.expect("it is written").rows_affected(), 1);
    database.close().await.expect("it closes");
    place.hub.restart().await.expect("it starts again");
    let asked = json!({ "siteId": place.site, "kind": "commissioning", "endsAt": ago(-3600), "reason": "new" });
    let made = place.owner.create(WINDOWS, asked).await;
    assert!(made["begunAt"].is_string(), "{made}");
    for unit in &units {
        assert_eq!(place.owner.live(unit).await["mode"], "commissioning");
    }
    // it is shown without its live view, and people's readings of it are kept
    let shown = place.owner.read(&format!("/api/v1/units/{broken}")).await;
    assert_eq!((&shown["name"], &shown["live"]), (&json!("Cooler 0"), &json!(null)));
    let log = json!({ "unitId": broken, "temperature": 9, "recordedAt": ago(60) });
    let log = place.owner.create("/api/v1/manual-logs", log).await;
    assert_eq!(log["isOutOfRange"], json!(true), "{log}");
    // it can be deleted with what it had open, and begins anew if it comes back
    let open = place.owner.alerts_of(&broken).await;
    assert_eq!(open[0]["status"], "active", "{open:?}");
    let at = format!("/api/v1/units/{broken}");
    delete(&place.owner, &at).await.expect(204);
    assert_eq!(place.owner.get(&at).await.status, 404);
    let ended = place.owner.alerts_of(&broken).await;
    assert_eq!(ended[0]["status"], "resolved", "{ended:?}");
    let restored = place.owner.post(&format!("{at}/restore"), &json!(null)).await.expect(200);
    assert_eq!(restored["live"]["link"], "never_seen", "{restored}");
    delete(&place.owner, &at).await.expect(204);
    let ended = place.owner.post(&format!("{}/end", path(&made)), &json!(null)).await;
    assert!(ended.expect(200)["endedAt"].is_string());
    for unit in &units {
        assert_eq!(place.owner.live(unit).await["mode"], "normal");
    }
}
