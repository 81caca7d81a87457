//! Billing: how the organization stands, what it used, and the ways to Stripe.
//!
//! What the hub knows it was told by Stripe, and what is changed is changed there. On a hub without billing everything
//! is allowed, and there is nothing to be changed.

use axum::{Json, extract::State};
use hub_billing::{Billing, BillingError, Checkout, PlanChange, Portal};
use hub_domain::{Bill, LedgerLine, Plan, SubscriptionState, UtcDay, UtcMonth, bill::used};
use hub_jobs::billing::{SyncError, note_subscription};
use hub_store::records::BillingAccount;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ActErrors, PaidErrors, ReadErrors, WriteErrors},
    asked::{Query, bad_query},
    billing_shown::{BillOut, BillingOut, PageOut, SensorsOut, UsageOut},
    body,
    error::ApiError,
    openapi::InOrganization,
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
};

/// A plan that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlanIn {
    #[schema(schema_with = plan_names)]
    plan: String,
}

/// Which month is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MonthIn {
    /// A month of UTC, such as `2026-11`; the present one, if left out.
    #[param(pattern = "^[2-9][0-9]{3}-(0[1-9]|1[0-2])$")]
    month: Option<String>,
}

pub(super) fn plan_names() -> schemas::AnySchema {
    schemas::words(Plan::ALL.map(Plan::name))
}

impl PlanIn {
    fn read(&self) -> Result<Plan, ApiError> {
        let wrong = || ApiError::field("/plan", "unknown_plan", "there is no such plan");
        Plan::named(&self.plan).ok_or_else(wrong)
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(bill))
        .routes(routes!(checkout))
        .routes(routes!(portal))
        .routes(routes!(change_plan))
}

/// How the organization stands: its plan, what that holds, and what was used this month.
///
/// Whatever it says: readings are taken and alarms are told.
///
/// # Errors
/// 403 below admin.
#[utoipa::path(
    get,
    path = "/api/v1/billing",
    operation_id = "getBilling",
    tag = "Billing",
    extensions(("x-deed" = json!("readBilling"))),
    params(InOrganization),
    responses(
        (status = 200, description = "As it is now, as far as the hub was told.", body = BillingOut),
        ReadErrors,
    ),
)]
pub async fn get(State(hub): State<Hub>, caller: Caller) -> Result<Json<BillingOut>, ApiError> {
    caller.may(Deed::ReadBilling)?;
    shown(&hub, &caller).await.map(Json)
}

/// The bill of a month, made of what was counted.
///
/// Usage is what Stripe is told, to the reading. What plans cost is by whole days; Stripe's own invoice prorates a change
/// by the second.
///
/// # Errors
/// 400 for what is no month, 403 below admin.
#[utoipa::path(
    get,
    path = "/api/v1/billing/bill",
    operation_id = "getBill",
    tag = "Billing",
    extensions(("x-deed" = json!("readBilling"))),
    params(InOrganization, MonthIn),
    responses(
        (status = 200, description = "As far as it is counted.", body = BillOut),
        ReadErrors,
    ),
)]
pub async fn bill(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<MonthIn>,
) -> Result<Json<BillOut>, ApiError> {
    caller.may(Deed::ReadBilling)?;
    let month = match asked.month.as_deref() {
        None => UtcDay::of(hub.clock.now()).month(),
        Some(text) => UtcMonth::parse(text)
            .ok_or_else(|| bad_query("month", "must be a month such as 2026-11"))?,
    };
    Ok(Json(Bill::of(month, &lines_of(&hub, &caller, month).await?).into()))
}

/// Makes a page of Stripe's where somebody pays for a plan. What is left of a trial stays free.
///
/// Asked again on the same day for the same plan it is the same page.
///
/// # Errors
/// 403 below owner, 409 on a hub without billing and where there is a subscription, 422 for a plan that is not on sale,
/// 503 while Stripe is away.
#[utoipa::path(
    post,
    path = "/api/v1/billing/checkout",
    operation_id = "openCheckout",
    tag = "Billing",
    extensions(("x-deed" = json!("pay"))),
    params(InOrganization),
    request_body = PlanIn,
    responses(
        (status = 200, description = "Where the browser is to go.", body = PageOut),
        WriteErrors,
    ),
)]
pub async fn checkout(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<PlanIn>,
) -> Result<Json<PageOut>, ApiError> {
    caller.may(Deed::Pay)?;
    let plan = asked.read()?;
    let billing = billing_of(&hub)?;
    let account = hub.store.billing_account(caller.org).await?;
    if subscription_of(&account).is_some() {
        return Err(ApiError::AlreadySubscribed);
    }
    refuse_too_small(&hub, &caller, plan).await?;
    let (account, customer) = customer_of(&hub, &caller, account).await?;
    let is_trial = account.standing.state == SubscriptionState::Trial;
    let wish = Checkout {
        org: caller.org,
        customer,
        plan,
        trial_ends_at: account.standing.until.filter(|_| is_trial),
        return_url: format!("{}/", hub.public_url),
        turn: account.version,
        now: hub.clock.now(),
    };
    Ok(Json(PageOut { url: billing.checkout(&wish).await? }))
}

/// Makes a page of Stripe's where somebody sees bills and cards, and ends their subscription. Its address is good for
/// some minutes.
///
/// # Errors
/// 403 below owner, 409 on a hub without billing and before the first checkout, 503 while Stripe is away.
#[utoipa::path(
    post,
    path = "/api/v1/billing/portal",
    operation_id = "openBillingPortal",
    tag = "Billing",
    extensions(("x-deed" = json!("pay"))),
    params(InOrganization),
    responses(
        (status = 200, description = "Where the browser is to go.", body = PageOut),
        ActErrors,
    ),
)]
pub async fn portal(State(hub): State<Hub>, caller: Caller) -> Result<Json<PageOut>, ApiError> {
    caller.may(Deed::Pay)?;
    let billing = billing_of(&hub)?;
    let account = hub.store.billing_account(caller.org).await?;
    let wish = Portal {
        org: caller.org,
        customer: account.customer.ok_or(ApiError::NotSubscribed)?,
        return_url: format!("{}/", hub.public_url),
        now: hub.clock.now(),
    };
    Ok(Json(PageOut { url: billing.portal(&wish).await? }))
}

/// Changes to another plan, at once; what is left of the old one is credited.
///
/// # Errors
/// 402 if the difference could not be paid, 403 below owner, 409 on a hub without billing, without a subscription, and
/// for a plan that holds fewer sensors than there are; 422 for a plan that is not on sale, 503 while Stripe is away.
#[utoipa::path(
    post,
    path = "/api/v1/billing/plan",
    operation_id = "changePlan",
    tag = "Billing",
    extensions(("x-deed" = json!("pay"))),
    params(InOrganization),
    request_body = PlanIn,
    responses(
        (status = 200, description = "As it is now.", body = BillingOut),
        PaidErrors,
    ),
)]
pub async fn change_plan(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<PlanIn>,
) -> Result<Json<BillingOut>, ApiError> {
    caller.may(Deed::Pay)?;
    let plan = asked.read()?;
    let billing = billing_of(&hub)?;
    let account = hub.store.billing_account(caller.org).await?;
    let (subscription, item) = subscription_of(&account).ok_or(ApiError::NotSubscribed)?;
    if account.standing.plan != plan {
        refuse_too_small(&hub, &caller, plan).await?;
        let turn = account.version;
        let wish = PlanChange { org: caller.org, subscription, item, plan, turn };
        let asked_at = hub.clock.now();
        let facts = billing.change_plan(&wish).await?;
        note_subscription(&hub.store, facts, asked_at, caller.by()).await?;
    }
    shown(&hub, &caller).await.map(Json)
}

/// Stripe, on a hub that has billing.
fn billing_of(hub: &Hub) -> Result<&Billing, ApiError> {
    hub.payments.as_ref().map(|payments| &payments.billing).ok_or(ApiError::NoBilling)
}

/// The living subscription and its item.
fn subscription_of(account: &BillingAccount) -> Option<(String, String)> {
    let is_over = account.standing.state == SubscriptionState::Canceled;
    let subscription = account.subscription.clone().filter(|_| !is_over)?;
    Some((subscription, account.item.clone().unwrap_or_default()))
}

/// Goes on only if the plan holds the sensors that there are.
async fn refuse_too_small(hub: &Hub, caller: &Caller, plan: Plan) -> Result<(), ApiError> {
    let present = hub.store.sensor_count(caller.org).await?;
    match plan.terms().sensors {
        Some(limit) if present > u64::from(limit) => Err(ApiError::TooManySensors(limit)),
        _ => Ok(()),
    }
}

/// The organization's customer, made at the first checkout.
async fn customer_of(
    hub: &Hub,
    caller: &Caller,
    account: BillingAccount,
) -> Result<(BillingAccount, String), ApiError> {
    if let Some(customer) = account.customer.clone() {
        return Ok((account, customer));
    }
    let billing = billing_of(hub)?;
    let made = billing.create_customer(caller.org).await?;
    let account = hub.store.note_customer(caller.org, &made, caller.by()).await?;
    let customer = account.customer.clone().unwrap_or(made);
    Ok((account, customer))
}

async fn lines_of(
    hub: &Hub,
    caller: &Caller,
    month: UtcMonth,
) -> Result<Vec<LedgerLine>, ApiError> {
    Ok(hub.store.usage_of(caller.org, month.first(), month.end()).await?)
}

async fn shown(hub: &Hub, caller: &Caller) -> Result<BillingOut, ApiError> {
    let present = hub.store.sensor_count(caller.org).await?;
    let Ok(billing) = billing_of(hub) else { return Ok(BillingOut::without(present)) };
    let now = hub.clock.now();
    let account = hub.store.billing_account(caller.org).await?;
    let month = UtcDay::of(now).month();
    let usage = used(month, &lines_of(hub, caller, month).await?);
    let limit = account.standing.plan.terms().sensors;
    let sensors = SensorsOut { present, limit };
    Ok(BillingOut::of(&account, sensors, UsageOut::of(usage), billing.prices(), now))
}

impl From<BillingError> for ApiError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Retry(_) => {
                tracing::warn!(%error, "stripe did not answer");
                Self::Unavailable
            }
            BillingError::Refused { status: 402, .. } => Self::PaymentFailed,
            BillingError::Refused { .. } => {
                tracing::error!(%error, "stripe refuses what the hub asked for");
                Self::Internal
            }
            BillingError::Setup(_) => {
                tracing::error!(%error, "nothing can be paid until that is mended");
                Self::Unavailable
            }
            BillingError::NotOnSale(_) => {
                Self::field("/plan", "not_on_sale", "this plan is by agreement; write to us")
            }
        }
    }
}

impl From<SyncError> for ApiError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(error) => error.into(),
            SyncError::Billing(error) => error.into(),
            SyncError::Nobodys => Self::NotFound,
        }
    }
}
