use hub_testkit::{api::Api, hub::PASSWORD};
use reqwest::Method;
use serde_json::json;

use super::{World, accept, send, text};

const KINDS: [&str; 2] = ["password-reset-link", "email-verification-link"];

pub(crate) async fn a_link_to_an_account_takes_the_role_above_it(world: &World) {
    let mut people = Vec::new();
    for role in ["viewer", "staff", "manager", "admin"] {
        let (session, api) = world.member(&format!("{role}@example.test"), role).await;
        people.push((text(&session["user"], "id"), api));
    }
    let second = world.member("second@example.test", "admin").await.0;
    let (_, admin) = &people[3];
    for kind in KINDS {
        for (id, _) in &people[..3] {
            let made = admin.create(&format!("/api/v1/members/{id}/{kind}"), json!({})).await;
            assert!(text(&made, "link").ends_with(&text(&made, "token")));
        }
        for id in [&text(&second["user"], "id"), &world.made.user_id] {
            let answer = admin.post(&format!("/api/v1/members/{id}/{kind}"), &json!({})).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (403, "forbidden"));
        }
        let path = format!("/api/v1/members/{}/{kind}", text(&second["user"], "id"));
        world.owner.create(&path, json!({})).await;
        for (id, api) in &people[..3] {
            let answer = api.post(&format!("/api/v1/members/{id}/{kind}"), &json!({})).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (403, "forbidden"));
        }
    }
}

pub(crate) async fn an_account_shared_with_others_gets_no_link(world: &World) {
    let (other, _) = world.hub.owner("Another").await.unwrap();
    for kind in KINDS {
        for nobody in [&other.user_id, &uuid::Uuid::now_v7().to_string()] {
            let path = format!("/api/v1/members/{nobody}/{kind}");
            let answer = world.owner.post(&path, &json!({})).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "{nobody}");
        }
    }
    let (session, bob) = world.member("bob@example.test", "staff").await;
    let id = text(&session["user"], "id");
    let path = format!("/api/v1/members/{id}/password-reset-link");
    let before = text(&world.owner.create(&path, json!({})).await, "token");

    // Bob joins others: what was handed over before is worth nothing, and there is nothing more
    let theirs = world.hub.api().with_token(&other.token);
    let asked = json!({ "email": "bob@example.test", "role": "admin" });
    let token = text(&theirs.create("/api/v1/invitations", asked).await, "token");
    accept(&bob, &json!({ "token": token })).await.expect(200);
    let asked = json!({ "token": before, "password": "a quite different sentence" });
    let used = world.hub.api().post("/api/v1/auth/password-reset/complete", &asked).await;
    assert_eq!(used.code(), "bad_link");
    for kind in KINDS {
        let path = format!("/api/v1/members/{id}/{kind}");
        for api in [&world.owner, &theirs] {
            let answer = api.post(&path, &json!({})).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (409, "shared_account"));
        }
    }

    // nor to who runs the platform
    let (session, _) = world.member("carol@example.test", "staff").await;
    let path = format!("/api/v1/members/{}/password-reset-link", text(&session["user"], "id"));
    world.owner.create(&path, json!({})).await;
    world.admin(&["operator", "add", "carol@example.test"]).await;
    assert_eq!(world.owner.post(&path, &json!({})).await.code(), "shared_account");
}

/// Whether a link to set a password is good; it is used up.
async fn is_good(world: &World, token: &str) -> bool {
    let asked = json!({ "token": token, "password": "a quite different sentence" });
    let used = world.hub.api().post("/api/v1/auth/password-reset/complete", &asked).await;
    assert!(used.status == 204 || used.code() == "bad_link", "{}", used.body);
    used.status == 204
}

async fn set_role(api: &Api, id: &str, role: &str) {
    let path = format!("/api/v1/members/{id}");
    let request = api.request(Method::PATCH, &path).header("If-Match", "*");
    api.send(request.json(&json!({ "role": role }))).await.unwrap().expect(200);
}

pub(crate) async fn a_link_does_not_come_back_with_who_made_it_or_whom_it_is_for(world: &World) {
    let (admin_session, admin) = world.member("admin@example.test", "admin").await;
    let mut links = Vec::new();
    for name in ["here", "away"] {
        let (session, _) = world.member(&format!("{name}@example.test"), "staff").await;
        let id = text(&session["user"], "id");
        let path = format!("/api/v1/members/{id}/password-reset-link");
        links.push((id, text(&admin.create(&path, json!({})).await, "token")));
    }
    let [here, away] = &links[..] else { panic!("two links") };
    for (id, email, role) in [
        (&text(&admin_session["user"], "id"), "admin@example.test", "admin"),
        (&away.0, "away@example.test", "staff"),
    ] {
        let path = format!("/api/v1/members/{id}");
        assert_eq!(send(&world.owner, Method::DELETE, &path, None).await.status, 204);
        let again = json!({ "token": world.invite(email, role).await, "password": PASSWORD });
        accept(&world.hub.api(), &again).await.expect(200);
    }
    assert!(!is_good(world, &here.1).await, "of an admin who was out meanwhile");
    assert!(!is_good(world, &away.1).await, "to a member who was");
}

pub(crate) async fn a_link_dies_with_what_allowed_it(world: &World) {
    let (admin_session, admin) = world.member("admin@example.test", "admin").await;
    let mut links = Vec::new();
    for name in ["raised", "removed", "late", "same"] {
        let (session, _) = world.member(&format!("{name}@example.test"), "manager").await;
        let id = text(&session["user"], "id");
        let path = format!("/api/v1/members/{id}/password-reset-link");
        let by = if name == "same" { &world.owner } else { &admin };
        links.push((id, text(&by.create(&path, json!({})).await, "token")));
    }
    let [raised, removed, late, same] = &links[..] else { panic!("four links") };
    set_role(&world.owner, &raised.0, "owner").await;
    assert!(!is_good(world, &raised.1).await, "an admin's link opens no owner's account");
    let path = format!("/api/v1/members/{}", removed.0);
    assert_eq!(send(&world.owner, Method::DELETE, &path, None).await.status, 204);
    assert!(!is_good(world, &removed.1).await, "nor that of who is no colleague any more");
    set_role(&world.owner, &text(&admin_session["user"], "id"), "staff").await;
    assert!(!is_good(world, &late.1).await, "nor does who is no admin any more open any");
    assert!(is_good(world, &same.1).await);
}
