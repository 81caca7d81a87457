use std::time::Duration;

use futures_util::StreamExt as _;
use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres, wait};
use reqwest::Method;
use serde_json::json;

use super::{file, of_channel, rows};
use crate::promises::{BACKENDS, SOON, Story, ago, minutes, reading, text};

#[tokio::test(flavor = "multi_thread")]
async fn readings_are_files_that_a_spreadsheet_shows_as_they_are() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let site = json!({ "name": "=HYPERLINK(\"http://x\")", "timezone": "Europe/Berlin" });
        let site = hub_testkit::api::id(&story.api.create("/api/v1/sites", site).await);
        let names = ["@SUM(1+1)", "<img src=x onerror=alert(1)>", "\u{202e}a,\"b\""];
        let mut units = Vec::new();
        for name in names {
            units.push(story.api.create_unit(&site, name).await);
        }
        let odd = json!([of_channel(&units[0], "-1-2", ago(95_000), 4.0)]);
        story.api.ingest(odd).await;
        for unit in &units {
            let all = (0..1_500)
                .map(|n| of_channel(unit, "temperature", ago(90_000) + minutes(n), -18.5));
            story.api.ingest(all.collect()).await;
        }
        let (text_of_one, headers) =
            file(&story.api, &format!("/api/v1/units/{}/readings.csv", units[0])).await;
        assert_eq!(headers["content-type"], "text/csv; charset=utf-8");
        let disposition = format!("attachment; filename=\"readings-{}.csv\"", units[0]);
        assert_eq!(headers["content-disposition"], disposition.as_str());
        let mut one = rows(&text_of_one);
        let odd = one.iter().position(|row| row["channel"] != "temperature").expect("it is there");
        assert_eq!(one.remove(odd)["channel"], json!("'-1-2"), "{backend:?}: shown, not computed");
        assert_eq!(one.len(), 1_500, "{backend:?}");
        assert!(one.iter().all(|row| row["temperature_c"] == "-18.5" && row["late"] == "false"));
        assert_eq!(
            (&one[0]["unit"], &one[0]["site"]),
            (&json!("'@SUM(1+1)"), &json!("'=HYPERLINK(\"http://x\")"))
        );
        let (utc, local) = (
            one[0]["recorded_at"].as_str().unwrap(),
            one[0]["recorded_at_local"].as_str().unwrap(),
        );
        let instant = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
        assert_eq!(instant(utc), instant(local));
        assert!(
            utc.ends_with('Z') && (local.ends_with("+01:00") || local.ends_with("+02:00")),
            "{local}"
        );
        let mut whole =
            rows(&file(&story.api, &format!("/api/v1/sites/{site}/readings.csv")).await.0);
        whole.retain(|row| row["channel"] == "temperature");
        assert_eq!(whole.len(), 4_500);
        assert_eq!(
            (&whole[1_500]["unit"], &whole[3_000]["unit"]),
            (&json!(names[1]), &json!(names[2]))
        );
        let span = format!("from={}&to={}", utc, one[10]["recorded_at"].as_str().unwrap());
        let part =
            rows(&file(&story.api, &format!("/api/v1/sites/{site}/readings.csv?{span}")).await.0);
        assert_eq!(part.iter().filter(|row| row["unit_id"] == *units[0]).count(), 10);
        let (plain, _) =
            file(&story.api, &format!("/api/v1/sites/{}/readings.csv", story.site)).await;
        assert_eq!(plain.lines().count(), 1, "a file of nothing has its header");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspector_takes_files_of_their_sites_alone() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let other = story.api.create_site("Bar").await;
        let ours = story.unit("Ours", json!({})).await;
        let theirs = story.api.create_unit(&other, "Theirs").await;
        story.api.set_unit_rule(&theirs, json!({ "lowLimit": 0, "highLimit": 5 })).await;
        for unit in [&ours, &theirs] {
            story.api.ingest(json!([reading(unit, ago(60), 21.0)])).await;
            let note = json!({ "unitId": unit, "temperature": 4.5, "recordedAt": text(ago(30)), "note": "=1+1" });
            story.api.create("/api/v1/manual-logs", note).await;
            story
                .wait_for_alerts(unit, "temperature_high", SOON, |alerts| !alerts.is_empty())
                .await;
        }
        let link = json!({ "name": "Inspection", "siteIds": [story.site], "expiresAt": text(ago(-3_600)) });
        let link = story.api.create("/api/v1/inspector-links", link).await;
        let inspector = story.hub.api().with_token(link["token"].as_str().expect("a token, once"));
        for (file_of, unit) in [("alerts", "unit_id"), ("manual-logs", "unit_id")] {
            let all = rows(&file(&story.api, &format!("/api/v1/{file_of}.csv")).await.0);
            assert!(all.iter().any(|row| row[unit] == *theirs), "{file_of}");
            let seen = rows(&file(&inspector, &format!("/api/v1/{file_of}.csv")).await.0);
            assert!(
                !seen.is_empty() && seen.iter().all(|row| row[unit] == *ours),
                "{backend:?} {file_of}: {seen:?}"
            );
            let none = file(&inspector, &format!("/api/v1/{file_of}.csv?siteId={other}")).await.0;
            assert_eq!(none.lines().count(), 1);
        }
        let logs = rows(&file(&inspector, "/api/v1/manual-logs.csv").await.0);
        assert_eq!((&logs[0]["note"], &logs[0]["temperature_c"]), (&json!("'=1+1"), &json!("4.5")));
        assert_eq!(
            inspector.get(&format!("/api/v1/sites/{}/readings.csv", story.site)).await.status,
            200
        );
        for path in [
            format!("sites/{other}/readings.csv"),
            format!("units/{theirs}/readings.csv"),
            format!("units/{theirs}/history"),
            format!("units/{theirs}/readings?resolution=auto"),
        ] {
            assert_eq!(inspector.get(&format!("/api/v1/{path}")).await.status, 404, "{path}");
        }
        let organization = format!("/api/v1/organizations/{}/export", story.organization);
        assert_eq!(inspector.get(&organization).await.status, 403);
        let stranger = story.hub.owner("Stranger").await.expect("an owner is made").1;
        assert_eq!(stranger.get(&format!("/api/v1/units/{ours}/readings.csv")).await.status, 404);
        assert_eq!(stranger.get(&organization).await.status, 404);
        assert_eq!(file(&stranger, "/api/v1/alerts.csv").await.0.lines().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_logs_is_in_the_order_in_which_they_were_read() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        // by ids that phones chose, and two of each instant
        let begin = ago(900);
        let at = |n: i64| text(begin + minutes(n / 2));
        for n in [3, 0, 5, 1, 4, 2] {
            let log = json!({ "id": uuid::Uuid::new_v4(), "unitId": unit, "temperature": 4, "recordedAt": at(n), "note": format!("{n}") });
            story.api.create("/api/v1/manual-logs", log).await;
        }
        let logs = rows(&file(&story.api, "/api/v1/manual-logs.csv").await.0);
        let read: Vec<_> = logs.iter().map(|row| row["recorded_at"].clone()).collect();
        assert_eq!(read, (0..6).map(|n| json!(at(n))).collect::<Vec<_>>(), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_no_transaction_and_a_break_is_seen() {
    let server =
        tokio::task::spawn_blocking(|| PrivatePostgres::start().expect("a PostgreSQL starts"));
    let server = server.await.unwrap();
    let url = server.create_database();
    let database = url.rsplit('/').next().unwrap().to_owned();
    let hub =
        HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(&url).start().await.unwrap();
    let (made, api) = hub.owner("Slow").await.unwrap();
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "Walk-in").await;
    let first = ago(100_000).timestamp_millis();
    server.run_sql(&database, &format!(
        "INSERT INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature, is_late)
        SELECT '{}', '{unit}', '{unit}', 'temperature', {first} + n, -1, {first} + n, 4000, FALSE
        FROM generate_series(1, 100000) AS n",
        made.organization_id
    ));
    let path = format!("/api/v1/units/{unit}/readings.csv");
    // not compressed: then it is more than the connection's buffers hold
    let request = api.request(Method::GET, &path).header("Accept-Encoding", "identity");
    let response = request.timeout(Duration::from_secs(180)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.bytes_stream();
    let mut got = body.next().await.unwrap().unwrap().len();
    // the pipe fills up, and nobody reads: then the hub asks for nothing more and holds nothing
    // what it holds for a moment is its other work's: planning, queues, upkeep
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'freshtrack-hub'
        AND (state LIKE 'idle in transaction%' OR (state = 'active' AND query LIKE '%readings%'))
        AND xact_start < clock_timestamp() - interval '250 milliseconds'";
    let mut quiet = 0;
    wait::until("the hub to hold no transaction", SOON, || {
        quiet = if server.run_sql(&database, open).trim() == "0" { quiet + 1 } else { 0 };
        let is_quiet = (quiet > 40).then_some(());
        async move { is_quiet }
    })
    .await;
    server.kill9();
    let mut broken = None;
    while broken.is_none()
        && let Some(chunk) = body.next().await
    {
        match chunk {
            Ok(chunk) => got += chunk.len(),
            Err(error) => broken = Some(error),
        }
    }
    let broken = broken.unwrap_or_else(|| panic!("{got} bytes came and looked whole"));
    assert!(!broken.is_timeout(), "the hub breaks it, not the client: {broken:?}");
}
