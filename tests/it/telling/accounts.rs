//! Mails of accounts: invitations, and links that set a password or prove an address.

use std::time::{Duration, Instant};

use hub_testkit::{
    api::{Answer, Api, id},
    hub::PASSWORD,
    mail_sink::{Deed, Mail, Stage},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{SOON, World};
use crate::identity::{accept, sign_in, text};

const NEXT: &str = "another horse battery staple";

/// Waits for the `count`th mail to an address.
async fn until_mail(world: &World, to: &str, count: usize, within: Duration) -> Mail {
    let begun = Instant::now();
    loop {
        let mails = world.mail.messages().into_iter();
        if let Some(mail) = mails.filter(|mail| mail.to == [to]).nth(count - 1) {
            return mail;
        }
        if begun.elapsed() > within {
            panic!("no mail to {to}: {:#?}", world.table("account_mails", "state, reason").await);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The path of the page of a mail's link.
const PAGE: &str = "/api/mail/account/";

/// The token in a mail's link, which its page has, too; such a mail cannot be unsubscribed from.
fn token(mail: &Mail) -> String {
    let text = mail.text().unwrap();
    let at = text.find(PAGE).unwrap_or_else(|| panic!("no link: {text}")) + PAGE.len();
    let token = text[at..].split_whitespace().next().unwrap().to_owned();
    assert!(mail.html().unwrap().contains(&token));
    assert!(mail.header("List-Unsubscribe").is_none());
    token
}

async fn invite(world: &World, email: &str) -> Value {
    let asked = json!({ "email": email, "role": "staff" });
    let made = world.api.create("/api/v1/invitations", asked).await;
    assert!(made.get("token").is_none() && made.get("link").is_none(), "{made}");
    made
}

/// Waits until the mail of an invitation has ended so; gives its reason.
async fn until_state(world: &World, invitation: &Value, state: &str) -> Value {
    let path = format!("/api/v1/invitations/{}", id(invitation));
    let begun = Instant::now();
    loop {
        let now = world.api.read(&path).await;
        if now["mail"]["state"] == state {
            let listed = world.api.list("/api/v1/invitations").await;
            let listed = listed.iter().find(|one| one["id"] == now["id"]).unwrap();
            assert_eq!(listed["mail"], now["mail"]);
            return now["mail"]["reason"].clone();
        }
        assert!(begun.elapsed() < SOON, "{now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Somebody new, by the mail that invited them.
async fn member(world: &World, email: &str) -> (Value, Api) {
    invite(world, email).await;
    let token = token(&until_mail(world, email, 1, SOON).await);
    let asked = json!({ "token": token, "password": PASSWORD });
    let session = accept(&world.hub.api(), &asked).await.expect(200)["session"].take();
    let api = world.hub.api().with_token(text(&session, "token"));
    (session["user"].clone(), api)
}

async fn ask_for_reset(world: &World, email: &str) -> Answer {
    world.hub.api().post("/api/v1/auth/password-reset", &json!({ "email": email })).await
}

async fn set_password(world: &World, token: &str, password: &str) -> Answer {
    let asked = json!({ "token": token, "password": password });
    world.hub.api().post("/api/v1/auth/password-reset/complete", &asked).await
}

pub(super) async fn an_invitation_comes_by_mail_and_its_end_is_known(world: &World) {
    let made = invite(world, "bob@example.org").await;
    let mail = until_mail(world, "bob@example.org", 1, SOON).await;
    assert!(mail.subject().unwrap().contains("Telling"), "{:?}", mail.subject());
    assert_eq!(until_state(world, &made, "sent").await, Value::Null);
    let by_mail = token(&mail);
    let asked = json!({ "token": by_mail, "password": PASSWORD });
    accept(&world.hub.api(), &asked).await.expect(200);
    assert_eq!(accept(&world.hub.api(), &asked).await.code(), "bad_link", "once");

    // an address that the server does not take: the admin sees it, and hands a link over
    world.mail.refuse_next(550);
    let made = invite(world, "nobody@example.org").await;
    let reason = until_state(world, &made, "failed").await;
    assert!(reason.as_str().unwrap().contains("550"), "{reason}");
    let path = format!("/api/v1/invitations/{}/link", id(&made));
    let fresh = world.api.post(&path, &Value::Null).await.expect(200);
    let asked = json!({ "token": text(&fresh, "token"), "password": PASSWORD });
    accept(&world.hub.api(), &asked).await.expect(200);

    // one that is taken back before its mail is sent is not sent. A try that had begun finds the server away, too
    world.mail.go_away();
    let made = invite(world, "carol@example.org").await;
    let path = format!("/api/v1/invitations/{}", id(&made));
    let revoke = world.api.request(Method::DELETE, &path);
    world.api.send(revoke).await.unwrap().expect(204);
    let reason = until_state(world, &made, "superseded").await;
    assert!(reason.as_str().unwrap().contains("taken back"), "{reason}");
    world.mail.come_back();
    invite(world, "dave@example.org").await;
    until_mail(world, "dave@example.org", 1, SOON).await;
    assert!(world.mail.messages().iter().all(|mail| mail.to != ["carol@example.org"]));
}

/// The page of a link, whatever it says.
async fn page(world: &World, method: Method, token: &str, body: &str) -> (u16, String) {
    let api = world.hub.api();
    let request = api.request(method, &format!("{PAGE}{token}")).body(body.to_owned());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = api.send(request).await.unwrap();
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8", "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    (answer.status.as_u16(), answer.body.as_str().unwrap().to_owned())
}

/// Whoever has a browser and nothing else comes in, proves the address and sets a password by the pages of links.
pub(super) async fn links_of_accounts_work_in_a_browser(world: &World) {
    let api = world.hub.api();
    invite(world, "bob@example.org").await;
    let invited = token(&until_mail(world, "bob@example.org", 1, SOON).await);
    for _ in 0..2 {
        let (status, shown) = page(world, Method::GET, &invited, "").await;
        assert!(status == 200 && shown.contains("Join Telling?"), "{shown}");
        assert!(shown.contains("name=\"name\"") && shown.contains("bob@example.org"), "{shown}");
    }
    let (_, shown) = page(world, Method::POST, &invited, "name=Bob&password=short").await;
    assert!(shown.contains("Nothing was changed") && shown.contains("<form"), "{shown}");
    assert_eq!(sign_in(&api, "bob@example.org", "short").await.status, 401);
    let filled = "name=Bob+B%C3%A4r&password=correct+horse+battery+staple";
    let (status, shown) = page(world, Method::POST, &invited, filled).await;
    assert!(status == 200 && shown.contains("You are in") && !shown.contains("<form"), "{shown}");
    assert_eq!(page(world, Method::POST, &invited, filled).await.0, 404, "once");
    let session = sign_in(&api, "bob@example.org", PASSWORD).await.expect(200);
    assert_eq!(session["user"]["name"], "Bob B\u{e4}r");
    let bob = api.clone().with_token(text(&session, "token"));

    bob.post("/api/v1/me/email-verification", &Value::Null).await.expect(202);
    let proves = token(&until_mail(world, "bob@example.org", 2, SOON).await);
    assert!(page(world, Method::GET, &proves, "").await.1.contains("Confirm bob@example.org"));
    assert_eq!(
        bob.read("/api/v1/me").await["user"]["emailVerified"],
        false,
        "to look is not to prove"
    );
    assert!(page(world, Method::POST, &proves, "confirm=yes").await.1.contains("is confirmed"));
    assert_eq!(bob.read("/api/v1/me").await["user"]["emailVerified"], true);

    ask_for_reset(world, "bob@example.org").await.expect(202);
    let sets = token(&until_mail(world, "bob@example.org", 3, SOON).await);
    assert!(page(world, Method::GET, &sets, "").await.1.contains("Set a new password"));
    assert!(page(world, Method::POST, &sets, "password=").await.1.contains("Nothing was changed"));
    let filled = "password=another+horse+battery+staple";
    assert!(page(world, Method::POST, &sets, filled).await.1.contains("The password is set"));
    sign_in(&api, "bob@example.org", NEXT).await.expect(200);
    let unknown = page(world, Method::GET, &sets, "").await;
    assert_eq!((unknown.0, &unknown), (404, &page(world, Method::GET, "x", "").await));

    // somebody who has an account shows that it is theirs
    world
        .api
        .create("/api/v1/invitations", json!({ "email": "dora@example.org", "role": "staff" }))
        .await;
    let first = token(&until_mail(world, "dora@example.org", 1, SOON).await);
    let asked = json!({ "token": first, "password": PASSWORD });
    let session = accept(&api, &asked).await.expect(200)["session"].take();
    let path = format!("/api/v1/members/{}", text(&session["user"], "id"));
    let out = world.api.request(Method::DELETE, &path).header("If-Match", "*");
    world.api.send(out).await.unwrap().expect(204);
    invite(world, "dora@example.org").await;
    let again = token(&until_mail(world, "dora@example.org", 2, SOON).await);
    assert!(page(world, Method::GET, &again, "").await.1.contains("has an account here already"));
    let (_, shown) = page(world, Method::POST, &again, "password=wrong").await;
    assert!(shown.contains("that is not the password"), "{shown}");
    let filled = "password=correct+horse+battery+staple&totp=";
    let (_, shown) = page(world, Method::POST, &again, filled).await;
    assert!(shown.contains("You are in"), "{shown}");
}

/// Who runs the platform invites an organization's first owner, and does not see the link either.
pub(super) async fn a_first_owner_is_invited_by_mail(world: &World) {
    let printed = world.admin(&["operator", "add", "root@example.org"]).await;
    let printed: Value = serde_json::from_str(&printed).expect("a line of JSON");
    let session = sign_in(&world.hub.api(), "root@example.org", &text(&printed, "password")).await;
    let operator = world.hub.api().with_token(text(&session.expect(200), "token"));
    let asked = json!({ "name": "Harbour", "ownerEmail": "first@example.org" });
    let made = operator.create("/api/v1/platform/organizations", asked).await;
    assert!(made["invitation"].get("token").is_none(), "{made}");
    let mail = until_mail(world, "first@example.org", 1, SOON).await;
    let asked = json!({ "token": token(&mail), "password": PASSWORD });
    let accepted = accept(&world.hub.api(), &asked).await.expect(200);
    assert_eq!(accepted["organization"]["role"], "owner", "{accepted}");
}

/// The server takes a mail and its answer is lost: it comes again with the same link, which works.
pub(super) async fn a_mail_that_may_have_arrived_has_the_link_of_the_next(world: &World) {
    world.mail.fault(Stage::Content, Deed::Cut, 1);
    let made = invite(world, "bob@example.org").await;
    let first = until_mail(world, "bob@example.org", 1, SOON).await;
    let second = until_mail(world, "bob@example.org", 2, Duration::from_secs(100)).await;
    assert_eq!(token(&first), token(&second));
    assert_eq!(first.header("Message-ID"), second.header("Message-ID"), "it is one mail");
    until_state(world, &made, "sent").await;
    let asked = json!({ "token": token(&first), "password": PASSWORD });
    accept(&world.hub.api(), &asked).await.expect(200);
}

pub(super) async fn a_forgotten_password_is_set_by_a_mail_alone(world: &World) {
    let (_, bob) = member(world, "bob@example.org").await;
    world.mail.forget();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        for (email, took) in [("Bob@example.org", &mut known), ("nobody@example.org", &mut unknown)]
        {
            let begun = Instant::now();
            let answer = ask_for_reset(world, email).await;
            took.push(begun.elapsed());
            assert_eq!((answer.status.as_u16(), &answer.body), (202, &Value::Null), "{email}");
        }
    }
    let median = |took: &mut Vec<Duration>| {
        took.sort_unstable();
        took[took.len() / 2]
    };
    let (known, unknown) = (median(&mut known), median(&mut unknown));
    assert!(known < unknown * 4 && unknown < known * 4, "{known:?} and {unknown:?}");
    let mails = async |count| until_mail(world, "bob@example.org", count, SOON).await;
    let (first, last) = (mails(1).await, mails(4).await);
    let (first, last) = (token(&first), token(&last));
    assert_ne!(first, last);
    // each that arrived works, until one of them was used
    set_password(world, "x", NEXT).await.expect(401);
    set_password(world, &first, NEXT).await.expect(204);
    for used in [&first, &last] {
        assert_eq!(set_password(world, used, PASSWORD).await.code(), "bad_link");
    }
    assert_eq!(bob.get("/api/v1/me").await.status, 401, "their sessions are over");
    sign_in(&world.hub.api(), "bob@example.org", NEXT).await.expect(200);
    // nobody's address got no mail, and is not kept
    assert!(world.mail.messages().iter().all(|mail| mail.to == ["bob@example.org"]));
    let rows = world.table("account_mails", "state, reason, email").await;
    let of_nobody = rows.iter().filter(|row| row[1].as_deref() == Some("nobody has the address"));
    assert_eq!(of_nobody.count(), 4, "{rows:#?}");
    let is_over = |row: &Vec<Option<String>>| row[0].as_deref() != Some("queued");
    assert!(rows.iter().all(|row| is_over(row) && row[2].is_none()), "{rows:#?}");
    // the fifth and the sixth of either
    for email in ["bob@example.org", "nobody@example.org"] {
        ask_for_reset(world, email).await.expect(202);
        assert_eq!(ask_for_reset(world, email).await.status, 429, "{email}");
    }
}

/// The mail server is away and the queue loses the job: the mail is sent all the same.
pub(super) async fn a_mail_of_an_account_is_not_lost(world: &World) {
    member(world, "bob@example.org").await;
    world.mail.forget();
    world.mail.go_away();
    ask_for_reset(world, "bob@example.org").await.expect(202);
    let jobs = if world.is_postgres() { "apalis.jobs" } else { "Jobs" };
    world.run(&format!("DELETE FROM {jobs} WHERE job_type = 'send_email'")).await;
    world.mail.come_back();
    let mail = until_mail(world, "bob@example.org", 1, Duration::from_secs(120)).await;
    set_password(world, &token(&mail), NEXT).await.expect(204);
}

pub(super) async fn a_colleague_has_a_link_mailed_and_does_not_see_it(world: &World) {
    let (user, bob) = member(world, "bob@example.org").await;
    world.mail.forget();
    let path = |kind: &str| format!("/api/v1/members/{}/{kind}", id(&user));
    let made = world.api.create(&path("password-reset-link"), json!({})).await;
    assert_eq!(made, json!({ "isMailed": true }));
    let mail = until_mail(world, "bob@example.org", 1, SOON).await;
    set_password(world, &token(&mail), NEXT).await.expect(204);
    let entries = world.api.list("/api/v1/audit").await;
    let mailed = entries.iter().filter(|entry| entry["action"] == "user.password_reset_mailed");
    assert_eq!(mailed.count(), 1);

    let session = sign_in(&world.hub.api(), "bob@example.org", NEXT).await.expect(200);
    let bob = bob.with_token(text(&session, "token"));
    assert_eq!(bob.read("/api/v1/me").await["user"]["emailVerified"], false);
    bob.post("/api/v1/me/email-verification", &Value::Null).await.expect(202);
    let mail = until_mail(world, "bob@example.org", 2, SOON).await;
    let asked = json!({ "token": token(&mail) });
    world.hub.api().post("/api/v1/auth/verify-email", &asked).await.expect(204);
    assert_eq!(bob.read("/api/v1/me").await["user"]["emailVerified"], true);
    // there is no more to prove
    let made = world.api.create(&path("email-verification-link"), json!({})).await;
    assert_eq!(made["isMailed"], true);
    let begun = Instant::now();
    loop {
        let rows = world.table("account_mails", "reason").await;
        if rows.iter().any(|row| row[0].as_deref() == Some("the address is proven")) {
            break;
        }
        assert!(begun.elapsed() < SOON, "{rows:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.mail.messages().len(), 2);
}
