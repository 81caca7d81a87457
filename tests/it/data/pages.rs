use hub_testkit::api::{Api, id};
use serde_json::{Value, json};

use crate::promises::{BACKENDS, Story, ago, reading};

/// Reads all pages of two items from `path` on; `meanwhile` is done after the first.
async fn pages(api: &Api, path: &str, meanwhile: impl Future<Output = ()>) -> Vec<String> {
    let mut page = api.read(&format!("{path}limit=2")).await;
    meanwhile.await;
    let mut seen: Vec<Value> = Vec::new();
    loop {
        seen.extend(page["items"].as_array().expect("a page").iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        page = api.read(&format!("{path}limit=2&cursor={cursor}")).await;
    }
    seen.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_units_goes_on_where_it_was_whatever_is_made_meanwhile() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let mut units = Vec::new();
        for n in 0..5 {
            units.push(story.api.create_unit(&story.site, &format!("Unit {n}")).await);
        }
        let new = async { units.push(story.api.create_unit(&story.site, "Unit 5").await) };
        let seen = pages(&story.api, "/api/v1/units?", new).await;
        assert_eq!(seen, units, "{backend:?}: each once, the new one last");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_alerts_goes_on_where_it_was_whatever_opens_meanwhile() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let open = async |n: i64| {
            let unit = story.unit(&format!("Unit {n}"), json!({})).await;
            story.api.ingest(json!([reading(&unit, ago(500 - 60 * n), 9.0)])).await;
            id(&story.alerts(&unit, "temperature_high").await[0])
        };
        let mut alerts = Vec::new();
        for n in 0..5 {
            alerts.push(open(n).await);
        }
        alerts.reverse();
        let seen = pages(&story.api, "/api/v1/alerts?status=open&", async { drop(open(5).await) });
        assert_eq!(seen.await, alerts, "{backend:?}: newest first, each once, and not the new one");
    }
}
