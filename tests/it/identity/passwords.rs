use std::time::{Duration, Instant};

use hub_testkit::{hub::PASSWORD, socket::Socket};
use serde_json::json;

use super::{World, accept, refresh, sign_in, text};

const NEXT: &str = "a quite different sentence";

pub(crate) async fn a_changed_password_ends_every_other_session(world: &World) {
    let api = world.hub.api();
    let (here, there) = (world.sign_in().await, world.sign_in().await);
    let own = api.clone().with_token(text(&here, "token"));
    let change = |current: &str, new: &str| {
        let (own, asked) = (own.clone(), json!({ "current": current, "new": new }));
        async move { own.post("/api/v1/me/password", &asked).await }
    };
    assert_eq!(change("wrong", NEXT).await.code(), "wrong_password");
    for easy in ["short", "aaaaaaaaaaaaaaaaaa", &world.made.email, &"ab3d5f".repeat(171)] {
        let answer = change(PASSWORD, easy).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
            (422, &json!("/new"))
        );
    }
    let mut sockets = Vec::new();
    for session in [&here, &there] {
        let token = text(session, "token");
        sockets.push(Socket::connect(&world.hub.socket_url(), &token).await.unwrap());
    }
    let session = change(PASSWORD, NEXT).await.expect(200);
    for old in [&here, &there] {
        assert_eq!(refresh(&api, &text(old, "refreshToken")).await.code(), "session_over");
        let answer = api.clone().with_token(text(old, "token")).get("/api/v1/me").await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "token_expired"));
        is_refused_a_socket(world, &text(old, "token")).await;
    }
    for mut socket in sockets {
        let code = socket.closed(Duration::from_secs(1)).await.expect("it is closed");
        assert_eq!(code, 3005, "whoever has another token comes back with it");
    }
    let owner = api.clone().with_token(text(&session, "token"));
    Socket::connect(&world.hub.socket_url(), &text(&session, "token")).await.unwrap();
    refresh(&api, &text(&session, "refreshToken")).await.expect(200);
    assert_eq!(sign_in(&api, &world.made.email, PASSWORD).await.code(), "bad_credentials");
    sign_in(&api, &world.made.email, NEXT).await.expect(200);
    let entries = world.audited(&owner, "user.password_changed").await;
    assert_eq!(entries.len(), 1);
    assert!(!entries[0].to_string().contains("argon2"), "{}", entries[0]);
}

async fn is_refused_a_socket(world: &World, token: &str) {
    let mut socket = Socket::open(&world.hub.socket_url()).await.unwrap();
    let reply = socket.command("connect", json!({ "token": token })).await.unwrap();
    assert_eq!(reply["error"]["code"], 109, "{reply}");
}

pub(crate) async fn a_link_sets_a_password_once_and_ends_every_session(world: &World) {
    let api = world.hub.api();
    let (session, _) = world.member("bob@example.test", "staff").await;
    let path = format!("/api/v1/members/{}/password-reset-link", text(&session["user"], "id"));
    let made = world.owner.create(&path, json!({})).await;
    let token = text(&made, "token");
    assert_eq!(made["link"], format!("https://hub.example.test/#/password-reset/{token}"));
    let complete = |token: &str, password: &str| {
        let (api, asked) = (api.clone(), json!({ "token": token, "password": password }));
        async move { api.post("/api/v1/auth/password-reset/complete", &asked).await }
    };
    for bad in
        ["", "x", &text(&session, "refreshToken"), &format!("{}x", &token[..token.len() - 1])]
    {
        let answer = complete(bad, NEXT).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "bad_link"), "{bad}");
    }
    assert_eq!(complete(&token, "too short").await.status, 422, "which uses nothing up");
    let verified = api.post("/api/v1/auth/verify-email", &json!({ "token": token })).await;
    assert_eq!(verified.code(), "bad_link", "a link is for one purpose");
    let mut socket =
        Socket::connect(&world.hub.socket_url(), &text(&session, "token")).await.unwrap();
    let mut won = 0;
    let asked = (0..10).map(|n| tokio::spawn(complete(&token, &format!("{NEXT} {n}"))));
    for answer in asked.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        match answer.status.as_u16() {
            204 => won += 1,
            // ten passwords are hashed at once at most
            status => assert!(answer.code() == "bad_link" || status == 429, "{}", answer.body),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(complete(&token, NEXT).await.code(), "bad_link");
    let answer = api.clone().with_token(text(&session, "token")).get("/api/v1/me").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, "token_expired"));
    assert_eq!(socket.closed(Duration::from_secs(1)).await.expect("it is closed"), 3005);
    assert_eq!(refresh(&api, &text(&session, "refreshToken")).await.code(), "session_over");
    assert_eq!(sign_in(&api, "bob@example.test", PASSWORD).await.code(), "bad_credentials");
    assert_eq!(world.audited(&world.owner, "user.password_reset_link_made").await.len(), 1);
    assert_eq!(world.audited(&world.owner, "user.password_reset").await.len(), 1);
}

pub(crate) async fn a_changed_password_leaves_no_link_to_set_another(world: &World) {
    let api = world.hub.api();
    let (session, bob) = world.member("bob@example.test", "staff").await;
    let path = format!("/api/v1/members/{}/password-reset-link", text(&session["user"], "id"));
    let token = text(&world.owner.create(&path, json!({})).await, "token");
    let asked = json!({ "current": PASSWORD, "new": NEXT });
    bob.post("/api/v1/me/password", &asked).await.expect(200);
    let asked = json!({ "token": token, "password": PASSWORD });
    let reset = api.post("/api/v1/auth/password-reset/complete", &asked).await;
    assert_eq!(reset.code(), "bad_link");
}

/// Half of these took longer.
fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_refusal_takes_does_not_say_whose_address_it_is() {
    let world = World::on_sqlite().await;
    let api = world.hub.api();
    let by_issuer = api.clone().with_token(world.issuer.proven("bob", "bob@example.test"));
    let token = world.invite("bob@example.test", "staff").await;
    accept(&by_issuer, &json!({ "token": token })).await.expect(200);
    // nobody, somebody with another password, somebody with none
    let emails = ["nobody@example.test", &world.made.email, "bob@example.test"];
    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..9 {
        for (email, took) in emails.iter().zip(&mut took) {
            let begun = Instant::now();
            let answer = sign_in(&api, email, "not it").await;
            took.push(begun.elapsed());
            assert_eq!((answer.status.as_u16(), answer.code()), (401, "bad_credentials"));
        }
    }
    // a hash takes ten times as long as all the rest of an answer, and this machine does other things too
    let medians = took.map(median);
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most < *least * 3, "{emails:?} took {medians:?}");
}

pub(crate) async fn a_forgotten_password_is_answered_alike_for_everybody(world: &World) {
    let api = world.hub.api();
    let ask = |email: String| {
        let api = api.clone();
        async move {
            let begun = Instant::now();
            let asked = json!({ "email": email });
            let answer = api.post("/api/v1/auth/password-reset", &asked).await;
            (answer.status.as_u16(), answer.body, begun.elapsed())
        }
    };
    let mut slowest = Duration::ZERO;
    for email in
        [world.made.email.clone(), "nobody@example.test".to_owned(), "no address".to_owned()]
    {
        let (status, body, took) = ask(email).await;
        assert_eq!((status, body), (202, json!(null)));
        slowest = slowest.max(took);
    }
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(ask("nobody@example.test".to_owned()).await.0);
    }
    assert_eq!(
        statuses,
        [202, 202, 202, 202, 429, 429, 429, 429],
        "an address that is nobody's tires too"
    );
}

pub(crate) async fn an_address_is_proven_by_a_link_once(world: &World) {
    let api = world.hub.api();
    let (session, bob) = world.member("bob@example.test", "staff").await;
    assert_eq!(bob.post("/api/v1/me/email-verification", &json!({})).await.status, 202);
    let path = format!("/api/v1/members/{}/email-verification-link", text(&session["user"], "id"));
    let token = text(&world.owner.create(&path, json!({})).await, "token");
    let asked = json!({ "token": token });
    assert_eq!(api.post("/api/v1/auth/verify-email", &asked).await.status, 204);
    assert_eq!(api.post("/api/v1/auth/verify-email", &asked).await.code(), "bad_link");
    assert_eq!(bob.read("/api/v1/me").await["user"]["emailVerified"], true);
    assert_eq!(world.audited(&world.owner, "user.email_verified").await.len(), 1);
}
