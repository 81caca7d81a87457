use std::{collections::HashSet, sync::Arc};

use freshtrack_hub::clock::SystemClock;
use futures_util::future::join_all;
use hub_domain::{Layer, RuleField, RuleLayer};
use hub_store::{OpenOptions, Store, records::Actor};
use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres, wait};

use super::*;
use crate::promises::{Backend, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_the_hub_was_not_told_of_reaches_its_running_units() {
    for backend in BACKENDS {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        let url = PrivatePostgres::shared().create_database();
        let builder = match backend {
            Backend::Sqlite => builder,
            Backend::Postgres => builder.database_url(url.clone()),
        };
        let hub = builder.start().await.expect("the hub starts");
        let (made, api) = hub.owner("Rules").await.expect("an owner is made");
        let site = api.create_site("Kitchen").await;
        let unit = api.create_unit(&site, "Fridge").await;
        api.set_unit_rule(&unit, json!({ "highLimit": 8 })).await;
        assert_eq!(api.live(&unit).await["highLimit"], 8.0, "{backend:?}");
        // another process on the database makes the edit
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}", hub.data().join("hub.db").display()),
            Backend::Postgres => url,
        };
        let options = OpenOptions { url, max_connections: 2, clock: Arc::new(SystemClock) };
        let store = Store::open(options).await.expect("the store opens");
        let mut layer = Layer::default();
        layer.set(RuleField::HighLimit, Some(6_000)).expect("a good limit");
        let org = made.organization_id.parse().expect("an id");
        let unit_id = unit.parse().expect("an id");
        store.put_rule(org, RuleLayer::Unit, unit_id, layer, Actor::Hub).await.expect("it is put");
        store.close().await;
        wait::until("the unit to be judged by it", SOON, || async {
            (api.live(&unit).await["highLimit"] == 6.0).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_edits_at_once_none_is_lost() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = api.create_unit(&story.site, "Unit").await;
        let made = api.set_unit_rule(&unit, json!({ "highLimit": 8 })).await;
        let path = format!("/api/v1/alert-rules/{}", id(&made));
        let seen = tag(&api.get(&path).await);

        let edits = (0..12).map(|n| {
            let edit = json!({ "rule": { "highLimit": 8 + n } });
            let (path, seen) = (&path, &seen);
            async move { patch(api, path, seen, &edit).await.status.as_u16() }
        });
        let mut statuses = join_all(edits).await;
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{backend:?}");
        assert!(statuses[1..].iter().all(|status| *status == 412), "{backend:?} {statuses:?}");

        let names = [
            "coolingFailureReadings",
            "offlineMisses",
            "restoreReadings",
            "ackTimeoutSecs",
            "batteryLowPercent",
        ];
        let edits = names.map(|name| {
            let edit = json!({ "rule": { name: if name == "ackTimeoutSecs" { 66 } else { 7 } } });
            let path = &path;
            async move { patch(api, path, "*", &edit).await.expect(200)["version"].as_i64() }
        });
        let versions: HashSet<_> = join_all(edits).await.into_iter().collect();
        assert_eq!(versions.len(), names.len(), "each is a version of its own");
        let rule = api.read(&path).await;
        assert!(names.iter().all(|name| rule["rule"].get(name).is_some()), "{rule}");
        assert_eq!(rule["version"], 2 + 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_lives_and_each_of_its_versions_says_who_and_when() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = api.create_unit(&story.site, "Unit").await;
        let made = api.set_unit_rule(&unit, json!({ "highLimit": 8, "lowLimit": 2 })).await;
        let path = format!("/api/v1/alert-rules/{}", id(&made));
        let first = api.get(&path).await;
        assert_eq!((tag(&first).as_str(), &first.body["deletedAt"]), ("\"1\"", &Value::Null));

        let edit = json!({ "rule": { "highLimit": null }, "unset": ["lowLimit"] });
        let bare =
            api.send(api.request(Method::PATCH, &path).json(&edit)).await.expect("an answer");
        assert_eq!((bare.status.as_u16(), bare.code()), (428, "edition_required"));
        let edited = patch(api, &path, "\"1\"", &edit).await;
        assert_eq!(
            (tag(&edited).as_str(), &edited.body["rule"]),
            ("\"2\"", &json!({ "highLimit": null }))
        );
        let stale = patch(api, &path, "\"1\"", &edit).await;
        assert_eq!((stale.status.as_u16(), stale.code()), (412, "stale"));

        let bad = [
            (json!({ "rule": { "highLimits": 8 } }), "/rule/highLimits"),
            (json!({ "rule": { "restoreReadings": null } }), "/rule/restoreReadings"),
            (json!({ "rule": { "highLimit": 5, "lowLimit": 5 } }), "/rule"),
            (json!({ "unset": ["nothing"] }), "/unset/0"),
            (json!({ "rule": { "highLimit": 5 }, "unset": ["highLimit"] }), "/unset/0"),
            (json!({ "scope": "unit" }), "/scope"),
            (json!({ "temperatureUnit": "K" }), "/temperatureUnit"),
        ];
        for (body, pointer) in bad {
            let answer = patch(api, &path, "\"2\"", &body).await;
            assert_eq!(wrong(&answer)[0].0, pointer, "{body}");
        }

        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(
            (delete(api, &path).await.status.as_u16(), api.get(&path).await.status.as_u16()),
            (404, 404)
        );
        let here = format!("/api/v1/alert-rules?scope=unit&scopeId={unit}");
        assert!(api.list(&here).await.is_empty());
        assert_eq!(api.list(&format!("{here}&deleted=true")).await[0]["id"], made["id"]);
        let restored = act(api, &format!("{path}/restore")).await;
        assert_eq!(
            (tag(&restored).as_str(), &restored.body["rule"]),
            ("\"4\"", &json!({ "highLimit": null }))
        );
        let again = act(api, &format!("{path}/restore")).await;
        assert_eq!((again.status.as_u16(), again.code()), (409, "not_deleted"));
        assert_eq!(api.list(&here).await.len(), 1);
        assert!(api.list("/api/v1/alert-rules?scope=site").await.is_empty());

        let versions = api.list(&format!("{path}/versions")).await;
        let told: Vec<_> = versions.iter().map(|it| it["action"].as_str().expect("text")).collect();
        assert_eq!(told, ["restored", "deleted", "updated", "created"]);
        assert_eq!(versions[3]["rule"], json!({ "highLimit": 8.0, "lowLimit": 2.0 }));
        assert_eq!(versions[1]["rule"], json!({}));
        let me = api.read("/api/v1/me").await["user"].clone();
        for (n, version) in versions.iter().rev().enumerate() {
            assert_eq!(version["version"], n + 1);
            assert!(version["at"].is_string());
            let actor = &version["actor"];
            assert_eq!(
                (&actor["kind"], &actor["id"], &actor["name"]),
                (&json!("user"), &me["id"], &me["name"])
            );
        }
        let page = api.read(&format!("{path}/versions?limit=3")).await;
        let cursor = page["nextCursor"].as_str().expect("there is another page");
        let rest = api.read(&format!("{path}/versions?limit=3&cursor={cursor}")).await;
        assert_eq!((&rest["items"][0]["version"], &rest["nextCursor"]), (&json!(1), &Value::Null));
        for path in ["", "/versions"].map(|end| format!("/api/v1/alert-rules/{NONE}{end}")) {
            assert_eq!(api.get(&path).await.status, 404);
        }
    }
}
