//! How billing is shown.

use hub_billing::Prices;
use hub_domain::{
    Bill, Feature, Meter, Plan, Subscription, SubscriptionState, Timestamp,
    bill::{MeterTotal, PlanDays},
};
use hub_store::records::BillingAccount;
use serde::Serialize;
use utoipa::ToSchema;

use super::{billing::plan_names, schemas};
use crate::wire::InstantOut;

/// How an organization stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BillingOut {
    /// False on a hub without billing: everything is allowed there, and the rest of this says nothing.
    is_configured: bool,
    #[schema(required, schema_with = plan_or_none)]
    plan: Option<&'static str>,
    #[schema(required, schema_with = state_or_none)]
    status: Option<&'static str>,
    /// When that status began.
    #[schema(required, schema_with = schemas::instant_or_none)]
    since: Option<InstantOut>,
    /// The end of the trial, or of what is paid.
    #[schema(required, schema_with = schemas::instant_or_none)]
    until: Option<InstantOut>,
    /// When what the plan holds beyond alarms ends, unless something is paid before.
    #[schema(required, schema_with = schemas::instant_or_none)]
    grace_ends_at: Option<InstantOut>,
    /// When the subscription ends because somebody said so.
    #[schema(required, schema_with = schemas::instant_or_none)]
    cancels_at: Option<InstantOut>,
    /// Whether there is a subscription with Stripe; a plan can be changed then, and a checkout is needed before.
    is_subscribed: bool,
    sensors: SensorsOut,
    features: FeaturesOut,
    /// How many days readings are promised to be kept; `null` for as long as there is an organization.
    #[schema(required)]
    retention_days: Option<u32>,
    /// This month's, as far as it is counted.
    usage: UsageOut,
    /// What there is to choose from.
    plans: Vec<PlanOut>,
}

/// Sensors that there are, and that the plan holds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SensorsOut {
    #[schema(minimum = 0)]
    pub(super) present: u64,
    /// `null` for any number.
    #[schema(required, minimum = 0)]
    pub(super) limit: Option<u32>,
}

/// What is allowed at the moment. The first three always are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeaturesOut {
    readings: bool,
    alarms: bool,
    alarm_sms: bool,
    sms: bool,
    reports: bool,
    more_sensors: bool,
}

/// What was used in a month.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageOut {
    /// On the last day that is counted.
    #[schema(minimum = 0)]
    active_sensors: u64,
    #[schema(minimum = 0)]
    temperature_readings: u64,
}

/// A plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanOut {
    #[schema(schema_with = plan_names)]
    name: &'static str,
    /// US cents a month; `null` where it is agreed upon.
    #[schema(required)]
    month_cents: Option<u32>,
    #[schema(required)]
    sensors: Option<u32>,
    #[schema(required)]
    retention_days: Option<u32>,
    sms: bool,
    reports: bool,
    /// Whether it can be had by a checkout.
    is_on_sale: bool,
}

/// A page of Stripe's.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageOut {
    pub(super) url: String,
}

/// The bill of a month.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BillOut {
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$")]
    month: String,
    /// Of what plans cost; a price that is agreed upon is not in it.
    cents: u32,
    #[schema(pattern = "^usd$")]
    currency: &'static str,
    plans: Vec<PlanDaysOut>,
    usage: Vec<MeterOut>,
}

/// What a plan costs in a month.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanDaysOut {
    #[schema(schema_with = plan_names)]
    plan: &'static str,
    /// How many days were paid for.
    days: u8,
    /// `null` where the price is agreed upon.
    #[schema(required)]
    cents: Option<u32>,
}

/// What a month says of one meter.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeterOut {
    #[schema(schema_with = meter_names)]
    meter: &'static str,
    #[schema(minimum = 0)]
    value: u64,
    /// How much of it Stripe was told.
    #[schema(minimum = 0)]
    told: u64,
}

fn plan_or_none() -> schemas::AnySchema {
    schemas::words_or_none(Plan::ALL.map(Plan::name))
}

fn state_or_none() -> schemas::AnySchema {
    schemas::words_or_none(SubscriptionState::ALL.map(SubscriptionState::name))
}

fn meter_names() -> schemas::AnySchema {
    schemas::words(Meter::ALL.map(Meter::name))
}

impl BillingOut {
    /// Of a hub without billing.
    pub(super) fn without(present: u64) -> Self {
        Self {
            is_configured: false,
            plan: None,
            status: None,
            since: None,
            until: None,
            grace_ends_at: None,
            cancels_at: None,
            is_subscribed: false,
            sensors: SensorsOut { present, limit: None },
            features: FeaturesOut::where_allowed(|_| true),
            retention_days: None,
            usage: UsageOut::default(),
            plans: Vec::new(),
        }
    }

    pub(super) fn of(
        account: &BillingAccount,
        sensors: SensorsOut,
        usage: UsageOut,
        prices: &Prices,
        now: Timestamp,
    ) -> Self {
        let Subscription { plan, state, since, until } = account.standing;
        let is_over = state == SubscriptionState::Canceled;
        Self {
            is_configured: true,
            plan: Some(plan.name()),
            status: Some(state.name()),
            since: Some(InstantOut(since)),
            until: until.map(InstantOut),
            grace_ends_at: account.standing.ends_at().map(InstantOut),
            cancels_at: account.cancels_at.map(InstantOut),
            is_subscribed: account.subscription.is_some() && !is_over,
            sensors,
            features: FeaturesOut::where_allowed(|feature| account.standing.allows(feature, now)),
            retention_days: plan.terms().retention_days,
            usage,
            plans: Plan::ALL.map(|plan| PlanOut::of(plan, prices)).into(),
        }
    }
}

impl FeaturesOut {
    fn where_allowed(allows: impl Fn(Feature) -> bool) -> Self {
        Self {
            readings: allows(Feature::Readings),
            alarms: allows(Feature::Alarms),
            alarm_sms: allows(Feature::AlarmSms),
            sms: allows(Feature::Sms),
            reports: allows(Feature::Reports),
            more_sensors: allows(Feature::MoreSensors),
        }
    }
}

impl UsageOut {
    pub(super) fn of(used: [(Meter, u64); 2]) -> Self {
        let of = |meter| used.iter().find(|(own, _)| *own == meter).map_or(0, |(_, value)| *value);
        Self {
            active_sensors: of(Meter::ActiveSensors),
            temperature_readings: of(Meter::TemperatureReadings),
        }
    }
}

impl PlanOut {
    fn of(plan: Plan, prices: &Prices) -> Self {
        let terms = plan.terms();
        Self {
            name: plan.name(),
            month_cents: terms.month_cents,
            sensors: terms.sensors,
            retention_days: terms.retention_days,
            sms: terms.sms,
            reports: terms.reports,
            is_on_sale: prices.of(plan).is_some(),
        }
    }
}

impl From<Bill> for BillOut {
    fn from(bill: Bill) -> Self {
        let plan = |one: &PlanDays| PlanDaysOut {
            plan: one.plan.name(),
            days: one.days,
            cents: one.cents,
        };
        let meter = |one: &MeterTotal| MeterOut {
            meter: one.meter.name(),
            value: one.value,
            told: one.told,
        };
        Self {
            month: bill.month.to_string(),
            cents: bill.cents(),
            currency: "usd",
            plans: bill.plans.iter().map(plan).collect(),
            usage: bill.usage.iter().map(meter).collect(),
        }
    }
}
