use serde_json::{Value, json};

use super::{Place, SOON, ago};
use crate::promises::BACKENDS;

fn turns(items: &[Value]) -> Vec<(bool, &str)> {
    let turn = |item: &'_ Value| (item["open"].as_bool(), item["recordedAt"].as_str().is_some());
    assert!(items.iter().map(turn).all(|(open, at)| open.is_some() && at));
    items
        .iter()
        .map(|item| (item["open"] == true, item["recordedAt"].as_str().unwrap_or_default()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_is_listed_by_its_turns_whoever_told_of_them() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let unit = place.unit("Walk-in", json!({})).await;
        let path = format!("/api/v1/units/{unit}/door-events");
        let at: Vec<String> = (0..8).map(|minute| ago(600 - minute * 60)).collect();
        let report = |at: &str, open: bool| json!({ "recordedAt": at, "open": open });
        let reading = |at: &str, open: bool| json!({ "unitId": unit, "temperature": 4, "recordedAt": at, "doorOpen": open });
        place.owner.create(&path, report(&at[0], false)).await;
        place.owner.ingest(json!([reading(&at[1], false), reading(&at[2], true)])).await;
        place.owner.create(&path, report(&at[3], true)).await;
        place.owner.ingest(json!([reading(&at[4], false), reading(&at[5], false)])).await;
        let kept = place.owner.create(&path, report(&at[6], true)).await;
        let again = place.owner.create(&path, report(&at[6], true)).await;
        assert_eq!(kept, again, "sent again, it is no double");
        let opposite = place.owner.post(&path, &report(&at[6], false)).await;
        assert_eq!((opposite.status.as_u16(), opposite.code()), (409, "conflicting"));
        let expected =
            [(false, &*at[0]), (true, &*at[2]), (false, &*at[4]), (true, &*at[6])].to_vec();
        assert_eq!(turns(&place.owner.list(&path).await), expected, "{backend:?}");
        let mut paged = Vec::new();
        let mut page = place.owner.read(&format!("{path}?limit=1")).await;
        loop {
            paged.append(page["items"].as_array_mut().expect("items"));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            page = place.owner.read(&format!("{path}?limit=1&cursor={cursor}")).await;
        }
        assert_eq!(turns(&paged), expected, "page by page, {backend:?}");
        let since = place.owner.list(&format!("{path}?from={}&to={}", at[3], at[5])).await;
        assert_eq!(turns(&since), [(true, &*at[3]), (false, &*at[4])], "the first report counts");
        assert_eq!(place.owner.live(&unit).await["door"], "open");
        let ahead = place.owner.post(&path, &report(&ago(-400), false)).await;
        assert_eq!(ahead.status, 422);
        let long = place.owner.get(&format!("{path}?from=2020-01-01T00:00:00Z")).await;
        assert_eq!((long.status.as_u16(), long.code()), (400, "bad_query"));
        let other = place.hub.owner("Other").await.expect("an owner").1;
        assert_eq!(other.get(&path).await.status, 404);
        assert_eq!(other.post(&path, &report(&at[7], true)).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_reported_open_for_long_is_an_alert_that_its_shutting_ends() {
    for backend in BACKENDS {
        let place = Place::begin(backend).await;
        let rule = json!({ "doorWarningSecs": 60, "backlogSettleSecs": 0 });
        let unit = place.unit("Walk-in", rule).await;
        let path = format!("/api/v1/units/{unit}/door-events");
        place.owner.create(&path, json!({ "open": true, "recordedAt": ago(120) })).await;
        let wait = |status: &'static str| {
            let (owner, unit) = (place.owner.clone(), unit.clone());
            hub_testkit::wait::until("the alert", SOON, move || {
                let (owner, unit) = (owner.clone(), unit.clone());
                async move {
                    let alerts = owner.alerts_of(&unit).await;
                    alerts
                        .into_iter()
                        .find(|alert| alert["kind"] == "door_open" && alert["status"] == status)
                }
            })
        };
        wait("active").await;
        place.owner.create(&path, json!({ "open": false, "recordedAt": ago(1) })).await;
        wait("resolved").await;
    }
}
