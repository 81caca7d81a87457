use std::sync::Arc;

use freshtrack_hub::{auth::Passwords, clock::SystemClock};
use hub_store::{OpenOptions, Store, records::Role};
use hub_testkit::{
    api::Api,
    hub::{HubProcess, PASSWORD},
};
use serde_json::{Value, json};

/// Somebody new in the organization, made in the running hub's own database, so that they can be taken out there, too:
/// past the hub, which has to find out.
async fn member(
    hub: &HubProcess,
    store: &Store,
    organization: &str,
    role: Role,
) -> (Api, hub_domain::UserId) {
    let email = format!("{}@example.test", role.name());
    let hash = Passwords::new(1).hash(PASSWORD.to_owned()).await.expect("it is hashed");
    let user =
        store.create_user(&email, role.name(), Some(&hash)).await.expect("the address is free");
    store
        .set_membership(organization.parse().expect("an id"), user.id, role)
        .await
        .expect("it is stored");
    let asked = json!({ "email": email, "password": PASSWORD });
    let signed_in = hub.api().post("/api/v1/auth/sign-in", &asked).await.expect(200);
    (hub.api().with_token(signed_in["token"].as_str().expect("a token")), user.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_the_matrix_says_and_a_removed_member_nothing() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).start().await.unwrap();
    let (made, owner) = hub.owner("Edge").await.unwrap();
    let url = format!("sqlite://{}", hub.data().join("hub.db").display());
    let store = Store::open(OpenOptions { url, max_connections: 2, clock: Arc::new(SystemClock) })
        .await
        .unwrap();
    let site = owner.create_site("Kitchen").await;
    let unit = owner.create_unit(&site, "Unit").await;
    let none = "019a0000-0000-7000-8000-000000000001";
    let deeds: [(String, Value, Role); 8] = [
        (format!("/api/v1/alerts/{none}/acknowledge"), json!({}), Role::Staff),
        (format!("/api/v1/alerts/{none}/resolve"), json!({}), Role::Manager),
        (
            "/api/v1/alert-rules".into(),
            json!({ "scope": "unit", "scopeId": unit, "rule": { "highLimit": 8 } }),
            Role::Manager,
        ),
        (
            "/api/v1/alert-rules".into(),
            json!({ "scope": "organization", "rule": { "highLimit": 8 } }),
            Role::Admin,
        ),
        ("/api/v1/sites".into(), json!({ "name": "Bar" }), Role::Admin),
        ("/api/v1/units".into(), json!({ "siteId": site, "name": "Other" }), Role::Admin),
        ("/api/v1/devices".into(), json!({ "name": "Sensor" }), Role::Admin),
        ("/api/v1/api-keys".into(), json!({ "name": "Key" }), Role::Admin),
    ];
    for role in [Role::Viewer, Role::Staff, Role::Manager, Role::Admin] {
        let (api, user) = member(&hub, &store, &made.organization_id, role).await;
        assert_eq!(api.live(&unit).await["link"], "never_seen", "{role:?} may look");
        for (path, body, takes) in &deeds {
            let answer = api.post(path, body).await;
            assert_eq!(
                answer.code() == "forbidden",
                role < *takes,
                "{role:?} {path}: {}",
                answer.body
            );
            assert_eq!(answer.status == 403, role < *takes, "{role:?} {path}: {}", answer.body);
        }
        assert_eq!(
            api.get("/api/v1/api-keys").await.status == 200,
            role >= Role::Admin,
            "{role:?}"
        );
        store.remove_membership(made.organization_id.parse().unwrap(), user).await.unwrap();
        assert_eq!(
            api.get("/api/v1/sites").await.code(),
            "no_organization",
            "{role:?} was removed"
        );
    }
    assert_eq!(owner.list("/api/v1/sites").await.len(), 2, "the admin's site alone was made");
}
