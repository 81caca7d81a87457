use hub_testkit::api::{Api, id};
use serde_json::{Value, json};

use super::hub;

/// What is said of an object of another organization, without the request's id.
fn plain(mut body: Value) -> Value {
    body["instance"] = Value::Null;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_organization_is_as_one_that_does_not_exist() {
    let (hub, ours) = hub().await;
    let (them, theirs) = hub.owner("Theirs").await.unwrap();
    let site = theirs.create_site("Elsewhere").await;
    let unit = theirs.create_unit(&site, "Unit").await;
    let device = theirs.create_device(&unit, "Sensor", None).await;
    let area = id(&theirs.create("/api/v1/areas", json!({ "siteId": site, "name": "Bar" })).await);
    let key = id(&theirs.create("/api/v1/api-keys", json!({ "name": "Key" })).await);
    let connection =
        id(&theirs.create("/api/v1/ttn-connections", json!({ "name": "Network" })).await);
    let rule = id(&theirs.set_unit_rule(&unit, json!({ "highLimit": 8 })).await);
    let none = "019a0000-0000-7000-8000-000000000001";
    for (kind, theirs) in [
        ("sites/ID", &site),
        ("areas/ID", &area),
        ("units/ID", &unit),
        ("units/ID/readings", &unit),
        ("units/ID/frames", &unit),
        ("units/ID/effective-rule", &unit),
        ("devices/ID", &device),
        ("api-keys/ID", &key),
        ("ttn-connections/ID", &connection),
        ("alert-rules/ID", &rule),
    ] {
        let path = |id: &str| format!("/api/v1/{}", kind.replace("ID", id));
        let (foreign, absent) = (ours.get(&path(theirs)).await, ours.get(&path(none)).await);
        assert_eq!(
            (foreign.status, plain(foreign.body)),
            (absent.status, plain(absent.body)),
            "{kind}"
        );
        assert_eq!(foreign.status, 404, "{kind}");
    }
    for list in [
        "sites",
        "areas",
        "units",
        "devices",
        "api-keys",
        "ttn-connections",
        "alert-rules",
        "alerts",
    ] {
        let seen = ours.list(&format!("/api/v1/{list}")).await;
        assert!(
            !seen.iter().any(|item| item["name"] == "Elsewhere" || item["name"] == "Unit"),
            "{list}: {seen:?}"
        );
    }
    assert_references(&ours, &site, &unit, none).await;
    let named = ours.clone().with_organization(&them.organization_id);
    assert_eq!(named.get("/api/v1/sites").await.status, 404);
    assert_eq!(theirs.list("/api/v1/areas").await.len(), 1, "nothing of theirs was changed");
    assert_eq!(theirs.list("/api/v1/devices").await.len(), 1);
}

/// Bodies that refer to another's objects are refused as those that refer to nothing.
async fn assert_references(ours: &Api, site: &str, unit: &str, none: &str) {
    type Body = fn(&str) -> Value;
    let cases: [(&str, &str, Body); 5] = [
        ("/api/v1/areas", site, |id| json!({ "siteId": id, "name": "x" })),
        ("/api/v1/units", site, |id| json!({ "siteId": id, "name": "x" })),
        ("/api/v1/devices", unit, |id| json!({ "unitId": id, "name": "x" })),
        ("/api/v1/api-keys", site, |id| json!({ "siteId": id, "name": "x" })),
        (
            "/api/v1/alert-rules",
            unit,
            |id| json!({ "scope": "unit", "scopeId": id, "rule": { "highLimit": 1 } }),
        ),
    ];
    for (path, theirs, body) in cases {
        let (foreign, absent) =
            (ours.post(path, &body(theirs)).await, ours.post(path, &body(none)).await);
        assert_eq!(foreign.status, 404, "{path}: {}", foreign.body);
        assert_eq!(plain(foreign.body), plain(absent.body), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_nothing_is_told() {
    let (_hub, api) = hub().await;
    let nobody = api.clone().anonymous();
    let forged = nobody.clone().with_token("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
    for list in [
        "me",
        "organizations",
        "sites",
        "areas",
        "units",
        "devices",
        "api-keys",
        "alert-rules",
        "alerts",
        "rule-fields",
        "presets",
    ] {
        for api in [&nobody, &forged] {
            let answer = api.get(&format!("/api/v1/{list}")).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthorized"), "{list}");
        }
    }
    let asked = json!({ "refreshToken": "nonsense" });
    let refresh = nobody.post("/api/v1/auth/refresh", &asked).await;
    assert_eq!((refresh.status.as_u16(), refresh.code()), (401, "session_over"));
}
