//! Tenancy: members, invitations, inspectors' links, and how an organization ends.

mod endings;
mod inspectors;
mod invitations;
mod members;
mod sockets;

use hub_testkit::{
    api::{Answer, Api},
    hub::{Bootstrap, HubBuilder, HubProcess},
    postgres::PrivatePostgres,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Who is somebody new signs in with.
const PASSWORD: &str = "correct horse battery staple";

/// An id of nothing.
const NONE: &str = "019a0000-0000-7000-8000-000000000001";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

/// A running hub with one organization.
struct World {
    hub: HubProcess,
    made: Bootstrap,
    owner: Api,
    /// The database's address, for looks past the hub.
    database: String,
}

/// Somebody who came by invitation.
struct Person {
    id: String,
    email: String,
    token: String,
    api: Api,
}

impl Backend {
    fn hub(self) -> (HubBuilder, Option<String>) {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        match self {
            Self::Sqlite => (builder, None),
            Self::Postgres => {
                let url = PrivatePostgres::shared().create_database();
                (builder.database_url(url.clone()), Some(url))
            }
        }
    }
}

impl World {
    async fn begin(backend: Backend) -> Self {
        let (builder, url) = backend.hub();
        let hub = builder.start().await.expect("the hub starts");
        let (made, owner) = hub.owner("Acme").await.expect("an owner is made");
        let own = || format!("sqlite://{}", hub.data().join("hub.db").display());
        let database = url.unwrap_or_else(own);
        Self { hub, made, owner, database }
    }

    /// Somebody new in the organization, by invitation.
    async fn member(&self, role: &str) -> Person {
        self.member_by(&self.owner, role).await
    }

    /// The same, invited by that owner.
    async fn member_by(&self, owner: &Api, role: &str) -> Person {
        let email = format!("{}@example.test", uuid::Uuid::now_v7().simple());
        let invited =
            owner.create("/api/v1/invitations", json!({ "email": email, "role": role })).await;
        self.accept(&email, text(&invited["token"])).await
    }

    /// Accepts an invitation as somebody new.
    async fn accept(&self, email: &str, token: &str) -> Person {
        let asked = json!({ "token": token, "name": "Somebody", "password": PASSWORD });
        let accepted =
            self.hub.api().post("/api/v1/auth/accept-invitation", &asked).await.expect(200);
        let session = &accepted["session"];
        let token = text(&session["token"]).to_owned();
        let api = self.hub.api().with_token(&token);
        let id = text(&session["user"]["id"]).to_owned();
        Person { id, email: email.to_owned(), token, api }
    }

    /// The member as the organization's owner sees them.
    async fn seen(&self, id: &str) -> Value {
        self.owner.read(&format!("/api/v1/members/{id}")).await
    }
}

/// The text of a field.
#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// `PATCH` of any edition.
async fn patch(api: &Api, path: &str, body: Value) -> Answer {
    let request = api.request(Method::PATCH, path).header("If-Match", "*").json(&body);
    api.send(request).await.expect("the hub answers")
}

async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await.expect("the hub answers")
}

async fn set_role(api: &Api, member: &str, role: &str) -> Answer {
    patch(api, &format!("/api/v1/members/{member}"), json!({ "role": role })).await
}

/// The instant of this moment less `secs`, as RFC 3339.
fn ago(secs: i64) -> String {
    let at = chrono::Utc::now() - chrono::TimeDelta::seconds(secs);
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
