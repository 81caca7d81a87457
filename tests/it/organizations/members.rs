use hub_testkit::api::Api;
use reqwest::Method;
use serde_json::{Value, json};

use super::{BACKENDS, NONE, World, delete, patch, set_role, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_changed_holds_for_the_very_next_request() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let (admin, staff) = (world.member("admin").await, world.member("staff").await);
        assert_eq!(staff.api.post("/api/v1/sites", &json!({ "name": "A" })).await.status, 403);
        // an admin reaches up to manager, and no further
        let raised = set_role(&admin.api, &staff.id, "manager").await;
        assert_eq!(raised.headers["etag"], "\"2\"", "{}", raised.body);
        assert_eq!(raised.body["role"], "manager");
        for (member, role) in [
            (&staff.id, "admin"),
            (&staff.id, "owner"),
            (&admin.id, "owner"),
            (&world.made.user_id, "staff"),
        ] {
            let refused = set_role(&admin.api, member, role).await;
            assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{role}");
        }
        let refused = delete(&admin.api, &format!("/api/v1/members/{}", world.made.user_id)).await;
        assert_eq!(refused.status, 403);
        let unheard = set_role(&staff.api, &staff.id, "owner").await;
        assert_eq!(unheard.status, 403, "nobody raises themselves");
        assert_eq!(set_role(&admin.api, NONE, "staff").await.status, 404);
        let inspector = set_role(&admin.api, &staff.id, "inspector").await;
        assert_eq!((inspector.status.as_u16(), inspector.code()), (422, "invalid"));

        assert_eq!(set_role(&world.owner, &staff.id, "admin").await.status, 200);
        assert_eq!(staff.api.post("/api/v1/sites", &json!({ "name": "A" })).await.status, 201);
        assert_eq!(set_role(&world.owner, &staff.id, "viewer").await.status, 200);
        assert_eq!(staff.api.post("/api/v1/sites", &json!({ "name": "B" })).await.status, 403);

        let path = format!("/api/v1/members/{}", staff.id);
        let bare = world.owner.request(Method::PATCH, &path).json(&json!({ "role": "staff" }));
        assert_eq!(world.owner.send(bare).await.unwrap().code(), "edition_required");
        let old = world.owner.request(Method::PATCH, &path).header("If-Match", "\"1\"");
        let old = world.owner.send(old.json(&json!({ "role": "staff" }))).await.unwrap();
        assert_eq!((old.status.as_u16(), old.code()), (412, "stale"));
        let strange = patch(&world.owner, &path, json!({ "role": "staff", "orgId": NONE })).await;
        assert_eq!(strange.status, 422);
        assert_eq!(world.seen(&staff.id).await["role"], "viewer");

        assert_eq!(delete(&admin.api, &path).await.status, 204);
        assert_eq!(staff.api.get("/api/v1/sites").await.code(), "no_organization");
        assert_eq!(world.owner.get(&path).await.status, 404);
        assert_eq!(delete(&admin.api, "/api/v1/members/me").await.status, 204);
        assert_eq!(admin.api.get("/api/v1/sites").await.code(), "no_organization");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_shown_to_who_edits_members_and_to_oneself() {
    let world = World::begin(super::Backend::Sqlite).await;
    let (admin, viewer) = (world.member("admin").await, world.member("viewer").await);
    let seen = viewer.api.list("/api/v1/members").await;
    assert_eq!(seen.len(), 3);
    for member in &seen {
        let is_own = member["id"] == *viewer.id;
        let email = if is_own { json!(viewer.email) } else { Value::Null };
        assert_eq!(member["email"], email, "{member}");
        assert_eq!(member["emailVerified"].is_null(), !is_own);
    }
    let seen = admin.api.list("/api/v1/members").await;
    assert!(seen.iter().all(|member| text(&member["email"]).ends_with("@example.test")));
    let (_, theirs) = world.hub.owner("Theirs").await.unwrap();
    let path = format!("/api/v1/members/{}", viewer.id);
    assert_eq!(theirs.get(&path).await.status, 404);
    assert_eq!(delete(&theirs, &path).await.status, 404);
    assert_eq!(set_role(&theirs, &viewer.id, "staff").await.status, 404);
    assert_eq!(world.seen(&viewer.id).await["role"], "viewer");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_leave_at_once_one_stays() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let mut owner = world.owner.clone();
        for round in 0..5 {
            let other = world.member_by(&owner, "owner").await;
            let leave = |api: &Api| {
                let api = api.clone();
                tokio::spawn(async move { delete(&api, "/api/v1/members/me").await })
            };
            let (first, second) = (leave(&owner), leave(&other.api));
            let (first, second) = (first.await.unwrap(), second.await.unwrap());
            let mut codes = [&first, &second].map(|one| (one.status.as_u16(), one.code()));
            codes.sort_unstable();
            assert_eq!(codes, [(204, ""), (409, "last_owner")], "{backend:?}, round {round}");
            owner = if first.status == 204 { other.api } else { owner };
            let members = owner.list("/api/v1/members").await;
            assert_eq!(members.len(), 1, "{backend:?}: {members:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_demote_each_other_at_once_one_is_left() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let other = world.member("owner").await;
        let alone = |owner: &Value| owner["role"] == "owner";
        let mut tries = Vec::new();
        for turn in 0..20 {
            let by = if turn % 2 == 0 { world.owner.clone() } else { other.api.clone() };
            let whom = if turn % 4 < 2 { other.id.clone() } else { world.made.user_id.clone() };
            tries.push(tokio::spawn(async move { set_role(&by, &whom, "manager").await }));
        }
        for one in tries {
            let answer = one.await.unwrap();
            let status = answer.status.as_u16();
            assert!([200, 403, 409].contains(&status), "{status} {}", answer.body);
        }
        let seen = other.api.list("/api/v1/members").await;
        assert_eq!(seen.iter().filter(|one| alone(one)).count(), 1, "{backend:?}: {seen:?}");
        let is_first = seen.iter().any(|one| alone(one) && one["id"] == *world.made.user_id);
        let last = if is_first { &world.owner } else { &other.api };
        for refused in [
            delete(last, "/api/v1/members/me").await,
            set_role(last, if is_first { &world.made.user_id } else { &other.id }, "admin").await,
        ] {
            assert_eq!((refused.status.as_u16(), refused.code()), (409, "last_owner"));
        }
    }
}
