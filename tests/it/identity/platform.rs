use std::time::Duration;

use hub_testkit::{
    api::Api,
    hub::PASSWORD,
    socket::{Event, Socket},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{World, accept, send, sign_in, text};

const ORGANIZATIONS: &str = "/api/v1/platform/organizations";
const STAYS: &str = "/api/v1/platform/impersonations";
const EMAIL: &str = "root@example.test";

/// An operator, signed in.
async fn operator(world: &World) -> (Value, Api) {
    let printed = world.admin(&["operator", "add", EMAIL]).await;
    let printed: Value = serde_json::from_str(&printed).expect("a line of JSON");
    let password = text(&printed, "password");
    let session = sign_in(&world.hub.api(), EMAIL, &password).await.expect(200);
    let api = world.hub.api().with_token(text(&session, "token"));
    (session, api)
}

fn stay(organization: &str, role: &str) -> Value {
    json!({ "organizationId": organization, "role": role, "reason": "a call for help", "minutes": 5 })
}

pub(crate) async fn to_others_the_platform_is_not_there(world: &World) {
    let nobody = world.hub.api();
    for path in [ORGANIZATIONS, STAYS] {
        assert_eq!(nobody.get(path).await.status, 401);
        let get = world.owner.get(path).await;
        let post = world.owner.post(path, &stay(&world.made.organization_id, "admin")).await;
        for answer in [get, post] {
            assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"));
        }
    }
    let path = format!("{STAYS}/{}", uuid::Uuid::now_v7());
    assert_eq!(send(&world.owner, Method::DELETE, &path, None).await.status, 404);
}

pub(crate) async fn an_organization_is_made_with_its_owners_invitation(world: &World) {
    let (session, operator) = operator(world).await;
    assert_eq!(session["user"]["isOperator"], true);
    assert_eq!(session["organizations"], json!([]));
    let asked = json!({ "name": "Fresh", "ownerEmail": "Eve@Example.Test" });
    let made = operator.create(ORGANIZATIONS, asked).await;
    let token = text(&made["invitation"], "token");
    assert_eq!(
        made["invitation"]["link"],
        format!("https://hub.example.test/#/invitations/{token}")
    );
    let names: Vec<_> =
        operator.list(ORGANIZATIONS).await.iter().map(|one| text(one, "name")).collect();
    assert_eq!(names, ["Identity", "Fresh"]);
    let page = operator.read(&format!("{ORGANIZATIONS}?limit=1")).await;
    assert!(page["nextCursor"].is_string(), "{page}");
    let asked = json!({ "token": token, "password": PASSWORD });
    let accepted = accept(&world.hub.api(), &asked).await.expect(200);
    assert_eq!(accepted["organization"]["role"], "owner");
    for bad in [
        json!({ "name": "", "ownerEmail": "a@b" }),
        json!({ "name": "A", "ownerEmail": "nobody" }),
        json!({ "name": "A", "ownerEmail": "eve@example.test\u{200b}x" }),
    ] {
        assert_eq!(operator.post(ORGANIZATIONS, &bad).await.status, 422, "{bad}");
    }
}

pub(crate) async fn a_first_owners_invitation_is_renewed_until_somebody_is_in(world: &World) {
    let (session, operator) = operator(world).await;
    let made = operator
        .create(ORGANIZATIONS, json!({ "name": "Fresh", "ownerEmail": "eve@x.test" }))
        .await;
    let path = format!("{ORGANIZATIONS}/{}/owner-invitation", text(&made["organization"], "id"));
    assert_eq!(world.owner.post(&path, &json!({})).await.status, 404, "to others it is not there");
    let renewed = operator.post(&path, &json!({})).await.expect(200);
    let (before, now) = (text(&made["invitation"], "token"), text(&renewed, "token"));
    assert_eq!(renewed["id"], made["invitation"]["id"]);
    assert!(renewed["expiresAt"].as_str() > made["invitation"]["expiresAt"].as_str());
    assert!(text(&renewed, "link").ends_with(&now) && before != now);
    let accepted = |token: &str| json!({ "token": token, "password": PASSWORD });
    let api = world.hub.api();
    assert_eq!(accept(&api, &accepted(&before)).await.code(), "bad_link");
    let owner = accept(&api, &accepted(&now)).await.expect(200);
    let late = operator.post(&path, &json!({})).await;
    assert_eq!((late.status.as_u16(), late.code()), (409, "not_open"));
    let none = format!("{ORGANIZATIONS}/{}/owner-invitation", uuid::Uuid::now_v7());
    assert_eq!(operator.post(&none, &json!({})).await.status, 404);
    let owner = api.with_token(text(&owner["session"], "token"));
    let entry = &world.audited(&owner, "invitation.renewed").await[0];
    assert_eq!(entry["actor"]["id"], session["user"]["id"]);
}

pub(crate) async fn whoever_runs_the_hub_makes_a_link_for_an_owner(world: &World) {
    let email = world.made.email.to_uppercase();
    let arguments = ["reset-link", &email, "--public-url", "https://hub.example.test/"];
    let printed: Value = serde_json::from_str(&world.admin(&arguments).await).expect("JSON");
    assert_eq!(printed["email"], *world.made.email);
    let link = text(&printed, "link");
    let token = link.strip_prefix("https://hub.example.test/#/password-reset/").expect(&link);
    let asked = json!({ "token": token, "password": "a quite different sentence" });
    let api = world.hub.api();
    assert_eq!(api.post("/api/v1/auth/password-reset/complete", &asked).await.status, 204);
    let session = sign_in(&api, &world.made.email, "a quite different sentence").await.expect(200);
    let owner = api.with_token(text(&session, "token"));
    assert_eq!(world.audited(&owner, "user.password_reset_link_made").await.len(), 1);
}

pub(crate) async fn a_stay_is_on_record_and_ends(world: &World) {
    let (session, operator) = operator(world).await;
    let org = &world.made.organization_id;
    let there = operator.clone().with_organization(org);
    assert_eq!(there.get("/api/v1/sites").await.status, 404);
    for (field, bad) in [
        ("role", json!("owner")),
        ("role", json!("inspector")),
        ("minutes", json!(0)),
        ("minutes", json!(61)),
        ("reason", json!(" ")),
        ("organizationId", json!(uuid::Uuid::now_v7())),
    ] {
        let mut asked = stay(org, "admin");
        asked[field] = bad.clone();
        assert_eq!(operator.post(STAYS, &asked).await.status, 422, "{field} {bad}");
    }
    let begun = operator.create(STAYS, stay(org, "admin")).await;
    let again = operator.post(STAYS, &stay(org, "viewer")).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "taken"), "one at a time");
    there.create_site("Made by the operator").await;
    let path = format!("{STAYS}/{}", text(&begun, "id"));
    for _ in 0..2 {
        assert_eq!(send(&operator, Method::DELETE, &path, None).await.status, 204);
    }
    assert_eq!(there.get("/api/v1/sites").await.status, 404);
    let listed = operator.list(STAYS).await;
    assert!(listed.len() == 1 && listed[0]["endedAt"].is_string(), "{listed:?}");

    let entries = world.owner.list("/api/v1/audit").await;
    let of_stay: Vec<_> =
        entries.iter().filter(|entry| entry["impersonationId"] == begun["id"]).collect();
    let actions: Vec<_> = of_stay.iter().map(|entry| text(entry, "action")).collect();
    assert_eq!(actions, ["impersonation.ended", "site.created", "impersonation.began"]);
    assert_eq!(of_stay[2]["reason"], "a call for help");
    assert_eq!(of_stay[1]["actor"]["id"], session["user"]["id"]);
}

pub(crate) async fn what_is_done_to_alerts_in_a_stay_is_on_record_too(world: &World) {
    let (_, operator) = operator(world).await;
    let site = world.owner.create_site("Kitchen").await;
    let unit = world.owner.create_unit(&site, "Walk-in").await;
    let rule = json!({ "highLimit": 8, "lowLimit": 2, "confirmHighShutSecs": 60 });
    world.owner.set_unit_rule(&unit, rule).await;
    let at = |secs| chrono::Utc::now() - chrono::TimeDelta::seconds(secs);
    let reading = |secs, temperature: f64| {
        let at = at(secs).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        json!({ "unitId": unit, "temperature": temperature, "recordedAt": at, "doorOpen": false })
    };
    world.owner.ingest(json!([reading(190, 9.5), reading(100, 11.0)])).await;
    world.owner.wait_for_status(&unit, "alarm_active", Duration::from_secs(5)).await;
    let alert = text(&world.owner.alerts_of(&unit).await[0], "id");
    let begun = operator.create(STAYS, stay(&world.made.organization_id, "staff")).await;
    let there = operator.with_organization(&world.made.organization_id);
    let path = format!("/api/v1/alerts/{alert}/acknowledge");
    there.post(&path, &json!({})).await.expect(200);
    let entry = &world.audited(&world.owner, "alert.acknowledged").await[0];
    assert_eq!(entry["impersonationId"], begun["id"], "{entry}");
}

pub(crate) async fn a_stay_is_in_one_organization_with_its_role_alone(world: &World) {
    let (_, operator) = operator(world).await;
    let (other, _) = world.hub.owner("Another").await.unwrap();
    operator.create(STAYS, stay(&world.made.organization_id, "viewer")).await;
    let here = operator.clone().with_organization(&world.made.organization_id);
    assert_eq!(here.get("/api/v1/sites").await.status, 200);
    let made = here.post("/api/v1/sites", &json!({ "name": "Mine" })).await;
    assert_eq!((made.status.as_u16(), made.code()), (403, "forbidden"));
    let there = operator.clone().with_organization(&other.organization_id);
    assert_eq!(there.get("/api/v1/sites").await.status, 404);
    assert_eq!(operator.get("/api/v1/sites").await.code(), "no_organization", "it has to be named");
}

pub(crate) async fn a_stay_that_ends_closes_what_sockets_hear(world: &World) {
    let (session, operator) = operator(world).await;
    let org = &world.made.organization_id;
    let begun = operator.create(STAYS, stay(org, "viewer")).await;
    let token = text(&session, "token");
    let mut socket = Socket::connect(&world.hub.socket_url(), &token).await.unwrap();
    let snapshot = socket.subscribe(&format!("org:{org}")).await.unwrap();
    assert!(snapshot.to_string().contains("Identity"), "{snapshot}");
    let path = format!("{STAYS}/{}", text(&begun, "id"));
    assert_eq!(send(&operator, Method::DELETE, &path, None).await.status, 204);
    let event = socket.next_within(Duration::from_secs(1)).await.unwrap();
    assert!(format!("{event:?}").to_lowercase().contains("unsubscribe"), "{event:?}");
    socket.subscribe(&format!("org:{org}")).await.unwrap_err();
}

pub(crate) async fn an_operator_who_is_none_any_more_is_out(world: &World) {
    let (_, operator) = operator(world).await;
    let there = operator.clone().with_organization(&world.made.organization_id);
    operator.create(STAYS, stay(&world.made.organization_id, "admin")).await;
    there.create_site("Made by the operator").await;
    world.admin(&["operator", "remove", EMAIL]).await;
    assert_eq!(operator.get(STAYS).await.status, 404);
    assert_eq!(there.get("/api/v1/sites").await.status, 404);
    assert_eq!(world.audited(&world.owner, "impersonation.ended").await.len(), 1);
}

pub(crate) async fn sockets_hear_nothing_of_a_stay_that_ended_by_itself(world: &World) {
    let (session, operator) = operator(world).await;
    let org = &world.made.organization_id;
    let begun = operator.create(STAYS, stay(org, "viewer")).await;
    let token = text(&session, "token");
    let mut socket = Socket::connect(&world.hub.socket_url(), &token).await.unwrap();
    socket.subscribe(&format!("org:{org}")).await.unwrap();
    // nobody waits for a minute: its end is brought forward, past the hub
    let ends_at = (chrono::Utc::now() + chrono::TimeDelta::seconds(2)).timestamp_millis();
    world.write(&format!("UPDATE impersonations SET ends_at = {ends_at}")).await;
    is_ended(&mut socket, Duration::from_secs(4)).await;
    assert!(chrono::Utc::now().timestamp_millis() >= ends_at, "not before its end");
    socket.subscribe(&format!("org:{org}")).await.unwrap_err();
    let there = operator.clone().with_organization(org);
    assert_eq!(there.get("/api/v1/sites").await.status, 404);
    hub_testkit::wait::until("the end to be on record", Duration::from_secs(10), || async {
        let ended = world.audited(&world.owner, "impersonation.ended").await;
        (ended.len() == 1 && ended[0]["impersonationId"] == begun["id"]).then_some(())
    })
    .await;
}

pub(crate) async fn sockets_of_who_is_no_operator_any_more_hear_nothing(world: &World) {
    let (session, operator) = operator(world).await;
    let org = &world.made.organization_id;
    operator.create(STAYS, stay(org, "admin")).await;
    let token = text(&session, "token");
    let mut socket = Socket::connect(&world.hub.socket_url(), &token).await.unwrap();
    socket.subscribe(&format!("org:{org}")).await.unwrap();
    world.admin(&["operator", "remove", EMAIL]).await;
    is_ended(&mut socket, Duration::from_secs(1)).await;
    socket.subscribe(&format!("org:{org}")).await.unwrap_err();
}

/// Waits until a subscription is ended for good.
async fn is_ended(socket: &mut Socket, within: Duration) {
    let begun = std::time::Instant::now();
    loop {
        let left = within.checked_sub(begun.elapsed()).expect("it is ended in time");
        match socket.next_within(left).await.expect("it is ended in time") {
            Event::Other(push) if push["push"].get("unsubscribe").is_some() => {
                assert_eq!(push["push"]["unsubscribe"]["code"], 2000, "{push}");
                return;
            }
            Event::Closed(code) => panic!("closed with {code}"),
            Event::Publication(_) | Event::Other(_) => {}
        }
    }
}

pub(crate) async fn who_was_an_operator_lets_no_first_owner_in(world: &World) {
    let (_, operator) = operator(world).await;
    let asked = json!({ "name": "Fresh", "ownerEmail": "eve@example.test" });
    let made = operator.create(ORGANIZATIONS, asked).await;
    world.admin(&["operator", "remove", EMAIL]).await;
    let asked = json!({ "token": text(&made["invitation"], "token"), "password": PASSWORD });
    assert_eq!(accept(&world.hub.api(), &asked).await.code(), "bad_link");
    world.admin(&["operator", "add", EMAIL]).await;
    accept(&world.hub.api(), &asked).await.expect(200);
}

pub(crate) async fn a_stay_lets_nobody_in_who_would_outlive_it(world: &World) {
    let (session, operator) = operator(world).await;
    let org = &world.made.organization_id;
    let begun = operator.create(STAYS, stay(org, "admin")).await;
    let there = operator.clone().with_organization(org);
    let site = there.create_site("Kitchen").await;
    let invitation = json!({ "email": EMAIL, "role": "manager" });
    let in_a_day = (chrono::Utc::now() + chrono::TimeDelta::days(1)).to_rfc3339();
    let inspector = json!({ "name": "Me", "siteIds": [site], "expiresAt": in_a_day });
    let member = format!("/api/v1/members/{}", world.made.user_id);
    for (path, asked) in [
        ("/api/v1/contacts".to_owned(), json!({ "name": "Me", "email": EMAIL })),
        ("/api/v1/invitations".to_owned(), invitation.clone()),
        ("/api/v1/inspector-links".to_owned(), inspector),
        (format!("{member}/password-reset-link"), json!({})),
        ("/api/v1/api-keys".to_owned(), json!({ "name": "Mine" })),
    ] {
        let answer = there.post(&path, &asked).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "not_while_visiting"), "{path}");
    }
    for (method, path) in [
        (Method::DELETE, member.as_str()),
        (Method::DELETE, &format!("/api/v1/organizations/{org}")),
        (Method::GET, "/api/v1/api-keys"),
    ] {
        let answer = send(&there, method, path, None).await;
        assert_eq!(answer.code(), "not_while_visiting", "{path}");
    }
    // what a member lets them do is on record as done in the stay
    let token = text(&world.owner.create("/api/v1/invitations", invitation).await, "token");
    accept(&operator, &json!({ "token": token })).await.expect(200);
    for action in ["invitation.accepted", "membership.created"] {
        let entry = &world.audited(&world.owner, action).await[0];
        assert_eq!(entry["actor"]["id"], session["user"]["id"]);
        assert_eq!(entry["impersonationId"], begun["id"], "{entry}");
    }
}
