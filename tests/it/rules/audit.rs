use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_in_the_log_with_what_was_before_and_after_and_no_secret() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let key = api.create("/api/v1/api-keys", json!({ "name": "Sender" })).await;
        let path = format!("/api/v1/api-keys/{}", id(&key));
        let why = api.request(Method::PATCH, &path).header("If-Match", "*");
        let why = why.header("X-Change-Reason", "caf%C3%A9").json(&json!({ "name": "Café" }));
        assert_eq!(api.send(why).await.expect("an answer").status, 200);
        let rotated = act(api, &format!("{path}/rotate")).await.expect(200);
        assert_eq!(delete(api, &path).await.status, 204);
        let network = api.create("/api/v1/ttn-connections", json!({ "name": "Roof" })).await;
        let unit = api.create_unit(&story.site, "Unit").await;
        let rule = api.set_unit_rule(&unit, json!({ "highLimit": 8 })).await;
        let place = format!("/api/v1/alert-rules/{}", id(&rule));
        assert_eq!(
            patch(api, &place, "*", &json!({ "rule": { "highLimit": 7 } })).await.status,
            200
        );

        let log = api.list(&format!("/api/v1/audit?objectId={}", id(&key))).await;
        let actions: Vec<_> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(
            actions,
            ["api_key.revoked", "api_key.rotated", "api_key.updated", "api_key.created"]
        );
        let renamed = &log[2];
        assert_eq!(
            (&renamed["before"]["name"], &renamed["after"]["name"]),
            (&json!("Sender"), &json!("Café"))
        );
        assert_eq!(
            (&renamed["reason"], &renamed["objectKind"]),
            (&json!("café"), &json!("api_key"))
        );
        let me = api.read("/api/v1/me").await["user"].clone();
        assert_eq!(renamed["actor"], json!({ "kind": "user", "id": me["id"], "name": me["name"] }));
        assert_eq!(
            (&log[3]["before"], &log[0]["after"]["revokedAt"].is_null()),
            (&Value::Null, &false)
        );

        let edited =
            api.list("/api/v1/audit?objectKind=alert_rule&action=alert_rule.updated").await;
        assert_eq!(edited.len(), 1);
        let high = |value: &Value| value["layer"]["highLimit"].clone();
        assert_eq!(
            (high(&edited[0]["before"]), high(&edited[0]["after"])),
            (json!(8_000), json!(7_000))
        );

        let whole = api.list("/api/v1/audit").await;
        let mine = me["id"].as_str().unwrap();
        let done = api.list(&format!("/api/v1/audit?actorId={mine}")).await;
        assert!(done.len() >= 8 && done.len() < whole.len(), "the command line did some");
        let at = |n: usize| whole[n]["at"].as_str().unwrap();
        let since = api.list(&format!("/api/v1/audit?from={}", at(0))).await;
        assert!(!since.is_empty() && since.len() < whole.len());
        let until = api.list(&format!("/api/v1/audit?to={}", at(0))).await;
        assert_eq!(since.len() + until.len(), whole.len());
        assert!(api.list(&format!("/api/v1/audit?objectId={NONE}")).await.is_empty());
        for bad in [
            "objectId=x",
            "actorId=1",
            "from=yesterday",
            "to=1",
            "action=%00",
            "objectKind=A",
            "limit=0",
            "cursor=!",
        ] {
            let answer = api.get(&format!("/api/v1/audit?{bad}")).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (400, "bad_query"), "{bad}");
        }

        let text = serde_json::to_string(&whole).unwrap().to_lowercase();
        for said in [&key["key"], &rotated["key"], &network["secret"]] {
            let said = said.as_str().unwrap().to_lowercase();
            assert!(!text.contains(&said[said.len() - 30..]), "the end of it is all secret");
        }
        assert!(!text.contains("hash"), "nor what is stored of one");
    }
}
