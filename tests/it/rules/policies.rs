use super::*;

struct People {
    both: String,
    email: String,
}

async fn people(api: &Api) -> People {
    let both = json!({ "name": "Both", "email": "both@example.org", "phone": "+4930123456" });
    let email = json!({ "name": "E-mail", "email": "mail@example.org" });
    People {
        both: id(&api.create("/api/v1/contacts", both).await),
        email: id(&api.create("/api/v1/contacts", email).await),
    }
}

fn step(after: i64, contacts: &[&str], channels: &[&str]) -> Value {
    json!({ "afterMinutes": after, "contactIds": contacts, "channels": channels })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_lives_and_says_what_it_was_told() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let people = people(api).await;
        let mut later = step(15, &[&people.both], &["sms", "email"]);
        later["repeatEveryMinutes"] = 30.into();
        later["repeatTimes"] = 4.into();
        let hours = json!({ "from": "22:00", "to": "06:00", "timezone": "Europe/Berlin", "exceptCritical": true });
        let new = json!({ "name": "Night", "scope": "site", "scopeId": story.site,
            "steps": [step(0, &[&people.email, &people.both], &["email"]), later],
            "kinds": ["temperature_high", "door_open"], "minSeverity": "critical", "quietHours": hours,
            "notifyOnResolve": false, "ackMinutes": 45 });
        let made = api.create("/api/v1/notification-policies", new.clone()).await;
        for field in
            ["name", "scope", "scopeId", "kinds", "minSeverity", "notifyOnResolve", "ackMinutes"]
        {
            assert_eq!(made[field], new[field], "{field}");
        }
        let mut shown = hours.clone();
        shown["off"] = false.into();
        assert_eq!(made["quietHours"], shown);
        let mut shown = new["steps"][1].clone();
        shown["roles"] = json!([]);
        assert_eq!(made["steps"][1], shown);
        let path = format!("/api/v1/notification-policies/{}", id(&made));
        assert_eq!(api.read(&path).await, made);
        let edit = json!({ "kinds": null, "quietHours": null, "steps": [step(5, &[&people.email], &["email"])] });
        let edited = patch(api, &path, "\"1\"", &edit).await;
        assert_eq!(tag(&edited), "\"2\"");
        assert_eq!(
            (&edited.body["kinds"], &edited.body["quietHours"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(
            (&edited.body["steps"][0]["afterMinutes"], &edited.body["name"]),
            (&json!(5), &json!("Night"))
        );
        assert_eq!(patch(api, &path, "\"1\"", &edit).await.status, 412);
        assert_eq!(
            wrong(&patch(api, &path, "*", &json!({ "scope": "unit" })).await)[0].1,
            "unknown_field"
        );

        // whom a policy names cannot go, nor lose the way in which they are told
        let contact = format!("/api/v1/contacts/{}", people.email);
        let held = delete(api, &contact).await;
        assert_eq!((held.status.as_u16(), held.code()), (409, "in_use"));
        assert!(held.body["detail"].as_str().unwrap().contains(&id(&made)), "{}", held.body);
        let lost = json!({ "email": null, "phone": "+4930123457" });
        assert_eq!(patch(api, &contact, "*", &lost).await.code(), "in_use");
        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(delete(api, &contact).await.status, 204);
        assert_eq!(act(api, &format!("{path}/restore")).await.code(), "incomplete");
        assert_eq!(act(api, &format!("{contact}/restore")).await.status, 200);
        assert_eq!(tag(&act(api, &format!("{path}/restore")).await), "\"4\"");
        assert_eq!(api.list("/api/v1/notification-policies?scope=site").await.len(), 1);
        assert!(api.list("/api/v1/notification-policies?scope=unit").await.is_empty());
        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(api.list("/api/v1/notification-policies?deleted=true").await.len(), 1);
        assert_eq!(act(api, &format!("{path}/purge")).await.status, 204);
        assert_eq!(act(api, &format!("{path}/restore")).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_cannot_say_is_refused_field_by_field() {
    let story = Story::begin(BACKENDS[0]).await;
    let api = &story.api;
    let People { both, email } = people(api).await;
    let good = json!({ "name": "Policy", "scope": "organization", "steps": [step(0, &[&both], &["sms"])] });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let steps = |steps: Value| with("steps", steps);
    let half = json!({ "afterMinutes": 0, "contactIds": [both], "channels": ["sms"], "repeatEveryMinutes": 5 });
    let bad = [
        (steps(json!([])), "/steps", "out_of_range"),
        (
            steps(json!([step(0, &[&email], &["email", "sms"])])),
            "/steps/0/contactIds/0",
            "unreachable",
        ),
        (
            steps(json!([step(0, &[&both, NONE], &["sms"])])),
            "/steps/0/contactIds/1",
            "unknown_reference",
        ),
        (steps(json!([step(0, &[&both, &both], &["sms"])])), "/steps/0/contactIds/1", "duplicate"),
        (steps(json!([step(0, &[], &["sms"])])), "/steps/0/contactIds", "out_of_range"),
        (steps(json!([step(0, &[&both], &[])])), "/steps/0/channels", "out_of_range"),
        (steps(json!([step(0, &[&both], &["pigeon"])])), "/steps/0/channels/0", "bad_channel"),
        (steps(json!([step(1441, &[&both], &["sms"])])), "/steps/0/afterMinutes", "out_of_range"),
        (
            steps(json!([step(5, &[&both], &["sms"]), step(5, &[&both], &["sms"])])),
            "/steps/1/afterMinutes",
            "not_rising",
        ),
        (steps(json!([half])), "/steps/0/repeatTimes", "missing_field"),
        (with("kinds", json!(["earthquake"])), "/kinds/0", "bad_kind"),
        (with("kinds", json!([])), "/kinds", "out_of_range"),
        (with("minSeverity", json!("dire")), "/minSeverity", "bad_severity"),
        (with("scope", json!("planet")), "/scope", "bad_scope"),
        (with("scope", json!("site")), "/scopeId", "missing_field"),
        (with("scopeId", json!(NONE)), "/scopeId", "unknown_reference"),
        (
            with("quietHours", json!({ "from": "22:00", "to": "22:00", "timezone": "UTC" })),
            "/quietHours/to",
            "bad_time",
        ),
        (
            with("quietHours", json!({ "from": "25:00", "to": "06:00", "timezone": "UTC" })),
            "/quietHours/from",
            "bad_time",
        ),
        (
            with("quietHours", json!({ "from": "22:00", "to": "06:00", "timezone": "CEST!" })),
            "/quietHours/timezone",
            "bad_timezone",
        ),
        (
            with("quietHours", json!({ "from": "22:00", "timezone": "UTC" })),
            "/quietHours/to",
            "missing_field",
        ),
        (
            with("quietHours", json!({ "off": true, "from": "22:00" })),
            "/quietHours/off",
            "bad_combination",
        ),
        (
            steps(json!([{ "afterMinutes": 0, "roles": ["king"], "channels": ["sms"] }])),
            "/steps/0/roles/0",
            "bad_role",
        ),
        (
            steps(json!([{ "afterMinutes": 0, "roles": ["inspector"], "channels": ["sms"] }])),
            "/steps/0/roles/0",
            "bad_role",
        ),
        (
            steps(json!([{ "afterMinutes": 0, "roles": ["owner", "owner"], "channels": ["sms"] }])),
            "/steps/0/roles/1",
            "duplicate",
        ),
        (
            steps(json!([{ "afterMinutes": 0, "channels": ["sms"] }])),
            "/steps/0/contactIds",
            "out_of_range",
        ),
        (with("ackMinutes", json!(0)), "/ackMinutes", "out_of_range"),
        (with("ackMinutes", json!(1_441)), "/ackMinutes", "out_of_range"),
        (json!({ "name": "Policy", "scope": "organization" }), "/steps", "missing_field"),
        (with("surprise", json!(1)), "/surprise", "unknown_field"),
    ];
    for (body, pointer, code) in bad {
        let answer = api.post("/api/v1/notification-policies", &body).await;
        assert_eq!(wrong(&answer), [(pointer, code)], "{body}");
    }
    assert!(api.list("/api/v1/notification-policies").await.is_empty());
    let made = api.create("/api/v1/notification-policies", good).await;
    for field in ["minSeverity", "notifyOnResolve", "kinds", "quietHours", "ackMinutes"] {
        assert_eq!(made[field], Value::Null, "{field} is left to a wider scope");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_leaves_out_a_wider_one_says() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let People { both, .. } = people(api).await;
        let unit = api.create_unit(&story.site, "Unit").await;
        let path = "/api/v1/notification-policies";
        let hours = json!({ "from": "22:00", "to": "06:00" });
        let wide = json!({ "name": "All", "scope": "organization", "quietHours": hours, "ackMinutes": 60,
            "steps": [{ "afterMinutes": 0, "roles": ["owner", "manager"], "channels": ["email"] }] });
        api.create(path, wide).await;
        let site = json!({ "name": "Site", "scope": "site", "scopeId": story.site, "notifyOnResolve": false,
            "steps": [step(0, &[&both], &["sms"])] });
        let site = api.create(path, site).await;
        let narrow = json!({ "name": "Unit", "scope": "unit", "scopeId": unit,
            "quietHours": { "off": true }, "minSeverity": "critical" });
        let narrow = api.create(path, narrow).await;
        assert_eq!((&narrow["steps"], &narrow["quietHours"]["off"]), (&Value::Null, &json!(true)));

        let effective = api.read(&format!("/api/v1/units/{unit}/effective-policy")).await;
        let hot = &effective["byKind"]["temperature_high"];
        assert_eq!((&hot["from"], &hot["policyIds"]), (&json!("site"), &json!([id(&site)])));
        let terms = &hot["terms"][0];
        assert_eq!(terms["steps"][0]["contactIds"], json!([both]));
        assert_eq!((&terms["ackMinutes"], &terms["quietHours"]), (&json!(60), &Value::Null));
        assert_eq!(
            (&terms["minSeverity"], &terms["notifyOnResolve"]),
            (&json!("critical"), &json!(false))
        );

        // what is taken back is the wider scope's again
        let edited =
            patch(api, &format!("{path}/{}", id(&narrow)), "*", &json!({ "quietHours": null }))
                .await;
        assert_eq!(edited.status, 200, "{}", edited.body);
        let effective = api.read(&format!("/api/v1/units/{unit}/effective-policy")).await;
        let hours = &effective["byKind"]["temperature_high"]["terms"][0]["quietHours"];
        assert_eq!((&hours["from"], &hours["timezone"]), (&json!("22:00"), &Value::Null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_each_kind_of_alert_the_nearest_policies_hold() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let People { both, .. } = people(api).await;
        let unit = api.create_unit(&story.site, "Unit").await;
        let path = format!("/api/v1/units/{unit}/effective-policy");
        let none = api.read(&path).await;
        let own = &none["byKind"]["temperature_high"];
        assert_eq!((&none["policies"], &own["from"]), (&json!([]), &json!("default")));
        assert_eq!(own["terms"][0]["steps"][0]["roles"], json!(["owner", "admin"]));
        let mut made = std::collections::HashMap::new();
        let scopes = [
            ("organization", story.organization.as_str(), Value::Null),
            ("site", &story.site, json!(["temperature_high", "door_open"])),
            ("unit", &unit, json!(["door_open"])),
        ];
        for (scope, scope_id, kinds) in scopes {
            let new = json!({ "name": scope, "scope": scope, "scopeId": scope_id, "kinds": kinds,
                "steps": [step(0, &[&both], &["sms"])] });
            made.insert(scope, id(&api.create("/api/v1/notification-policies", new).await));
        }
        let effective = api.read(&path).await;
        let names: Vec<_> =
            effective["policies"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["unit", "site", "organization"]);
        let kinds =
            [("door_open", "unit"), ("temperature_high", "site"), ("low_battery", "organization")];
        for (kind, from) in kinds {
            let by_kind = &effective["byKind"][kind];
            let said = (&by_kind["from"], &by_kind["policyIds"]);
            assert_eq!(said, (&json!(from), &json!([made[from]])), "{kind}");
        }
        assert_eq!(
            effective["byKind"].as_object().unwrap().len(),
            hub_domain::AlertKind::ALL.len()
        );
        let other = api.create_unit(&api.create_site("Bar").await, "Other").await;
        let other = api.read(&format!("/api/v1/units/{other}/effective-policy")).await;
        assert_eq!(other["byKind"]["door_open"]["from"], "organization");
        assert_eq!(api.get(&format!("/api/v1/units/{NONE}/effective-policy")).await.status, 404);
    }
}
