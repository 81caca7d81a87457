use std::time::{Duration, Instant};

use hub_testkit::api::{Api, id};
use serde_json::json;

use super::{BACKENDS, NONE, World, ago, delete, text};

async fn link(owner: &Api, sites: &[&str], expires_at: String) -> (String, String) {
    let asked = json!({ "name": "Authority", "siteIds": sites, "expiresAt": expires_at });
    let made = owner.create("/api/v1/inspector-links", asked).await;
    (id(&made), text(&made["token"]).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspector_sees_the_sites_of_the_link_and_nothing_else() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let owner = &world.owner;
        let (shown, hidden) = (owner.create_site("Shown").await, owner.create_site("Hidden").await);
        let mut units = Vec::new();
        for site in [&shown, &hidden] {
            let area =
                owner.create("/api/v1/areas", json!({ "siteId": site, "name": "Bar" })).await;
            let unit = owner.create_unit(site, "Unit").await;
            owner
                .set_unit_rule(
                    &unit,
                    json!({ "lowLimit": 0, "highLimit": 5, "confirmHighShutSecs": 0 }),
                )
                .await;
            let reading = json!({ "unitId": unit, "temperature": 30.0, "recordedAt": ago(1) });
            owner.ingest(json!([reading])).await;
            let alerts = owner.alerts_of(&unit).await;
            units.push((unit, id(&area), id(&alerts[0])));
        }
        let (link, token) = link(owner, &[&shown], ago(-3600)).await;
        let inspector = world.hub.api().with_token(&token);
        for list in ["sites", "areas", "units", "alerts"] {
            let seen = inspector.list(&format!("/api/v1/{list}")).await;
            assert_eq!(seen.len(), 1, "{list}: {seen:?}");
            let all = owner.list(&format!("/api/v1/{list}")).await;
            assert_eq!(all.len(), 2, "{list}");
        }
        let (unit, area, alert) = &units[0];
        let (other_unit, other_area, other_alert) = &units[1];
        for (path, good, foreign) in [
            ("sites/ID", &shown, &hidden),
            ("areas/ID", area, other_area),
            ("units/ID", unit, other_unit),
            ("units/ID/readings", unit, other_unit),
            ("alerts/ID", alert, other_alert),
        ] {
            let path = |id: &str| format!("/api/v1/{}", path.replace("ID", id));
            assert_eq!(inspector.get(&path(good)).await.status, 200, "{}", path(good));
            let mut answers = Vec::new();
            for id in [foreign, NONE] {
                let mut answer = inspector.get(&path(id)).await;
                answer.body["instance"] = json!(null);
                answers.push((answer.status, answer.body));
            }
            assert_eq!(answers[0].0, 404, "{}", path(foreign));
            assert_eq!(answers[0], answers[1], "{}", path(foreign));
        }
        for filter in ["units?siteId=", "areas?siteId=", "alerts?siteId="] {
            let path = format!("/api/v1/{filter}{hidden}");
            let answer = inspector.get(&path).await;
            let none = inspector.get(&format!("/api/v1/{filter}{NONE}")).await;
            assert_eq!((answer.status, &answer.body["items"]), (none.status, &none.body["items"]));
            assert!(answer.body["items"].as_array().is_none_or(Vec::is_empty), "{path}");
        }
        for refused in ["devices", "alert-rules", "members", "api-keys", "inspector-links"] {
            let answer = inspector.get(&format!("/api/v1/{refused}")).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (403, "forbidden"), "{refused}");
        }
        let write =
            inspector.post(&format!("/api/v1/alerts/{alert}/acknowledge"), &json!({})).await;
        assert_eq!(write.status, 403);
        let named = inspector.clone().with_organization(&world.made.organization_id);
        assert_eq!(named.get("/api/v1/sites").await.status, 200);
        let (theirs, _) = world.hub.owner("Theirs").await.unwrap();
        let named = inspector.clone().with_organization(&theirs.organization_id);
        assert_eq!(named.get("/api/v1/sites").await.status, 404);
        let path = format!("/api/v1/inspector-links/{link}");
        hub_testkit::wait::until("the use to be noted", Duration::from_secs(10), || async {
            let link = owner.read(&path).await;
            (!link["lastUsedAt"].is_null()).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_revoked_or_over_is_refused() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let site = world.owner.create_site("Kitchen").await;
        let (revoked, token) = link(&world.owner, &[&site], ago(-3600)).await;
        let inspector = world.hub.api().with_token(&token);
        assert_eq!(inspector.get("/api/v1/sites").await.status, 200);
        assert_eq!(
            delete(&world.owner, &format!("/api/v1/inspector-links/{revoked}")).await.status,
            204
        );
        let begun = Instant::now();
        let refused = hub_testkit::wait::until("a refusal", Duration::from_secs(5), || async {
            let answer = inspector.get("/api/v1/sites").await;
            (answer.status == 401).then_some(answer)
        });
        assert_eq!(refused.await.code(), "unauthorized");
        assert!(begun.elapsed() < Duration::from_secs(5));
        let read = world.owner.read(&format!("/api/v1/inspector-links/{revoked}")).await;
        assert!(!read["revokedAt"].is_null() && read.get("token").is_none(), "{read}");

        let (_, short) = link(&world.owner, &[&site], ago(-1)).await;
        let inspector = world.hub.api().with_token(&short);
        hub_testkit::wait::until("the link's end", Duration::from_secs(6), || async {
            (inspector.get("/api/v1/sites").await.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_asked_for_within_bounds_and_guessing_tires() {
    let world = World::begin(super::Backend::Sqlite).await;
    let site = world.owner.create_site("Kitchen").await;
    let (_, theirs) = world.hub.owner("Theirs").await.unwrap();
    let foreign = theirs.create_site("Elsewhere").await;
    let ask = async |sites: Vec<&str>, expires_at: String| {
        let asked = json!({ "name": "x", "siteIds": sites, "expiresAt": expires_at });
        let mut answer = world.owner.post("/api/v1/inspector-links", &asked).await;
        answer.body["instance"] = json!(null);
        answer
    };
    let soon = || ago(-60);
    let [unknown, others] =
        [ask(vec![&site, NONE], soon()).await, ask(vec![&site, &foreign], soon()).await];
    assert_eq!((unknown.status.as_u16(), &unknown.body), (404, &others.body));
    for (sites, until) in [
        (vec![], soon()),
        (vec![site.as_str(); 101], soon()),
        (vec![&site], ago(1)),
        (vec![&site], ago(-367 * 86_400)),
        (vec![&site], "tomorrow".to_owned()),
    ] {
        assert_eq!(ask(sites, until).await.status, 422);
    }
    let manager = world.member("manager").await;
    let refused = manager
        .api
        .post(
            "/api/v1/inspector-links",
            &json!({ "name": "x", "siteIds": [site], "expiresAt": soon() }),
        )
        .await;
    assert_eq!(refused.status, 403);
    let (id, _) = link(&world.owner, &[&site], soon()).await;
    let wrong = format!("fti_{}_{}", id.replace('-', ""), "A".repeat(43));
    let guesser = world.hub.api().with_token(&wrong);
    let mut seen = Vec::new();
    for _ in 0..40 {
        seen.push(guesser.get("/api/v1/sites").await.status.as_u16());
    }
    assert_eq!((seen[0], seen[39]), (401, 429), "{seen:?}");
    assert!(seen.iter().filter(|status| **status == 401).count() <= 30);
}
