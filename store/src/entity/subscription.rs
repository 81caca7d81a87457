//! The `subscriptions` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Plan, Subscription, SubscriptionState, Timestamp};

use crate::{StoreError, entity::known, records::BillingAccount};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "subscriptions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) org_id: Uuid,
    pub(crate) plan: String,
    pub(crate) state: String,
    pub(crate) since_at: i64,
    pub(crate) until_at: Option<i64>,
    pub(crate) cancels_at: Option<i64>,
    pub(crate) customer: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) item: Option<String>,
    pub(crate) subscribed_at: Option<i64>,
    // when Stripe was asked is no part of what was changed
    #[serde(skip)]
    pub(crate) asked_at: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// How the customer stands.
    pub(crate) fn standing(&self) -> Result<Subscription, StoreError> {
        Ok(Subscription {
            plan: known("plan", &self.plan, Plan::named)?,
            state: known("state of a subscription", &self.state, SubscriptionState::named)?,
            since: Timestamp::from_millis(self.since_at),
            until: self.until_at.map(Timestamp::from_millis),
        })
    }

    /// The row of an organization that tries the hub out from now on.
    pub(crate) fn trial(org: OrgId, now: Timestamp) -> Self {
        let trial = Subscription::trial(now);
        Self {
            org_id: org.0,
            plan: trial.plan.name().to_owned(),
            state: trial.state.name().to_owned(),
            since_at: trial.since.as_millis(),
            until_at: trial.until.map(Timestamp::as_millis),
            cancels_at: None,
            customer: None,
            subscription: None,
            item: None,
            subscribed_at: None,
            asked_at: None,
            created_at: now.as_millis(),
            updated_at: None,
            version: 1,
        }
    }
}

impl TryFrom<Model> for BillingAccount {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            org: OrgId(row.org_id),
            standing: row.standing()?,
            cancels_at: row.cancels_at.map(Timestamp::from_millis),
            customer: row.customer,
            subscription: row.subscription,
            item: row.item,
            subscribed_at: row.subscribed_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
            version: row.version,
        })
    }
}
