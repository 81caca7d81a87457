//! Edits: one of many at once counts, a preset is held against the rules, a unit stays in its site.

use futures_util::future::join_all;
use hub_testkit::api::{Api, id};
use serde_json::{Value, json};

use super::{patch, reading, unit_path};
use crate::promises::{BACKENDS, Backend, Story};

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_edits_of_one_edition_one_counts() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = api.create_unit(&story.site, "Fridge").await;
        let area = json!({ "siteId": story.site, "name": "Cold" });
        let area = id(&api.create("/api/v1/areas", area).await);
        for (kind, id) in [("sites", &story.site), ("areas", &area), ("units", &unit)] {
            let path = format!("/api/v1/{kind}/{id}");
            let edits = (0..20).map(|n| {
                let path = &path;
                async move { patch(api, path, "\"1\"", &json!({ "name": format!("N{n}") })).await }
            });
            let answers = join_all(edits).await;
            let count = |status: u16| answers.iter().filter(|a| a.status == status).count();
            assert_eq!((count(200), count(412)), (1, 19), "{backend:?} {kind}");
            let won = answers.iter().find(|answer| answer.status == 200).expect("one counts");
            let now = api.read(&path).await;
            assert_eq!((&now["name"], &now["version"]), (&won.body["name"], &json!(2)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_may_be_for_one_of_several_editions() {
    let story = Story::begin(Backend::Sqlite).await;
    let api = &story.api;
    let contact = json!({ "name": "Ada", "email": "ada@example.test" });
    let contact = id(&api.create("/api/v1/contacts", contact).await);
    let me = api.read("/api/v1/me").await["user"]["id"].as_str().expect("an id").to_owned();
    let paths = [
        (format!("/api/v1/sites/{}", story.site), json!({ "name": "North" })),
        (format!("/api/v1/contacts/{contact}"), json!({ "name": "Bo" })),
        (format!("/api/v1/members/{me}"), json!({})),
    ];
    for (path, body) in paths {
        for (tags, status) in [
            (r#""7", "8""#, 412),
            (r#"W/"1""#, 412),
            (r#"W/"1", "x,1""#, 412),
            (r#""1", x"#, 400),
            (r#""1",*"#, 400),
            ("1", 400),
            (r#""7", "1""#, 200),
        ] {
            let answer = patch(api, &path, tags, &body).await;
            assert_eq!(answer.status, status, "{path} for {tags}: {}", answer.body);
        }
        let request = api.request(reqwest::Method::PATCH, &path).json(&body);
        let lines = request.header("If-Match", "\"9\"").header("If-Match", "\"2\", \"1\"");
        assert_eq!(api.send(lines).await.expect("the hub answers").status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_preset_judges_the_very_next_reading() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = api.create_unit(&story.site, "Fridge").await;
        api.ingest(json!([reading(&unit, 20, 9.0)])).await;
        assert_eq!(api.live(&unit).await["status"], "ok", "there is no limit yet");
        let rule = format!("/api/v1/units/{unit}/effective-rule");
        let before = api.read(&rule).await["version"].as_i64().expect("a version");
        let preset = json!({ "preset": "us.cold.reachin" });
        let edited = patch(api, &unit_path(&unit), "\"1\"", &preset).await.expect(200);
        assert_eq!(edited["live"]["highLimit"], 5.0);
        assert_eq!(api.read(&rule).await["version"], before + 1);
        api.ingest(json!([reading(&unit, 10, 9.0)])).await;
        assert_eq!(api.live(&unit).await["status"], "excursion");
        patch(api, &unit_path(&unit), "\"2\"", &json!({ "preset": null })).await.expect(200);
        let live = api.live(&unit).await;
        assert_eq!((&live["highLimit"], live["name"].as_str()), (&Value::Null, Some("Fridge")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_that_contradicts_the_rules_above_is_refused() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = api.create_unit(&story.site, "Fridge").await;
        let rule = json!({
            "scope": "site", "scopeId": story.site, "temperatureUnit": "C",
            "rule": { "lowLimit": 30, "highCeiling": null }
        });
        let made = api.post("/api/v1/alert-rules", &rule).await;
        assert!(made.status.is_success(), "{}", made.body);
        let refused =
            patch(api, &unit_path(&unit), "*", &json!({ "preset": "us.cold.reachin" })).await;
        let error = &refused.body["errors"][0];
        assert_eq!(
            (refused.status.as_u16(), &error["pointer"], &error["code"]),
            (422, &json!("/preset"), &json!("contradiction")),
            "{}",
            refused.body
        );
        for (preset, code) in
            [("us.cool.cooked", "unsupported_preset"), ("no.such", "unknown_preset")]
        {
            let refused = patch(api, &unit_path(&unit), "*", &json!({ "preset": preset })).await;
            assert_eq!(
                (refused.status.as_u16(), &refused.body["errors"][0]["code"]),
                (422, &json!(code))
            );
        }
        assert_eq!(api.read(&unit_path(&unit)).await["version"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_stays_in_its_site_and_moves_among_its_areas() {
    let story = Story::begin(Backend::Sqlite).await;
    let api = &story.api;
    let (unit, other) =
        (api.create_unit(&story.site, "Fridge").await, api.create_site("Bar").await);
    let area = |site: &str| json!({ "siteId": site, "name": "Cold" });
    let ours = id(&api.create("/api/v1/areas", area(&story.site)).await);
    let far = id(&api.create("/api/v1/areas", area(&other)).await);
    let (_, theirs) = story.hub.owner("Theirs").await.unwrap();
    let foreign = theirs.create_site("Elsewhere").await;
    let path = unit_path(&unit);
    let moved = patch(api, &path, "*", &json!({ "siteId": other })).await;
    assert_eq!((moved.status.as_u16(), moved.code()), (409, "unit_stays"));
    patch(api, &path, "*", &json!({ "siteId": story.site })).await.expect(200);
    patch(api, &path, "*", &json!({ "areaId": ours })).await.expect(200);
    let none = "019a0000-0000-7000-8000-000000000001";
    refused_alike(api, &path, "siteId", [&foreign, none]).await;
    refused_alike(api, &path, "areaId", [&far, none]).await;
    let cleared = patch(api, &path, "*", &json!({ "areaId": null })).await.expect(200);
    assert_eq!(cleared["areaId"], Value::Null);
    let found = api.list(&format!("/api/v1/units?areaId={ours}&siteId={}", story.site)).await;
    assert_eq!(found, Vec::<Value>::new());
    assert_eq!(api.list("/api/v1/units?name=RIDG").await.len(), 1);
    for bad in ["name=", "deleted=yes", "areaId=x"] {
        assert_eq!(api.get(&format!("/api/v1/units?{bad}")).await.status, 400, "{bad}");
    }
}

/// What is another's is refused as what is not there.
async fn refused_alike(api: &Api, path: &str, field: &str, ids: [&str; 2]) {
    let mut said = Vec::new();
    for id in ids {
        let mut answer = patch(api, path, "*", &json!({ field: id })).await;
        assert_eq!(answer.status, 404, "{field}: {}", answer.body);
        answer.body["instance"] = Value::Null;
        said.push(answer.body);
    }
    assert_eq!(said[0], said[1]);
}
