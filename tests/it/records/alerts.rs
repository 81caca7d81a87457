use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use hub_store::records::Role;
use hub_testkit::api::Api;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, ago, ago_millis, delete, lines, patch};
use crate::promises::{BACKENDS, Backend};

/// Units of a race, and how often they are raced for.
const UNITS: usize = 100;

/// Opens an alert on each unit and gives their ids.
async fn open_all(place: &Place, units: &[String], round: i64) -> Vec<String> {
    let at = ago_millis(3_600_000 - round * 60_000);
    let hot = |unit: &String| json!({ "unitId": unit, "temperature": 9, "recordedAt": at });
    place.owner.ingest(units.iter().map(hot).collect()).await;
    let open = place.owner.list("/api/v1/alerts?status=open").await;
    open.iter().map(|alert| alert["id"].as_str().expect("an id").to_owned()).collect()
}

async fn clear_all(place: &Place, units: &[String], round: i64) {
    for later in [10_000, 20_000] {
        let at = ago_millis(3_600_000 - round * 60_000 - later);
        let good = |unit: &String| json!({ "unitId": unit, "temperature": 3, "recordedAt": at });
        place.owner.ingest(units.iter().map(good).collect()).await;
    }
}

/// Two people acknowledge one alert at the same time: the statuses, and the codes of what was refused.
async fn race(one: &Api, two: &Api, alert: &str) -> (Vec<u16>, Vec<String>) {
    let path = format!("/api/v1/alerts/{alert}/acknowledge");
    let note = json!({ "note": "mine" });
    let (one, two) = tokio::join!(one.post(&path, &note), two.post(&path, &note));
    let mut statuses = vec![one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    let refused = [&one, &two].into_iter().filter(|answer| !answer.status.is_success());
    (statuses, refused.map(|answer| answer.code().to_owned()).collect())
}

async fn races(backend: Backend, rounds: i64) {
    let place = Place::begin(backend).await;
    let rule = json!({ "confirmHighShutSecs": 86_400, "offlineMinSecs": 604_800, "expectedIntervalSecs": 86_400 });
    let mut units = Vec::new();
    for one in 0..UNITS {
        units.push(place.unit(&format!("Unit {one}"), rule.clone()).await);
    }
    let manager = place.member(Role::Manager).await;
    let mut raced = Vec::new();
    for round in 0..rounds {
        let alerts = open_all(&place, &units, round).await;
        assert_eq!(alerts.len(), UNITS, "one alert of each unit in round {round}");
        let outcomes = stream::iter(&alerts)
            .map(|alert| race(&place.owner, &manager, alert))
            .buffer_unordered(16)
            .collect::<Vec<_>>();
        for (statuses, codes) in outcomes.await {
            assert_eq!(statuses, [200, 409], "{codes:?}");
            assert_eq!(codes, ["already_acknowledged"]);
        }
        raced.extend(alerts);
        clear_all(&place, &units, round).await;
    }
    let events = stream::iter(&raced)
        .map(|alert| {
            let (owner, path) = (place.owner.clone(), format!("/api/v1/alerts/{alert}"));
            async move { owner.read(&path).await }
        })
        .buffer_unordered(16)
        .collect::<Vec<_>>();
    for alert in events.await {
        let acknowledged = lines(&alert).into_iter().filter(|line| *line == "acknowledged").count();
        assert_eq!(acknowledged, 1, "{alert}");
    }
    assert_eq!(raced.len(), UNITS * usize::try_from(rounds).expect("small"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_1000_races_of_two_acknowledgements_each_gives_one_on_postgres() {
    races(Backend::Postgres, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_races_of_two_acknowledgements_each_gives_one_on_sqlite() {
    races(Backend::Sqlite, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acknowledged_may_say_so_again_and_another_may_not() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let alert = place.restoring(&unit).await;
        let path = format!("/api/v1/alerts/{alert}/acknowledge");
        let staff = place.member(Role::Staff).await;
        let first = staff.post(&path, &json!({ "note": "going" })).await.expect(200);
        let again = staff.post(&path, &json!({ "note": "going" })).await.expect(200);
        assert_eq!(first, again);
        let owner = place.owner.post(&path, &json!({})).await;
        assert_eq!((owner.status.as_u16(), owner.code()), (409, "already_acknowledged"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_an_alert_is_on_record_with_its_reason_before_and_after() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let alert = place.restoring(&unit).await;
        for (deed, why) in [("acknowledge", "caf%C3%A9"), ("resolve", "%22over%22")] {
            let path = format!("/api/v1/alerts/{alert}/{deed}");
            let request = place.owner.request(Method::POST, &path).header("X-Change-Reason", why);
            let request = request.json(&json!({ "note": "seen" }));
            drop(place.owner.send(request).await.expect("the hub answers").expect(200));
        }
        let log = place.owner.list(&format!("/api/v1/audit?objectId={alert}")).await;
        let seen: Vec<Value> = log
            .iter()
            .map(|entry| json!([entry["action"], entry["reason"], entry["before"], entry["after"]]))
            .collect();
        let status = |status: &str| json!({ "status": status });
        let expected = [
            json!(["alert.resolved", "\"over\"", status("acknowledged"), status("resolved")]),
            json!(["alert.acknowledged", "café", status("active"), status("acknowledged")]),
        ];
        assert_eq!(seen, expected, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_site_wants_to_know_what_was_done_before_an_alert_is_resolved() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let site = format!("/api/v1/sites/{}", place.site);
        patch(&place.owner, &site, 1, &json!({ "requiresCorrectiveAction": true }))
            .await
            .expect(200);
        let alert = place.restoring(&unit).await;
        let path = format!("/api/v1/alerts/{alert}");
        let wanting = || async { place.owner.list("/api/v1/alerts?needsAction=true").await.len() };
        assert_eq!(
            (place.owner.read(&path).await["needsAction"].clone(), wanting().await),
            (json!(true), 1)
        );
        let silent = place.owner.post(&format!("{path}/resolve"), &json!({ "note": "fine" })).await;
        assert_eq!((silent.status.as_u16(), silent.code()), (422, "corrective_action_required"));
        assert_eq!(place.owner.read(&path).await["status"], "active");
        let told = json!({ "correctiveAction": "Shut the door" });
        let resolved = place.owner.post(&format!("{path}/resolve"), &told).await.expect(200);
        assert_eq!(
            (&resolved["status"], &resolved["resolution"], &resolved["needsAction"]),
            (&json!("resolved"), &json!("manual"), &json!(false))
        );
        let actions =
            place.owner.list(&format!("/api/v1/corrective-actions?alertId={alert}")).await;
        assert_eq!((actions.len(), &actions[0]["action"]), (1, &json!("Shut the door")));
        let again = place.owner.post(&format!("{path}/resolve"), &told).await;
        assert_eq!((again.status.as_u16(), again.code()), (409, "already_resolved"));
        assert_eq!(wanting().await, 0);
        assert_eq!(place.owner.list("/api/v1/alerts?needsAction=false").await.len(), 1);
        // an action that was written down before does as well
        let unit = place.unit("Freezer", json!({})).await;
        let alert = place.restoring(&unit).await;
        let action = json!({ "unitId": unit, "alertId": alert, "action": "Defrosted" });
        place.owner.create("/api/v1/corrective-actions", action).await;
        place.owner.post(&format!("/api/v1/alerts/{alert}/resolve"), &json!({})).await.expect(200);
        let whole = place.owner.read(&format!("/api/v1/alerts/{alert}")).await;
        assert_eq!(lines(&whole), ["opened", "corrective_action", "resolved"], "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_written_down_only_of_what_can_be_resolved() {
    let place = Place::begin(Backend::Sqlite).await;
    let unit = place.unit("Walk-in", json!({})).await;
    let hot = json!([{ "unitId": unit, "temperature": 9, "recordedAt": ago(5) }]);
    place.owner.ingest(hot).await;
    let alert = place.owner.alerts_of(&unit).await[0]["id"].as_str().expect("an id").to_owned();
    let told = json!({ "correctiveAction": "Shut the door" });
    let answer = place.owner.post(&format!("/api/v1/alerts/{alert}/resolve"), &told).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "condition_active"));
    assert!(place.owner.list("/api/v1/corrective-actions").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snooze_is_shown_replaced_ended_and_audited() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let alert = place.restoring(&unit).await;
        let path = format!("/api/v1/alerts/{alert}");
        let snooze = |until: String, reason: &str| json!({ "until": until, "reason": reason });
        let staff = place.member(Role::Staff).await;
        let by_staff = staff.post(&format!("{path}/snooze"), &snooze(ago(-60), "known")).await;
        assert_eq!(by_staff.status, 403);
        let manager = place.member(Role::Manager).await;
        for (until, reason) in
            [(ago(1), "known"), (ago(-86_500), "known"), (ago(-60), ""), ("soon".into(), "known")]
        {
            let answer = manager.post(&format!("{path}/snooze"), &snooze(until, reason)).await;
            assert_eq!(answer.status, 422, "{}", answer.body);
        }
        let (first, second) = (ago(-600), ago(-1200));
        let snoozed =
            manager.post(&format!("{path}/snooze"), &snooze(first.clone(), "fitter is here")).await;
        assert_eq!(snoozed.expect(200)["snoozedUntil"], *first);
        let replaced =
            manager.post(&format!("{path}/snooze"), &snooze(second.clone(), "still here")).await;
        assert_eq!(replaced.expect(200)["snoozedUntil"], *second);
        assert_eq!(staff.list("/api/v1/alerts").await[0]["snoozedUntil"], *second);
        assert!(staff.list("/api/v1/maintenance-windows").await.is_empty(), "it is the alert's");
        delete(&manager, &format!("{path}/snooze")).await.expect(204);
        assert_eq!(delete(&manager, &format!("{path}/snooze")).await.status, 404);
        let whole = staff.read(&path).await;
        assert_eq!(whole["snoozedUntil"], json!(null));
        assert_eq!(
            lines(&whole),
            ["opened", "snoozed", "snooze_ended", "snoozed", "snooze_ended"],
            "{whole}"
        );
        let again =
            manager.post(&format!("{path}/snooze"), &snooze(second.clone(), "he is back")).await;
        assert_eq!(again.expect(200)["snoozedUntil"], *second);
        place.owner.post(&format!("{path}/resolve"), &json!({})).await.expect(200);
        assert_eq!(staff.read(&path).await["snoozedUntil"], json!(null), "it is over");
        let over = manager.post(&format!("{path}/snooze"), &snooze(second, "late")).await;
        assert_eq!((over.status.as_u16(), over.code()), (409, "already_resolved"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_found_by_when_they_opened_and_how_bad_they_are() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let (mild, bad) = (
            place.unit("Mild", json!({})).await,
            place.unit("Bad", json!({ "highCeiling": 8, "confirmHighShutSecs": 600 })).await,
        );
        let reading =
            |unit: &str, secs| json!({ "unitId": unit, "temperature": 9, "recordedAt": ago(secs) });
        place.owner.ingest(json!([reading(&mild, 300), reading(&bad, 60)])).await;
        let found = |query: String| {
            let owner = place.owner.clone();
            async move {
                let alerts = owner.list(&format!("/api/v1/alerts?{query}")).await;
                let unit = |alert: &Value| alert["unitId"].as_str().expect("an id").to_owned();
                alerts.iter().map(unit).collect::<Vec<_>>()
            }
        };
        let half = ago(180);
        let answers: BTreeMap<&str, Vec<String>> = [
            ("from", found(format!("from={half}")).await),
            ("to", found(format!("to={half}")).await),
            ("critical", found("severity=critical".into()).await),
            ("warning", found("severity=warning".into()).await),
        ]
        .into();
        assert_eq!(answers["from"], [bad.as_str()], "{backend:?}");
        assert_eq!(answers["to"], [mild.as_str()]);
        assert_eq!(answers["critical"], [bad.as_str()]);
        assert_eq!(answers["warning"], [mild.as_str()]);
        assert_eq!(place.owner.get("/api/v1/alerts?severity=mild").await.status, 400);
    }
}
