use super::*;

/// The unit's status once the hub has answered to a reading of so many degrees.
async fn judged(api: &Api, unit: &str, secs_ago: i64, celsius: f64) -> Value {
    api.ingest(json!([reading(unit, ago(secs_ago), celsius)])).await;
    api.live(unit).await["status"].take()
}

async fn effective(api: &Api, unit: &str) -> Value {
    api.read(&format!("/api/v1/units/{unit}/effective-rule")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_at_any_level_is_judged_by_the_very_next_reading() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        for level in ["organization", "site", "unit"] {
            let site = api.create_site(level).await;
            let unit = api.create_unit(&site, level).await;
            let scope_id = match level {
                "organization" => &story.organization,
                "site" => &site,
                _ => &unit,
            };
            let limits = |high: f64| json!({ "highLimit": high, "lowLimit": -5 });
            let rule = json!({ "scope": level, "scopeId": scope_id, "rule": limits(8.0) });
            let made = api.post("/api/v1/alert-rules", &rule).await;
            assert_eq!(made.status, 201, "{}", made.body);
            assert_eq!(judged(api, &unit, 50, 6.0).await, "ok", "{backend:?} {level}");
            let path = format!("/api/v1/alert-rules/{}", id(&made.body));
            let edit = json!({ "rule": { "highLimit": 5 } });
            let edited = patch(api, &path, &tag(&made), &edit).await.expect(200);
            assert_eq!(edited["rule"], json!({ "highLimit": 5.0, "lowLimit": -5.0 }));
            assert_eq!(judged(api, &unit, 40, 6.1).await, "excursion", "{backend:?} {level}");
            let alert = api.alerts_of(&unit).await.remove(0);
            let version = effective(api, &unit).await["version"].clone();
            assert_eq!(
                (&alert["limit"], &alert["ruleVersion"]),
                (&json!(5.0), &version),
                "{level}"
            );

            // what is taken away counts no more, and what is brought back counts again
            let other = api.create_unit(&site, "other").await;
            assert_eq!(judged(api, &other, 30, 4.0).await, "ok");
            assert_eq!(delete(api, &path).await.status, 204);
            assert_eq!(effective(api, &unit).await["fields"]["highLimit"]["from"], "default");
            assert_eq!(api.live(&unit).await["highLimit"], Value::Null);
            assert_eq!(judged(api, &other, 20, 30.0).await, "ok", "{backend:?} {level}");
            assert_eq!(act(api, &format!("{path}/restore")).await.status, 200);
            let expected = if level == "unit" { "ok" } else { "excursion" };
            assert_eq!(judged(api, &other, 10, 30.1).await, expected, "{backend:?} {level}");
            assert_eq!(delete(api, &path).await.status, 204);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effective_rule_explains_every_field() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let new = json!({ "siteId": story.site, "name": "Reach-in", "preset": "us.cold.reachin" });
        let unit = id(&api.create("/api/v1/units", new).await);
        let preset = api.list("/api/v1/presets").await;
        let preset = preset.iter().find(|preset| preset["id"] == "us.cold.reachin").expect("it is");
        let plain = effective(api, &unit).await;
        let high = &plain["fields"]["highLimit"];
        assert_eq!((&high["from"], &high["preset"]), (&json!("preset"), &preset["id"]));
        assert_eq!(
            (&high["source"], &high["value"]),
            (&preset["source"], &preset["limits"]["highLimit"])
        );

        let said = [
            (
                "organization",
                &story.organization,
                json!({ "lateMisses": 4, "offlineMisses": 8, "lowLimit": 1 }),
            ),
            (
                "site",
                &story.site,
                json!({ "offlineMisses": 9, "lowLimit": 2, "restoreReadings": 3 }),
            ),
            ("unit", &unit, json!({ "lowLimit": null, "ackTimeoutSecs": 600 })),
        ];
        let mut rules = std::collections::HashMap::new();
        for (scope, scope_id, rule) in said {
            let rule = json!({ "scope": scope, "scopeId": scope_id, "rule": rule });
            rules.insert(scope, api.create("/api/v1/alert-rules", rule).await);
        }
        let whole = effective(api, &unit).await;
        let fields = whole["fields"].as_object().expect("fields");
        assert_eq!(fields.len(), hub_domain::RuleField::ALL.len());
        let froms = ["unit", "site", "organization", "preset", "default"];
        for (name, field) in fields {
            let from = field["from"].as_str().expect("it says from where");
            assert!(froms.contains(&from), "{name}");
            assert!(field["unit"].is_string() && field.get("value").is_some(), "{name}");
            let rule = rules.get(from);
            assert_eq!(field.get("ruleId"), rule.map(|rule| &rule["id"]), "{name}");
            assert_eq!(field.get("ruleVersion"), rule.map(|rule| &rule["version"]), "{name}");
            assert_eq!(field.get("source").is_some(), from == "preset", "{name}");
        }
        let from =
            |name: &str| (fields[name]["from"].as_str().unwrap(), fields[name]["value"].clone());
        assert_eq!(from("lateMisses"), ("organization", json!(4)));
        assert_eq!(from("offlineMisses"), ("site", json!(9)));
        assert_eq!(from("restoreReadings"), ("site", json!(3)));
        assert_eq!(from("lowLimit"), ("unit", Value::Null));
        assert_eq!(from("doorWarningSecs"), ("default", json!(180)));
        assert_eq!(api.get(&format!("/api/v1/units/{NONE}/effective-rule")).await.status, 404);
    }
}
