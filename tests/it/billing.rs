//! Billing through HTTP alone, with Stripe as its own documents describe it: both databases.

mod limits;
mod paying;

use std::time::Duration;

use aws_lc_rs::hmac;
use hub_testkit::{
    api::{Answer, Api},
    contract_mock::ContractMock,
    hub::{Bootstrap, HubBuilder, HubProcess},
    postgres::PrivatePostgres,
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};

/// The secrets of the webhook's endpoint: it is being changed.
const SECRETS: [&str; 2] = ["whsec_old", "whsec_new"];

/// How long something may take that the hub does by itself.
const SOON: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

/// A hub that has billing, with an organization from before it had.
struct World {
    hub: HubProcess,
    made: Bootstrap,
    owner: Api,
    stripe: ContractMock,
    /// Where it was before; its data is there.
    _before: HubProcess,
}

impl World {
    /// Stripe has one subscription, of the organization, and shows it in that state; `None` where its documents are not at
    /// hand.
    async fn begin(backend: Backend, status: &str) -> Option<Self> {
        let mut builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        if backend == Backend::Postgres {
            builder = builder.database_url(PrivatePostgres::shared().create_database());
        }
        let mut before = builder.clone().start().await.expect("the hub starts");
        let made = before.bootstrap("Acme").await.expect("an organization is made");
        before.terminate().await.expect("it ends");
        let stripe =
            ContractMock::stripe_showing("subscription", &subscription(&made, status)).await?;
        let hub = with_billing(builder.data(before.data()), &stripe.url()).start().await;
        let hub = hub.expect("the hub starts with billing");
        let owner = hub.api().with_token(&made.token).with_key(&made.api_key);
        Some(Self { hub, made, owner, stripe, _before: before })
    }

    /// Sends a webhook with a header.
    async fn webhook(&self, header: &str, body: &str) -> Answer {
        let api = self.hub.api();
        let request = api.request(Method::POST, "/api/integrations/stripe");
        let request = request.header("Stripe-Signature", header).body(body.to_owned());
        api.send(request).await.expect("the hub answers")
    }

    /// Stripe tells of a subscription, signed with either secret.
    async fn tells(&self, id: &str, kind: &str) -> Answer {
        let object = json!({ "object": "subscription", "id": "sub_1", "customer": "cus_1" });
        let event =
            json!({ "id": id, "type": kind, "created": now(), "data": { "object": object } });
        let secret = SECRETS[id.len() % 2];
        self.webhook(&signed(secret, now(), &event.to_string()), &event.to_string()).await
    }

    /// Waits until the organization is shown in that state, and gives how it stands.
    async fn stands(&self, status: &str) -> Value {
        wait::until(&format!("the subscription to be {status}"), SOON, || async {
            let shown = self.owner.read("/api/v1/billing").await;
            (shown["status"] == status).then_some(shown)
        })
        .await
    }
}

pub(crate) fn with_billing(builder: HubBuilder, stripe: &str) -> HubBuilder {
    builder
        .env("HUB_STRIPE_KEY", "sk_test_canary")
        .env("HUB_STRIPE_WEBHOOK_SECRETS", SECRETS.join(","))
        .env("HUB_STRIPE_PRICES", "starter=price_1,pro=price_2,haccp=price_3")
        .env("HUB_STRIPE_URL", stripe)
}

fn subscription(made: &Bootstrap, status: &str) -> Value {
    json!({
        "id": "sub_1", "customer": "cus_1", "status": status, "created": now() - 86_400,
        "metadata": { "org_id": made.organization_id }, "cancel_at": null, "cancel_at_period_end": false,
        "items": { "object": "list", "data": [{
            "id": "si_1", "object": "subscription_item", "current_period_end": now() + 86_400,
            "price": { "id": "price_2", "object": "price" },
        }] },
    })
}

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The header of a body that is signed then.
fn signed(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}
