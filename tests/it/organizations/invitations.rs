use hub_testkit::api::id;
use serde_json::json;

use super::{BACKENDS, PASSWORD, World, delete, set_role, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lives_from_its_link_to_its_acceptance() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let (owner, admin) = (&world.owner, world.member("admin").await);
        let asked = json!({ "email": "Ada@Example.test", "role": "staff" });
        let made = admin.api.create("/api/v1/invitations", asked.clone()).await;
        let path = format!("/api/v1/invitations/{}", id(&made));
        assert_eq!((&made["email"], &made["status"]), (&json!("ada@example.test"), &json!("open")));
        let token = text(&made["token"]).to_owned();
        assert_eq!(text(&made["link"]), format!("{}/#/invitations/{token}", world.hub.url()));
        let read = owner.read(&path).await;
        assert!(read.get("token").is_none() && read.get("link").is_none(), "shown once: {read}");
        assert!(
            !owner.list("/api/v1/invitations").await.iter().any(|one| one.get("token").is_some())
        );
        let again = owner.post("/api/v1/invitations", &asked).await;
        assert_eq!((again.status.as_u16(), again.code()), (409, "taken"));
        for role in ["admin", "owner"] {
            let high = json!({ "email": "eve@example.test", "role": role });
            assert_eq!(admin.api.post("/api/v1/invitations", &high).await.status, 403, "{role}");
        }
        for bad in [
            json!({ "email": "no address", "role": "staff" }),
            json!({ "email": "a@b@c", "role": "staff" }),
            json!({ "email": "ad\u{200b}a@example.test", "role": "staff" }),
            json!({ "email": "\u{430}da@example.test", "role": "staff" }),
            json!({ "email": "eve@example.test", "role": "inspector" }),
            json!({ "email": "eve@example.test", "role": "staff", "invitedBy": world.made.user_id }),
        ] {
            assert_eq!(owner.post("/api/v1/invitations", &bad).await.status, 422, "{bad}");
        }
        assert_eq!(
            owner
                .post("/api/v1/invitations", &json!({ "email": admin.email, "role": "staff" }))
                .await
                .code(),
            "taken"
        );

        let renewed = admin.api.post(&format!("{path}/link"), &json!(null)).await.expect(200);
        let accept = |token: &str| json!({ "token": token, "name": "Ada", "password": PASSWORD });
        let old = world.hub.api().post("/api/v1/auth/accept-invitation", &accept(&token)).await;
        assert_eq!(old.status, 401, "the older link is dead");
        let ada = world.accept("ada@example.test", text(&renewed["token"])).await;
        assert_eq!(ada.api.read("/api/v1/me").await["organizations"][0]["role"], "staff");
        let accepted = owner.read(&path).await;
        assert_eq!(
            (&accepted["status"], &accepted["acceptedBy"]),
            (&json!("accepted"), &json!(ada.id))
        );
        for late in [
            admin.api.post(&format!("{path}/link"), &json!(null)).await,
            delete(&admin.api, &path).await,
        ] {
            assert_eq!((late.status.as_u16(), late.code()), (409, "not_open"));
        }
        assert_eq!(owner.list("/api/v1/invitations?status=open").await.len(), 0);
        assert_eq!(owner.list("/api/v1/invitations?status=accepted").await.len(), 2);

        let second = json!({ "email": "bob@example.test", "role": "viewer" });
        let second = owner.create("/api/v1/invitations", second).await;
        let path = format!("/api/v1/invitations/{}", id(&second));
        assert_eq!(delete(owner, &path).await.status, 204);
        assert_eq!(delete(owner, &path).await.status, 204);
        let gone = accept(text(&second["token"]));
        let gone = world.hub.api().post("/api/v1/auth/accept-invitation", &gone).await;
        assert_eq!(gone.status, 401, "a revoked one is refused");
        assert_eq!(ada.api.get("/api/v1/invitations").await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_sent_twice_is_made_once_and_its_token_shown_once() {
    let world = World::begin(super::Backend::Sqlite).await;
    let body = json!({ "email": "ada@example.test", "role": "staff" });
    let ask = async || {
        let owner = &world.owner;
        let request = owner.request(reqwest::Method::POST, "/api/v1/invitations").json(&body);
        owner.send(request.header("Idempotency-Key", "once")).await.unwrap()
    };
    let (first, again) = (ask().await.expect(201), ask().await.expect(201));
    assert_eq!(first["id"], again["id"]);
    assert!(first.get("token").is_some() && again.get("token").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_by_who_may_not_let_them_in_any_more() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let (second, admin) = (world.member("owner").await, world.member("admin").await);
        let invite = async |api: &hub_testkit::api::Api, name: &str, role: &str| {
            let email = format!("{name}@example.test");
            let asked = json!({ "email": email, "role": role });
            let made = api.create("/api/v1/invitations", asked).await;
            (format!("/api/v1/invitations/{}", id(&made)), text(&made["token"]).to_owned())
        };
        let high = invite(&second.api, "high", "owner").await;
        let low = invite(&second.api, "low", "staff").await;
        let own = invite(&admin.api, "own", "manager").await;
        let accept = async |token: &str| {
            let asked = json!({ "token": token, "name": "Alt", "password": PASSWORD });
            world.hub.api().post("/api/v1/auth/accept-invitation", &asked).await
        };

        assert_eq!(set_role(&world.owner, &second.id, "admin").await.status, 200);
        let removed = delete(&world.owner, &format!("/api/v1/members/{}", admin.id)).await;
        assert_eq!(removed.status, 204);
        for (path, token) in [&high, &own] {
            assert_eq!(accept(token).await.code(), "bad_link");
            assert_eq!(world.owner.read(path).await["status"], "revoked");
        }
        assert_eq!(accept(&low.1).await.status, 200, "an admin invites to staff as well");
        let entries = world.owner.list("/api/v1/audit").await;
        let revoked: Vec<_> =
            entries.iter().filter(|entry| entry["action"] == "invitation.revoked").collect();
        assert_eq!(revoked.len(), 2);
        for entry in revoked {
            assert_eq!(entry["actor"]["id"], *world.made.user_id);
            assert!(entry["before"]["revokedAt"].is_null() && entry["after"]["revokedAt"].is_i64());
        }
        // whoever leaves takes what they invited to with them
        let last = invite(&second.api, "last", "viewer").await;
        assert_eq!(delete(&second.api, "/api/v1/members/me").await.status, 204);
        assert_eq!(accept(&last.1).await.code(), "bad_link");
    }
}
