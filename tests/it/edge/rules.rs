use std::time::Duration;

use serde_json::{Value, json};

use super::{ago, hub};

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_rule_reaches_the_running_unit_at_once() {
    let (_hub, api) = hub().await;
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "Walk-in 1").await;
    let organization = json!({ "scope": "organization", "temperatureUnit": "F", "rule": { "highLimit": 41, "hysteresis": 0.9 } });
    let made = api.post("/api/v1/alert-rules", &organization).await.expect(201);
    assert_eq!(
        (&made["rule"]["highLimit"], &made["rule"]["hysteresis"]),
        (&json!(5.0), &json!(0.5))
    );
    assert_eq!(api.live(&unit).await["highLimit"], 5.0);
    api.ingest(json!([{ "unitId": unit, "temperature": 6, "recordedAt": ago(5) }])).await;
    api.wait_for_status(&unit, "excursion", Duration::from_secs(5)).await;
    let replaced = json!({ "scope": "organization", "rule": { "highLimit": 7.5 } });
    let answer = api.post("/api/v1/alert-rules", &replaced).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body["version"].as_i64() > made["version"].as_i64());
    assert_eq!(answer.body["id"], made["id"]);
    api.set_unit_rule(&unit, json!({ "lowLimit": 2 })).await;
    let effective = api.read(&format!("/api/v1/units/{unit}/effective-rule")).await;
    let field = |name: &str| effective["fields"][name].clone();
    let said = |name: &str, value: Value, from: &str| {
        let field = field(name);
        assert_eq!((&field["value"], &field["from"]), (&value, &json!(from)), "{name}");
    };
    said("highLimit", json!(7.5), "organization");
    said("lowLimit", json!(2.0), "unit");
    said("confirmHighShutSecs", json!(600), "default");
    let live = api.live(&unit).await;
    assert_eq!((&live["highLimit"], &live["lowLimit"]), (&json!(7.5), &json!(2.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_is_refused_and_changes_nothing() {
    let (_hub, api) = hub().await;
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "Walk-in 1").await;
    api.set_unit_rule(&unit, json!({ "lowLimit": 4 })).await;
    let cases = [
        (
            json!({ "scope": "unit", "scopeId": unit, "rule": { "highLimit": 2, "lowLimit": 2 } }),
            "/rule",
        ),
        (json!({ "scope": "organization", "rule": { "highLimit": 4.5 } }), "/rule"),
        (
            json!({ "scope": "unit", "scopeId": unit, "rule": { "highLimit": "8" } }),
            "/rule/highLimit",
        ),
        (
            json!({ "scope": "unit", "scopeId": unit, "rule": { "highLimits": 8 } }),
            "/rule/highLimits",
        ),
        (
            json!({ "scope": "unit", "scopeId": unit, "rule": { "confirmHighShutSecs": 1.5 } }),
            "/rule/confirmHighShutSecs",
        ),
        (json!({ "scope": "unit", "rule": {} }), "/scopeId"),
        (json!({ "scope": "planet", "rule": {} }), "/scope"),
        (
            json!({ "scope": "organization", "temperatureUnit": "K", "rule": {} }),
            "/temperatureUnit",
        ),
    ];
    for (body, pointer) in cases {
        let answer = api.post("/api/v1/alert-rules", &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{}",
            answer.body
        );
    }
    let rules = api.list("/api/v1/alert-rules").await;
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["rule"], json!({ "lowLimit": 4.0 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_and_fields_are_told_and_an_unsupported_preset_is_refused() {
    let (_hub, api) = hub().await;
    let presets = api.list("/api/v1/presets").await;
    let reachin =
        presets.iter().find(|preset| preset["id"] == "us.cold.reachin").expect("it is listed");
    assert_eq!((&reachin["supported"], &reachin["verified"]), (&json!(true), &json!(true)));
    let unsupported = presets
        .iter()
        .find(|preset| preset["supported"] == false)
        .expect("some are not supported yet");
    let site = api.create_site("Kitchen").await;
    let make = |preset: &Value| json!({ "siteId": site, "name": "Unit", "preset": preset });
    assert_eq!(api.post("/api/v1/units", &make(&unsupported["id"])).await.status, 422);
    assert_eq!(api.post("/api/v1/units", &make(&json!("no.such"))).await.status, 422);
    let made = api.create("/api/v1/units", make(&reachin["id"])).await;
    assert_eq!(made["live"]["highLimit"], 5.0);
    let fields = api.list("/api/v1/rule-fields").await;
    assert_eq!(fields.len(), hub_domain::RuleField::ALL.len());
}
