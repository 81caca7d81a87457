use serde_json::{Value, json};

use crate::promises::{BACKENDS, SOON, Story, ago, minutes, reading, text};

async fn history(story: &Story, unit: &str, query: &str) -> Vec<Value> {
    story.api.list(&format!("/api/v1/units/{unit}/history{query}")).await
}

/// Status, beginning and end of each interval.
fn short(history: &[Value]) -> Vec<(String, String, Value)> {
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let one = |one: &Value| (text(one, "status"), text(one, "from"), one["to"].clone());
    history.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_says_what_was_shown_since_when() {
    for backend in BACKENDS {
        let mut story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({ "confirmHighShutSecs": 600 })).await;
        let new = history(&story, &unit, "").await;
        assert_eq!(
            (new.len(), &new[0]["status"], &new[0]["cause"]),
            (1, &json!("monitoring_interrupted"), &json!("link"))
        );
        let begin = ago(3 * 3_600);
        let at = |minute: i64| begin + minutes(minute);
        // one backlog: each change is shown since it became true, not since it came
        let temperatures = [
            (0, 4.0),
            (5, 4.0),
            (10, 12.0),
            (15, 12.5),
            (20, 12.0),
            (25, 13.0),
            (30, 12.0),
            (35, 12.0),
        ];
        let backlog: Vec<_> =
            temperatures.map(|(minute, celsius)| reading(&unit, at(minute), celsius)).into();
        story.api.ingest(backlog.into()).await;
        story
            .wait_for_alerts(&unit, "temperature_high", SOON, |alerts| {
                alerts.first().is_some_and(|alert| alert["confirmedAt"].is_string())
            })
            .await;
        let whole = history(&story, &unit, "").await;
        let seen = short(&whole);
        for two in seen.windows(2) {
            assert_eq!(two[0].2, two[1].1, "{backend:?}: no gap and no overlap");
        }
        assert_eq!(seen.last().unwrap().2, Value::Null);
        let live = story.api.live(&unit).await;
        assert_eq!(seen.last().unwrap().0, live["status"], "the last one is what is shown now");
        let alert = &story.alerts(&unit, "temperature_high").await[0];
        let of =
            |status: &str| seen.iter().find(|one| one.0 == status).expect("it was shown").1.clone();
        assert_eq!((of("ok"), of("excursion")), (text(at(0)), text(at(10))), "{whole:#?}");
        assert_eq!(of("alarm_active"), alert["confirmedAt"].as_str().unwrap());
        let part =
            history(&story, &unit, &format!("?from={}&to={}", text(at(6)), text(at(11)))).await;
        assert_eq!(
            short(&part).iter().map(|one| one.0.as_str()).collect::<Vec<_>>(),
            ["ok", "excursion"]
        );
        story.hub.kill9();
        story.hub.restart().await.expect("it starts again");
        assert_eq!(history(&story, &unit, "").await, whole, "it outlives the process");
        let path = format!("/api/v1/units/{}/history", story.site);
        assert_eq!(story.api.get(&path).await.status, 404);
    }
}
