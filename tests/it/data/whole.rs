use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::file;
use crate::promises::{BACKENDS, Story, ago, minutes, reading};

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_an_organization_comes_without_its_secrets() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let all = (0..2_500).map(|n| reading(&unit, ago(200_000) + minutes(n), 4.0));
        story.api.ingest(all.collect()).await;
        let key = story.api.create("/api/v1/api-keys", json!({ "name": "Sender" })).await;
        let (_, stranger) = story.hub.owner("Stranger").await.expect("an owner is made");
        let theirs = stranger.create_site("Elsewhere").await;
        let path = format!("/api/v1/organizations/{}/export", story.organization);
        let (text, headers) = file(&story.api, &path).await;
        assert_eq!(headers["content-type"], "application/x-ndjson");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (end, rows) = lines.split_last().unwrap();
        assert_eq!(*end, json!({ "end": true, "rows": rows.len() }), "{backend:?}");
        let of = |table: &str| {
            rows.iter()
                .filter(|row| row["table"] == table)
                .map(|row| &row["row"])
                .collect::<Vec<_>>()
        };
        assert_eq!(of("readings").len(), 2_500);
        assert_eq!(of("users").len(), 1, "those who are members alone");
        assert_eq!(of("units")[0]["id"], *unit);
        assert!(of("unit_status_changes").iter().any(|row| row["status"] == "ok"));
        assert!(of("audit_log").iter().any(|row| row["action"] == "unit.created"));
        let person: BTreeSet<&str> =
            of("users")[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(person, BTreeSet::from(["created_at", "email", "id", "name"]));
        let is_secret = |name: &String| {
            ["hash", "secret", "totp", "password"].iter().any(|word| name.contains(word))
        };
        for row in rows {
            let names = row["row"].as_object().unwrap().keys();
            assert_eq!(names.filter(|name| is_secret(name)).count(), 0, "{row}");
        }
        let secret = ["key", "secret", "token"]
            .iter()
            .find_map(|name| key[*name].as_str())
            .expect("shown once");
        for hidden in [secret, "Elsewhere", &theirs] {
            assert!(!text.contains(hidden), "{backend:?}: {hidden} is in the file");
        }
        assert_eq!(stranger.get(&path).await.status, 404);
    }
}
