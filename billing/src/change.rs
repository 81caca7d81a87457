//! What Stripe is asked to do.
//!
//! A key says all that its request depends on. So the same wish is one wish, however often it is sent, and another one
//! is never answered with what became of the first: Stripe refuses a key that comes with other parameters.

use std::collections::HashMap;

use hub_domain::{Meter, OrgId, Plan, Timestamp, UtcDay};
use serde::Serialize;
use serde_json::Value;
use stripe_billing::{
    billing_meter_event::CreateBillingMeterEvent,
    billing_meter_event_adjustment::{
        CreateBillingMeterEventAdjustment, CreateBillingMeterEventAdjustmentCancel,
    },
    billing_portal_session::CreateBillingPortalSession,
    subscription::{
        RetrieveSubscription, UpdateSubscription, UpdateSubscriptionItems,
        UpdateSubscriptionPaymentBehavior, UpdateSubscriptionProrationBehavior,
    },
};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionCustomerUpdate,
    CreateCheckoutSessionCustomerUpdateAddress, CreateCheckoutSessionCustomerUpdateName,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionSubscriptionData,
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest as _};
use uuid::Uuid;

use crate::{Billing, BillingError, SubscriptionFacts, facts::text_of};

/// A trial must have this long to go for a checkout to take it over (reference of checkout sessions, `trial_end`: at
/// least 48 hours in the future), and an hour more for whoever reads before they pay.
const TRIAL_LEFT_SECS: u32 = 49 * 3_600;

/// Somebody wants to pay for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The organization.
    pub org: OrgId,
    /// Its customer.
    pub customer: String,
    /// The plan.
    pub plan: Plan,
    /// The end of its present trial: what is left of it stays free.
    pub trial_ends_at: Option<Timestamp>,
    /// Where the browser goes afterwards.
    pub return_url: String,
    /// How often the organization's subscription has changed so far. A checkout belongs to one state of things.
    pub turn: i64,
    /// This instant.
    pub now: Timestamp,
}

/// Somebody wants to see bills and cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// The organization.
    pub org: OrgId,
    /// Its customer.
    pub customer: String,
    /// Where the browser goes afterwards.
    pub return_url: String,
    /// This instant. A portal's address is good for some minutes, so a new one is asked for each minute.
    pub now: Timestamp,
}

/// Somebody wants another plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    /// The organization.
    pub org: OrgId,
    /// Its subscription.
    pub subscription: String,
    /// The item that is to have another price.
    pub item: String,
    /// The plan.
    pub plan: Plan,
    /// How often the organization's subscription has changed so far: there and back again are two changes.
    pub turn: i64,
}

/// Some usage of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterEvent {
    /// What was counted.
    pub meter: Meter,
    /// What Stripe knows it by; it counts once.
    pub identifier: String,
    /// Whose it is.
    pub customer: String,
    /// How much.
    pub value: u64,
    /// As of when.
    pub at: Timestamp,
}

/// A customer to be made. `async-stripe` has it in another part of 5 MB, for three parameters.
#[derive(Serialize)]
struct CreateCustomer {
    description: String,
    metadata: HashMap<&'static str, String>,
}

impl Billing {
    /// Makes the organization's customer, or gives the one that was made before; gives its id. Name and address are
    /// asked for by the checkout: what is sent here must be the same for ever.
    ///
    /// # Errors
    /// See [`BillingError`].
    pub async fn create_customer(&self, org: OrgId) -> Result<String, BillingError> {
        let customer = CreateCustomer {
            description: format!("organization {org}"),
            metadata: HashMap::from([("org_id", org.to_string())]),
        };
        let request = RequestBuilder::new(StripeMethod::Post, "/customers").form(&customer);
        let answer = self.change(request, &format!("customer:{org}")).await?;
        field(&answer, "id")
    }

    /// Makes a page where somebody pays for a plan; gives its address. Asked again on the same day for the same it is the
    /// same page.
    ///
    /// # Errors
    /// [`BillingError::NotOnSale`] for a plan without a price; see there.
    pub async fn checkout(&self, wish: &Checkout) -> Result<String, BillingError> {
        let price = self.prices().of(wish.plan).ok_or(BillingError::NotOnSale(wish.plan))?;
        let trial_end = wish.trial_ends_at.filter(|end| *end > wish.now.plus_secs(TRIAL_LEFT_SECS));
        let answered = |how: &str| {
            let join = if wish.return_url.contains('?') { '&' } else { '?' };
            format!("{}{join}checkout={how}", wish.return_url)
        };
        let session = CreateCheckoutSession::new()
            .mode(stripe_checkout::CheckoutSessionMode::Subscription)
            .customer(&wish.customer)
            .customer_update(customer_update())
            .client_reference_id(wish.org.to_string())
            .line_items(self.line_items(price))
            .subscription_data(subscription_data(wish.org, trial_end))
            .success_url(answered("done"))
            .cancel_url(answered("canceled"));
        let told = format!("{trial_end:?} {} {price} {:?}", wish.return_url, self.prices());
        let key = [
            wish.customer.as_str(),
            wish.plan.name(),
            &wish.turn.to_string(),
            &UtcDay::of(wish.now).to_string(),
            &told,
        ];
        let answer = self.change(session.build(), &key_of("checkout", wish.org, &key)).await?;
        field(&answer, "url")
    }

    fn line_items(&self, price: &str) -> Vec<CreateCheckoutSessionLineItems> {
        let mut plan = CreateCheckoutSessionLineItems::new();
        (plan.price, plan.quantity) = (Some(price.to_owned()), Some(1));
        let usage = self.prices().of_meters().map(|price| {
            let mut item = CreateCheckoutSessionLineItems::new();
            item.price = Some(price.to_owned()); // usage has no quantity: its meter says
            item
        });
        std::iter::once(plan).chain(usage).collect()
    }

    /// Makes a page where somebody sees bills and cards, and ends their subscription; gives its address.
    ///
    /// # Errors
    /// See [`BillingError`].
    pub async fn portal(&self, wish: &Portal) -> Result<String, BillingError> {
        let session =
            CreateBillingPortalSession::new().customer(&wish.customer).return_url(&wish.return_url);
        let minute = wish.now.as_millis().div_euclid(60_000).to_string();
        let key = key_of("portal", wish.org, &[&wish.customer, &wish.return_url, &minute]);
        let answer = self.change(session.build(), &key).await?;
        field(&answer, "url")
    }

    /// Gives a subscription another price, from now on; what is left of the old one is credited. Gives it as it is then.
    ///
    /// # Errors
    /// `Refused` with status 402 if the difference could not be paid: nothing has changed then.
    pub async fn change_plan(&self, wish: &PlanChange) -> Result<SubscriptionFacts, BillingError> {
        let price = self.prices().of(wish.plan).ok_or(BillingError::NotOnSale(wish.plan))?;
        let mut item = UpdateSubscriptionItems::new();
        (item.id, item.price) = (Some(wish.item.clone()), Some(price.to_owned()));
        let update = UpdateSubscription::new(wish.subscription.as_str())
            .items(vec![item])
            .proration_behavior(UpdateSubscriptionProrationBehavior::CreateProrations)
            .payment_behavior(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete);
        let key = [wish.subscription.as_str(), &wish.item, price, &wish.turn.to_string()];
        let answer = self.change(update.build(), &key_of("plan", wish.org, &key)).await?;
        SubscriptionFacts::read(&answer, self.prices())
    }

    /// A subscription as it is now.
    ///
    /// # Errors
    /// `Refused` with status 404 for one that is not there; see [`BillingError`].
    pub async fn subscription(&self, id: &str) -> Result<SubscriptionFacts, BillingError> {
        let answer = self.ask(&RetrieveSubscription::new(id)).await?;
        SubscriptionFacts::read(&answer, self.prices())
    }

    /// Tells of usage. What was told before is told: Stripe refuses a second event of the same identifier for a day.
    ///
    /// # Errors
    /// See [`BillingError`].
    pub async fn report(&self, usage: &MeterEvent) -> Result<(), BillingError> {
        let payload = HashMap::from([
            ("stripe_customer_id".to_owned(), usage.customer.clone()),
            ("value".to_owned(), usage.value.to_string()),
        ]);
        let event = CreateBillingMeterEvent::new(usage.meter.name(), payload)
            .identifier(&usage.identifier)
            .timestamp(usage.at.as_millis().div_euclid(1_000));
        match self.change(event.build(), &format!("usage:{}", usage.identifier)).await {
            Ok(answer) => field(&answer, "identifier").map(drop),
            Err(error) if error.is_told_before() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes usage back that was told of by mistake. Stripe does so within 24 hours of its having been told.
    ///
    /// # Errors
    /// `Refused` once that is over; see [`BillingError`].
    pub async fn take_back(&self, meter: Meter, identifier: &str) -> Result<(), BillingError> {
        let mut cancel = CreateBillingMeterEventAdjustmentCancel::new();
        cancel.identifier = Some(identifier.to_owned());
        let kind = stripe_billing::BillingMeterEventAdjustmentType::Cancel;
        let adjustment = CreateBillingMeterEventAdjustment::new(meter.name(), kind).cancel(cancel);
        let answer = self.change(adjustment.build(), &format!("take_back:{identifier}")).await?;
        field(&answer, "status").map(drop)
    }
}

fn customer_update() -> CreateCheckoutSessionCustomerUpdate {
    let mut update = CreateCheckoutSessionCustomerUpdate::new();
    update.name = Some(CreateCheckoutSessionCustomerUpdateName::Auto);
    update.address = Some(CreateCheckoutSessionCustomerUpdateAddress::Auto);
    update
}

fn subscription_data(
    org: OrgId,
    trial_end: Option<Timestamp>,
) -> CreateCheckoutSessionSubscriptionData {
    let mut data = CreateCheckoutSessionSubscriptionData::new();
    data.metadata = Some(HashMap::from([("org_id".to_owned(), org.to_string())]));
    data.trial_end = trial_end.map(|end| end.as_millis().div_euclid(1_000));
    data
}

/// A key for a wish that is told by these parts.
fn key_of(what: &str, org: OrgId, parts: &[&str]) -> String {
    let told = serde_json::json!(parts).to_string();
    format!("{what}:{}", Uuid::new_v5(&org.0, told.as_bytes()))
}

/// A field of an answer that cannot be without it.
fn field(answer: &[u8], name: &str) -> Result<String, BillingError> {
    let object: Option<Value> = serde_json::from_slice(answer).ok();
    let text = object.as_ref().and_then(|object| text_of(&object[name]));
    text.ok_or_else(|| BillingError::lost(format!("its answer has no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_all_its_parts() {
        let org = OrgId(Uuid::nil());
        let key = key_of("plan", org, &["a", "b"]);
        assert_eq!(key, key_of("plan", org, &["a", "b"]));
        let others = [
            key_of("portal", org, &["a", "b"]),
            key_of("plan", OrgId(Uuid::max()), &["a", "b"]),
            key_of("plan", org, &["a b"]),
            key_of("plan", org, &["ab", ""]),
        ];
        assert!(others.iter().all(|other| *other != key));
    }
}
