use serde_json::{Value, json};

use super::of_channel;
use crate::promises::{BACKENDS, Story, ago, minutes, text};

#[tokio::test(flavor = "multi_thread")]
async fn readings_are_paged_both_ways_and_narrowed() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.api.create_unit(&story.site, "Walk-in").await;
        let begin = ago(7_200);
        let at = |minute: i64| begin + minutes(minute);
        let both = (0..60).flat_map(|minute| {
            [("temperature", 4.0), ("probe1", -18.5)]
                .map(|(channel, celsius)| of_channel(&unit, channel, at(minute), celsius))
        });
        story.api.ingest(both.collect()).await;
        let path = format!("/api/v1/units/{unit}/readings");
        let up = story.api.list(&path).await;
        let mut down = story.api.list(&format!("{path}?order=desc")).await;
        down.reverse();
        assert_eq!((up.len(), &up), (120, &down), "{backend:?}");
        let mut page = story.api.read(&format!("{path}?order=desc&limit=7")).await;
        let mut seen = page["items"].as_array().unwrap().clone();
        // what comes in meanwhile is not seen twice, nor is anything left out for it
        story.api.ingest(json!([of_channel(&unit, "temperature", at(100), 4.0)])).await;
        story.api.ingest(json!([of_channel(&unit, "probe1", at(30) + minutes(1) / 2, 4.0)])).await;
        while let Some(cursor) = page["nextCursor"].as_str() {
            page = story.api.read(&format!("{path}?order=desc&limit=7&cursor={cursor}")).await;
            seen.extend(page["items"].as_array().unwrap().clone());
        }
        assert_eq!(seen.len(), 121, "the late one, which came past the cursor, and not the newest");
        let one = story
            .api
            .list(&format!("{path}?channel=probe1&from={}&to={}", text(at(10)), text(at(20))))
            .await;
        assert_eq!(one.len(), 10);
        assert!(
            one.iter()
                .all(|reading| reading["channel"] == "probe1" && reading["temperature"] == -18.5)
        );
        let source = one[0]["source"].as_str().unwrap();
        assert_eq!(
            story.api.list(&format!("{path}?source={source}&channel=temperature")).await.len(),
            61
        );
        assert_eq!(
            story.api.list(&format!("{path}?source={}", story.site)).await,
            [] as [Value; 0]
        );
        for bad in [
            "order=up",
            "resolution=best",
            "channel=A%20b",
            "source=x",
            "resolution=auto&limit=9",
            "resolution=auto&order=desc",
            "cursor=AAAA",
            "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        ] {
            let answer = story.api.get(&format!("{path}?{bad}")).await;
            assert_eq!(answer.status, 400, "{bad}: {}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_keep_the_peak_and_the_trough() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.api.create_unit(&story.site, "Walk-in").await;
        let begin = ago(3_000 * 60);
        let at = |minute: i64| begin + minutes(minute);
        let celsius = |minute: i64| match minute {
            1_234 => 21.25,
            2_345 => -40.125,
            _ => 3.0 + (minute % 3) as f64 / 2.0,
        };
        let all =
            (0..3_000).map(|minute| of_channel(&unit, "temperature", at(minute), celsius(minute)));
        story.api.ingest(all.collect()).await;
        let path = format!("/api/v1/units/{unit}/readings?resolution=auto");
        let series = story.api.read(&path).await;
        assert_eq!(series["bucketSecs"], 300, "{backend:?}");
        let points = series["points"].as_array().unwrap();
        assert_eq!((points.len(), &points[0]["channel"]), (1, &json!("temperature")));
        let buckets = points[0]["buckets"].as_array().unwrap();
        assert!((600..=601).contains(&buckets.len()), "{}", buckets.len());
        let count: i64 = buckets.iter().map(|one| one["count"].as_i64().unwrap()).sum();
        assert_eq!(count, 3_000);
        let celsius =
            |name: &'static str| buckets.iter().map(move |one| one[name].as_f64().unwrap());
        let highest = buckets.iter().find(|one| one["max"] == 21.25).expect("the peak is there");
        assert_eq!(highest["maxAt"], text(at(1_234)));
        let lowest = buckets.iter().find(|one| one["min"] == -40.125).expect("the trough is there");
        assert_eq!(lowest["minAt"], text(at(2_345)));
        assert!(celsius("max").all(|max| max <= 21.25) && celsius("min").all(|min| min >= -40.125));
        let within = celsius("min").zip(celsius("mean")).zip(celsius("max"));
        assert!(within.into_iter().all(|((min, mean), max)| min <= mean && mean <= max));
        let none = story.api.read(&format!("{path}&channel=probe1")).await;
        assert_eq!(none["points"], json!([]));
    }
}
