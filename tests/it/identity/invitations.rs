use hub_testkit::{api::Api, hub::PASSWORD};
use serde_json::json;

use super::{World, accept, issuer::NAME, sign_in, text};

const BOB: &str = "bob@example.test";

pub(crate) async fn somebody_new_accepts_and_is_signed_in(world: &World) {
    let api = world.hub.api();
    let token = world.invite("Bob@Example.Test", "manager").await;
    let without = accept(&api, &json!({ "token": token })).await;
    assert_eq!(
        (without.status.as_u16(), &without.body["errors"][0]["pointer"]),
        (422, &json!("/password"))
    );
    assert_eq!(accept(&api, &json!({ "token": token, "password": "too short" })).await.status, 422);
    for bad in ["", "x", &format!("{}x", &token[..token.len() - 1])] {
        let answer = accept(&api, &json!({ "token": bad, "password": PASSWORD })).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "bad_link"), "{bad}");
    }
    let asked = json!({ "token": token, "name": "Bob", "password": PASSWORD });
    let accepted = accept(&api, &asked).await.expect(200);
    let place = json!({ "id": world.made.organization_id, "name": "Identity", "role": "manager" });
    assert_eq!(accepted["organization"], place);
    let session = &accepted["session"];
    assert_eq!((&session["user"]["email"], &session["user"]["name"]), (&json!(BOB), &json!("Bob")));
    let bob = api.clone().with_token(text(session, "token"));
    assert_eq!(bob.read("/api/v1/me").await["organizations"], json!([place]));
    assert_eq!(accept(&api, &asked).await.code(), "bad_link", "a link is good once");
    sign_in(&api, BOB, PASSWORD).await.expect(200);
    let entry = &world.audited(&world.owner, "invitation.accepted").await[0];
    assert_eq!(entry["after"]["acceptedBy"], session["user"]["id"]);
    assert!(entry["after"].get("secretHash").is_none(), "{entry}");
    assert_eq!(world.audited(&world.owner, "membership.created").await.len(), 1);
}

pub(crate) async fn an_invitation_is_accepted_once_by_ten_at_once(world: &World) {
    let api = world.hub.api();
    let token = world.invite(BOB, "staff").await;
    let tries = (0..10).map(|_| {
        let (api, asked) = (api.clone(), json!({ "token": token, "password": PASSWORD }));
        tokio::spawn(async move { accept(&api, &asked).await })
    });
    let mut won = 0;
    for answer in tries.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        match answer.status.as_u16() {
            200 => won += 1,
            _ => {
                assert!(["bad_link", "account_exists"].contains(&answer.code()), "{}", answer.body)
            }
        }
    }
    assert_eq!(won, 1);
    let people = world.owner.list("/api/v1/members").await;
    assert_eq!(people.len(), 2, "the owner and Bob: {people:?}");
}

pub(crate) async fn somebody_with_an_account_proves_it(world: &World) {
    let api = world.hub.api();
    let (other, _) = world.hub.owner("Another").await.unwrap();
    let token = world.invite(&other.email, "staff").await;
    let without = accept(&api, &json!({ "token": token })).await;
    assert_eq!((without.status.as_u16(), without.code()), (409, "account_exists"));
    let wrong = accept(&api, &json!({ "token": token, "password": "wrong" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (401, "bad_credentials"));
    let asked = json!({ "token": token, "password": PASSWORD });
    let accepted = accept(&api, &asked).await.expect(200);
    assert_eq!(accepted["session"]["user"]["id"], *other.user_id);
    assert_eq!(accepted["session"]["organizations"].as_array().unwrap().len(), 2);

    // signed in, no password is needed, and the place is theirs whatever address was written down
    let token = world.invite("carol@example.test", "viewer").await;
    let third = world.hub.bootstrap("A third").await.unwrap();
    let signed_in = api.clone().with_token(&third.token);
    let accepted = accept(&signed_in, &json!({ "token": token })).await.expect(200);
    assert_eq!(
        (&accepted["session"], &accepted["organization"]["role"]),
        (&json!(null), &json!("viewer"))
    );
    let placed = &world.audited(&world.owner, "membership.created").await[0];
    assert_eq!(placed["after"]["email"], *third.email, "who came, not who was meant: {placed}");
    let token = world.invite("dave@example.test", "admin").await;
    let twice = accept(&signed_in, &json!({ "token": token })).await;
    assert_eq!((twice.status.as_u16(), twice.code()), (409, "taken"), "a member has a place");
    let forged =
        accept(&api.with_token("eyJhbGciOiJub25lIn0.e30."), &json!({ "token": token })).await;
    assert_eq!((forged.status.as_u16(), forged.code()), (401, "unauthorized"));
}

pub(crate) async fn somebody_whom_an_issuer_knows_gets_an_account(world: &World) {
    let signed_in =
        world.hub.api().with_token(world.issuer.proven("subject-1", "Bob@Example.Test"));
    assert_eq!(signed_in.get("/api/v1/me").await.code(), "no_account");
    let token = world.invite(BOB, "staff").await;
    let asked = json!({ "token": token, "name": "Bob" });
    let accepted = accept(&signed_in, &asked).await.expect(200);
    assert_eq!(accepted["session"], json!(null), "the issuer's session goes on");
    let me = signed_in.read("/api/v1/me").await;
    assert_eq!(
        (&me["user"]["email"], &me["organizations"][0]["role"]),
        (&json!(BOB), &json!("staff"))
    );
    assert_eq!((&me["user"]["issuer"], &me["user"]["emailVerified"]), (&json!(NAME), &json!(true)));
    assert_eq!(world.owner.read("/api/v1/me").await["user"]["issuer"], json!(null));
    let another = world.hub.api().with_token(world.issuer.token("subject-2"));
    assert_eq!(another.get("/api/v1/me").await.code(), "no_account");
    assert_eq!(accept(&another, &asked).await.code(), "bad_link");
    // there is no password to sign in with here
    assert_eq!(sign_in(&world.hub.api(), BOB, "").await.code(), "bad_credentials");
}

pub(crate) async fn an_issuer_with_two_names_is_one(world: &World) {
    let by = |token| world.hub.api().with_token(token);
    let one = by(world.issuer.proven("subject-1", BOB));
    let other = by(world.issuer.proven_by_alias("subject-1", BOB));
    let token = world.invite(BOB, "staff").await;
    accept(&one, &json!({ "token": token })).await.expect(200);
    let me = one.read("/api/v1/me").await;
    assert_eq!((other.read("/api/v1/me").await, &me["user"]["issuer"]), (me.clone(), &json!(NAME)));
    // made by its second name, it is known by its first
    let carol = "carol@example.test";
    let token = world.invite(carol, "staff").await;
    let alias = by(world.issuer.proven_by_alias("subject-2", carol));
    accept(&alias, &json!({ "token": token })).await.expect(200);
    let me = by(world.issuer.token("subject-2")).read("/api/v1/me").await;
    assert_eq!((&me["user"]["email"], &me["user"]["issuer"]), (&json!(carol), &json!(NAME)));
}

pub(crate) async fn an_account_that_is_here_is_tied_to_an_issuer_by_its_owner(world: &World) {
    let (session, bob) = world.member(BOB, "staff").await;
    let (_, carol) = world.member("carol@example.test", "staff").await;
    let tie = async |api: &Api, token: &str, password: &str| {
        let asked = json!({ "token": token, "password": password });
        api.post("/api/v1/me/issuer", &asked).await
    };
    let good = world.issuer.proven("subject-1", "Bob@Example.Test");
    assert_eq!(tie(&bob, &good, "wrong").await.code(), "wrong_password");
    let of_none = super::issuer::Issuer::start().await.proven("subject-1", BOB);
    for bad in ["junk", &text(&session, "token"), &of_none] {
        let answer = tie(&bob, bad, PASSWORD).await;
        let pointer = &answer.body["errors"][0]["pointer"];
        assert_eq!((answer.status.as_u16(), pointer), (422, &json!("/token")), "{bad}");
    }
    for unproven in [
        world.issuer.token("subject-1"),
        world.issuer.proven("subject-1", "mallory@example.test"),
        world.issuer.token_with("subject-1", json!({ "email": BOB, "email_verified": false })),
    ] {
        let answer = tie(&bob, &unproven, PASSWORD).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "unproven_address"));
    }
    let by_issuer = world.hub.api().with_token(&good);
    assert_eq!(by_issuer.get("/api/v1/me").await.code(), "no_account");

    let me = tie(&bob, &good, PASSWORD).await.expect(200);
    assert_eq!((&me["user"]["issuer"], &me["user"]["emailVerified"]), (&json!(NAME), &json!(true)));
    assert_eq!(by_issuer.read("/api/v1/me").await["user"]["id"], session["user"]["id"]);
    let other = world.issuer.proven("subject-2", BOB);
    let theirs = world.issuer.proven("subject-1", "carol@example.test");
    for (api, token) in [(&bob, &good), (&bob, &other), (&carol, &theirs)] {
        let answer = tie(api, token, PASSWORD).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (409, "taken"));
    }
    let entries = world.audited(&world.owner, "user.issuer_tied").await;
    assert_eq!((entries.len(), &entries[0]["after"]["issuer"]), (1, &json!(NAME)));
}

pub(crate) async fn an_issuers_stranger_takes_no_account_that_is_there(world: &World) {
    let (other, _) = world.hub.owner("Another").await.unwrap();
    let token = world.invite(&other.email, "staff").await;
    let stranger = world.issuer.proven("stranger", &other.email);
    let stranger = world.hub.api().with_token(stranger);
    assert_eq!(accept(&stranger, &json!({ "token": token })).await.code(), "account_exists");
    let wrong = json!({ "token": token, "password": "wrong" });
    assert_eq!(accept(&stranger, &wrong).await.code(), "bad_credentials");
    assert_eq!(stranger.get("/api/v1/me").await.code(), "no_account");
    // its owner ties the two by the password
    accept(&stranger, &json!({ "token": token, "password": PASSWORD })).await.expect(200);
    assert_eq!(stranger.read("/api/v1/me").await["user"]["id"], *other.user_id);
}

pub(crate) async fn an_issuers_token_takes_no_address_that_it_does_not_prove(world: &World) {
    let api = world.hub.api();
    let (other, _) = world.hub.owner("Another").await.unwrap();
    let fresh = world.invite(BOB, "staff").await;
    let known = world.invite(&other.email, "staff").await;
    for claims in [
        json!({}),
        json!({ "email": BOB }),
        json!({ "email_verified": true }),
        json!({ "email": BOB, "email_verified": false }),
        json!({ "email": BOB, "email_verified": "true" }),
        json!({ "email": "mallory@example.test", "email_verified": true }),
        json!({ "email": format!("{BOB} "), "email_verified": true }),
    ] {
        let mallory = api.clone().with_token(world.issuer.token_with("mallory", claims.clone()));
        for token in [&fresh, &known] {
            // nor is an account that is there tied to the subject, by whoever knows its password
            let answer = accept(&mallory, &json!({ "token": token, "password": PASSWORD })).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (403, "unproven_address"),
                "{claims}"
            );
        }
        assert_eq!(mallory.get("/api/v1/me").await.code(), "no_account");
    }
    let kim = world.invite("kim@example.test", "staff").await;
    let kelvin = world.issuer.proven("mallory", "\u{212a}im@example.test");
    let answer = accept(&api.clone().with_token(kelvin), &json!({ "token": kim })).await;
    assert_eq!(answer.code(), "unproven_address", "one that becomes another's lower-cased");
    accept(&api, &json!({ "token": fresh, "password": PASSWORD })).await.expect(200);
    accept(&api, &json!({ "token": known, "password": PASSWORD })).await.expect(200);
}
