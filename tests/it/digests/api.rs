//! Who may have digests, and what is refused.

use hub_testkit::{api::Api, hub::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;

const PATH: &str = "/api/v1/digests";

async fn member(world: &World, role: &str) -> Api {
    let email = format!("{role}@example.test");
    let (id, org) = (Uuid::now_v7().to_string(), &world.made.organization_id);
    let who = (id.as_str(), email.as_str(), role);
    world.rows.add_member(org, &world.made.email, who, role).await.unwrap();
    let asked = json!({ "email": email, "password": PASSWORD });
    let session = world.hub.api().post("/api/v1/auth/sign-in", &asked).await.expect(200);
    world.hub.api().with_token(session["token"].as_str().unwrap())
}

fn daily() -> Value {
    json!({ "rhythm": "daily", "at": "07:00", "timezone": "Europe/Berlin" })
}

fn with(more: &Value) -> Value {
    let mut asked = daily();
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

async fn edit(api: &Api, path: &str, tag: &str, body: &Value) -> hub_testkit::api::Answer {
    api.send(api.request(Method::PATCH, path).header("If-Match", tag).json(body)).await.unwrap()
}

async fn delete(api: &Api, path: &str) -> u16 {
    api.send(api.request(Method::DELETE, path)).await.unwrap().status.as_u16()
}

pub(super) async fn everybody_has_digests_of_their_own_and_admins_those_of_contacts(
    world: &mut World,
) {
    let (viewer, admin) = (member(world, "viewer").await, member(world, "admin").await);
    let contact = world.contact("Anna", "anna@example.org").await;
    let own = viewer.post(PATH, &daily()).await.expect(201);
    let me = viewer.read("/api/v1/me").await;
    assert_eq!((&own["userId"], &own["contactId"]), (&me["user"]["id"], &Value::Null));
    assert_eq!(
        (&own["at"], &own["siteIds"], &own["version"]),
        (&json!("07:00"), &json!([]), &json!(1))
    );
    let for_contact = with(&json!({ "contactId": contact }));
    assert_eq!(viewer.post(PATH, &for_contact).await.status, 403);
    let theirs = admin.post(PATH, &for_contact).await.expect(201);
    assert_eq!((&theirs["contactId"], &theirs["userId"]), (&json!(contact), &Value::Null));

    let path = |it: &Value| format!("{PATH}/{}", it["id"].as_str().unwrap());
    let weekly = json!({ "rhythm": "weekly", "weekday": 5 });
    assert_eq!(edit(&viewer, &path(&theirs), "*", &weekly).await.status, 403);
    assert_eq!(delete(&viewer, &path(&theirs)).await, 403);
    assert_eq!(edit(&viewer, &path(&own), "\"9\"", &weekly).await.status, 412);
    let edited = edit(&viewer, &path(&own), "\"1\"", &weekly).await.expect(200);
    assert_eq!(
        (&edited["rhythm"], &edited["weekday"], &edited["version"]),
        (&json!("weekly"), &json!(5), &json!(2))
    );
    assert_eq!(edited["at"], "07:00", "what is left out stays");
    let back = edit(&viewer, &path(&own), "*", &json!({ "rhythm": "daily" })).await.expect(200);
    assert_eq!(back["weekday"], Value::Null);
    assert_eq!(viewer.list(PATH).await.len(), 2);
    assert_eq!(delete(&viewer, &path(&own)).await, 204);
    assert_eq!(viewer.get(&path(&own)).await.status, 404);
    assert_eq!(viewer.list(&format!("{PATH}?deleted=true")).await.len(), 1);
    viewer.post(&format!("{}/restore", path(&own)), &json!({})).await.expect(200);
    assert_eq!(delete(&admin, &path(&own)).await, 204, "an admin ends those of others");
    assert_eq!(viewer.post(&format!("{}/purge", path(&own)), &json!({})).await.status, 204);

    let key = Uuid::now_v7().to_string();
    let ask =
        || admin.request(Method::POST, PATH).header("Idempotency-Key", &key).json(&for_contact);
    let first = admin.send(ask()).await.unwrap().expect(201);
    let again = admin.send(ask()).await.unwrap().expect(201);
    assert_eq!(first["id"], again["id"]);
}

pub(super) async fn what_is_wrong_is_named(world: &mut World) {
    let site = world.api.create_site("Quay").await;
    let phone = json!({ "name": "Ben", "phone": "+13125550102" });
    let phone = hub_testkit::api::id(&world.api.create("/api/v1/contacts", phone).await);
    let nobody = Uuid::now_v7().to_string();
    let cases = [
        (json!({ "rhythm": "hourly" }), 422, "/rhythm"),
        (json!({ "rhythm": "weekly" }), 422, "/weekday"),
        (json!({ "rhythm": "weekly", "weekday": 8 }), 422, "/weekday"),
        (json!({ "weekday": 1 }), 422, "/weekday"),
        (json!({ "at": "24:00" }), 422, "/at"),
        (json!({ "timezone": "Europe/Atlantis" }), 422, "/timezone"),
        (json!({ "siteIds": [site, site] }), 422, "/siteIds/1"),
        (json!({ "siteIds": [site, nobody] }), 404, "/siteIds/1"),
        (json!({ "siteIds": ["x"] }), 404, "/siteIds/0"),
        (json!({ "contactId": nobody }), 404, "/contactId"),
        (json!({ "contactId": phone }), 422, "/contactId"),
    ];
    for (wrong, status, pointer) in cases {
        let answer = world.api.post(PATH, &with(&wrong)).await;
        let errors = answer.expect(status);
        assert_eq!(errors["errors"][0]["pointer"], pointer, "{wrong}: {errors}");
    }
    assert!(world.api.list(PATH).await.is_empty());
    for _ in 0..10 {
        world.api.create(PATH, daily()).await;
    }
    let many = world.api.post(PATH, &daily()).await;
    assert_eq!(many.expect(422)["errors"][0]["code"], "too_many");
}
