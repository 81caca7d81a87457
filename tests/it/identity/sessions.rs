use std::{collections::HashSet, time::Duration};

use hub_testkit::{hub::PASSWORD, socket::Socket};
use reqwest::Method;
use serde_json::json;

use super::{World, accept, refresh, send, sign_in, text};

pub(crate) async fn a_token_renews_a_session_once(world: &World) {
    let api = world.hub.api();
    let mut session = world.sign_in().await;
    assert_eq!(session["tokenType"], "Bearer");
    assert!(session["refreshExpiresAt"].as_str() > session["expiresAt"].as_str());
    let mut seen = HashSet::new();
    for _ in 0..5 {
        let token = text(&session, "refreshToken");
        assert!(seen.insert(token.clone()), "each is another");
        session = refresh(&api, &token).await.expect(200);
        assert_eq!(session["user"]["email"], *world.made.email);
        world.hub.api().with_token(text(&session, "token")).read("/api/v1/me").await;
    }
    for bad in
        ["", "x", &text(&session, "token"), &text(&session, "refreshToken").replace('_', "-")]
    {
        let answer = refresh(&api, bad).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "session_over"), "{bad}");
    }
    let bearer = world.hub.api().with_token(text(&session, "token"));
    assert_eq!(
        bearer.post("/api/v1/auth/refresh", &json!({})).await.status,
        422,
        "an access token renews nothing"
    );
}

pub(crate) async fn a_token_used_twice_ends_the_session(world: &World) {
    let api = world.hub.api();
    let (first, other) = (world.sign_in().await, world.sign_in().await);
    let stolen = text(&first, "refreshToken");
    let next = text(&refresh(&api, &stolen).await.expect(200), "refreshToken");
    // at the same moment it may be a second tab: it is refused, and the session goes on
    assert_eq!(refresh(&api, &stolen).await.code(), "session_over");
    let next = text(&refresh(&api, &next).await.expect(200), "refreshToken");
    // later on it is theft
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    let token = text(&first, "token");
    let mut socket = Socket::connect(&world.hub.socket_url(), &token).await.unwrap();
    assert_eq!(refresh(&api, &stolen).await.code(), "session_over");
    let answer = api.clone().with_token(token).get("/api/v1/me").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, "token_expired"));
    assert_eq!(socket.closed(Duration::from_secs(1)).await.expect("it is closed"), 3005);
    assert_eq!(refresh(&api, &next).await.code(), "session_over", "nor does its holder go on");
    let other = refresh(&api, &text(&other, "refreshToken")).await.expect(200);
    let owner = api.clone().with_token(text(&other, "token"));
    assert_eq!(world.audited(&owner, "user.session_stolen").await.len(), 1);
}

pub(crate) async fn junk_of_one_address_stops_nobodys_good_token(world: &World) {
    let api = world.hub.api();
    let session = world.sign_in().await;
    let (bob, _) = world.member("bob@example.test", "staff").await;
    let mut links = Vec::new();
    for kind in ["password-reset-link", "email-verification-link"] {
        let path = format!("/api/v1/members/{}/{kind}", text(&bob["user"], "id"));
        links.push(text(&world.owner.create(&path, json!({})).await, "token"));
    }
    let invitation = world.invite("carol@example.test", "staff").await;
    let junk = text(&session, "refreshToken").replace('_', "_x");
    let mut statuses = Vec::new();
    for _ in 0..64 {
        statuses.push(refresh(&api, &junk[..junk.len() - 1]).await.status.as_u16());
    }
    assert_eq!(statuses, [[401; 60].as_slice(), &[429; 4]].concat());
    for path in ["verify-email", "accept-invitation"] {
        let answer = api.post(&format!("/api/v1/auth/{path}"), &json!({ "token": junk })).await;
        assert_eq!(answer.status, 429, "{path}");
    }

    refresh(&api, &text(&session, "refreshToken")).await.expect(200);
    let verified = json!({ "token": links[1] });
    assert_eq!(api.post("/api/v1/auth/verify-email", &verified).await.status, 204);
    let reset = json!({ "token": links[0], "password": "a quite different sentence" });
    assert_eq!(api.post("/api/v1/auth/password-reset/complete", &reset).await.status, 204);
    let accepted = json!({ "token": invitation, "password": PASSWORD });
    accept(&api, &accepted).await.expect(200);
}

pub(crate) async fn of_twenty_renewals_at_once_one_wins(world: &World) {
    let api = world.hub.api();
    for _ in 0..3 {
        let token = text(&world.sign_in().await, "refreshToken");
        let asked = (0..20).map(|_| {
            let (api, token) = (api.clone(), token.clone());
            tokio::spawn(async move { refresh(&api, &token).await })
        });
        let mut won = Vec::new();
        for answer in asked.collect::<Vec<_>>() {
            let answer = answer.await.unwrap();
            match answer.status.as_u16() {
                200 => won.push(text(&answer.body, "refreshToken")),
                status => assert_eq!((status, answer.code()), (401, "session_over")),
            }
        }
        assert_eq!(won.len(), 1);
        refresh(&api, &won[0]).await.expect(200);
    }
}

pub(crate) async fn a_session_ends_when_its_owner_signs_out(world: &World) {
    let api = world.hub.api();
    let (first, other) = (world.sign_in().await, world.sign_in().await);
    let next = refresh(&api, &text(&first, "refreshToken")).await.expect(200);
    // any token of the session will do, the used one too
    for _ in 0..2 {
        let asked = json!({ "refreshToken": first["refreshToken"] });
        assert_eq!(api.post("/api/v1/auth/sign-out", &asked).await.status, 204);
    }
    assert_eq!(refresh(&api, &text(&next, "refreshToken")).await.code(), "session_over");
    refresh(&api, &text(&other, "refreshToken")).await.expect(200);
    let nonsense = json!({ "refreshToken": "nonsense" });
    assert_eq!(api.post("/api/v1/auth/sign-out", &nonsense).await.status, 204);
}

pub(crate) async fn who_one_is_says_what_guards_the_account(world: &World) {
    let me = world.owner.read("/api/v1/me").await;
    assert_eq!(me["user"]["emailVerified"], false);
    assert_eq!((&me["user"]["totp"], &me["user"]["isOperator"]), (&json!(false), &json!(false)));
    assert_eq!(me["organizations"][0]["role"], "owner");
    let asked = json!({ "name": "Ada Lovelace" });
    let edited = send(&world.owner, Method::PATCH, "/api/v1/me", Some(&asked)).await.expect(200);
    assert_eq!(edited["user"]["name"], "Ada Lovelace");
    for bad in
        [json!({ "name": "" }), json!({ "email": "b@example.test" }), json!({ "name": "a\u{0}" })]
    {
        let answer = send(&world.owner, Method::PATCH, "/api/v1/me", Some(&bad)).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
    let entry = &world.audited(&world.owner, "user.updated").await[0];
    assert_eq!(entry["after"]["name"], "Ada Lovelace");
    assert_eq!(sign_in(&world.hub.api(), &world.made.email, PASSWORD).await.status, 200);
}
