use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_lives_and_is_always_reached_somehow() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let me = api.read("/api/v1/me").await["user"]["id"].clone();
        let new = json!({ "name": "Ümit O'Neil 🧊", "email": "Night.Shift+1@Example.org", "phone": "+4930123456",
            "language": "de", "timezone": "Europe/Berlin", "userId": me });
        let made = api.create("/api/v1/contacts", new.clone()).await;
        for (field, value) in new.as_object().unwrap() {
            assert_eq!(made[field], *value, "as it was sent");
        }
        let path = format!("/api/v1/contacts/{}", id(&made));
        let edited = patch(api, &path, "\"1\"", &json!({ "phone": null, "userId": null })).await;
        assert_eq!(
            (tag(&edited).as_str(), &edited.body["phone"], &edited.body["userId"]),
            ("\"2\"", &Value::Null, &Value::Null)
        );
        assert_eq!(edited.body["email"], new["email"]);
        assert_eq!(patch(api, &path, "\"1\"", &json!({})).await.status, 412);
        let edits = [
            (json!({ "email": null }), "/email", "unreachable"),
            (json!({ "name": null }), "/name", "wrong_type"),
            (json!({ "language": "tlh" }), "/language", "bad_language"),
            (json!({ "timezone": "Berlin" }), "/timezone", "bad_timezone"),
            (json!({ "userId": NONE }), "/userId", "unknown_reference"),
            (json!({ "fax": "1" }), "/fax", "unknown_field"),
        ];
        for (edit, pointer, code) in edits {
            assert_eq!(wrong(&patch(api, &path, "*", &edit).await), [(pointer, code)], "{edit}");
        }
        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(
            (api.get(&path).await.status.as_u16(), delete(api, &path).await.status.as_u16()),
            (404, 404)
        );
        assert_eq!(api.list("/api/v1/contacts?deleted=true").await.len(), 1);
        assert_eq!(tag(&act(api, &format!("{path}/restore")).await), "\"4\"");
        assert_eq!(act(api, &format!("{path}/purge")).await.code(), "not_deleted");
        assert_eq!(api.list("/api/v1/contacts").await.len(), 1);
        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(act(api, &format!("{path}/purge")).await.status, 204);
        assert_eq!(act(api, &format!("{path}/restore")).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_break_out_of_a_message_is_refused() {
    let story = Story::begin(BACKENDS[0]).await;
    let bad = [
        (json!({ "name": "A" }), "/email"),
        (json!({ "name": "A", "email": "a@b.co\r\nBcc: c@d.de" }), "/email"),
        (json!({ "name": "A", "email": "a@b.co\u{0}" }), "/email"),
        (json!({ "name": "A", "email": "A <a@b.co>" }), "/email"),
        (json!({ "name": "A", "email": format!("{}@b.co", "a".repeat(65)) }), "/email"),
        (json!({ "name": "A", "email": format!("a@{}co", "b.".repeat(130)) }), "/email"),
        (json!({ "name": "A", "phone": "030 123456" }), "/phone"),
        (json!({ "name": "A", "phone": "+49\n30123456" }), "/phone"),
        (json!({ "name": "A\r\nSubject: x", "phone": "+4930123456" }), "/name"),
        (json!({ "name": "A", "phone": "+4930123456", "language": "de\n" }), "/language"),
    ];
    for (body, pointer) in bad {
        assert_eq!(wrong(&story.api.post("/api/v1/contacts", &body).await)[0].0, pointer, "{body}");
    }
    assert!(story.api.list("/api/v1/contacts").await.is_empty());
}
