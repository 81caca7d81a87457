//! What organizations pay for, what they used, and what Stripe tells of them.

mod subscriptions;
mod usage;
mod usage_told;
mod webhooks;

use std::sync::atomic::Ordering;

use hub_domain::{OrgId, SubscriptionState, Timestamp};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _,
};

use crate::{
    Store, StoreError,
    entity::{device, subscription},
    open::Backend,
    scope::within,
    sql::Sql,
};

impl Store {
    /// Makes plans bind here from now on, or not: on a hub without billing nobody has a limit.
    pub fn bind_plans(&self, do_bind: bool) {
        if let Backend::Sql(sql) = self.backend() {
            sql.binds_plans.store(do_bind, Ordering::Relaxed);
        }
    }
}

impl Sql {
    /// Goes on only if the organization's plan holds another sensor. Holds its subscription: of two who take the last
    /// place one comes too late.
    pub(crate) async fn need_room(
        &self,
        change: &DatabaseTransaction,
        org: OrgId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !self.binds_plans.load(Ordering::Relaxed) {
            return Ok(());
        }
        let standing = held(change, org, now).await?.standing()?;
        let present = device::Entity::find()
            .filter(within(device::Column::OrgId, org))
            .filter(device::Column::DeletedAt.is_null())
            .count(change)
            .await?;
        standing.room(present, now).map_err(StoreError::NoRoom)
    }
}

impl Sql {
    /// Goes on only if nobody would go on paying for an organization that is gone: it has no subscription, or one that has
    /// ended or is about to.
    pub(crate) async fn refuse_subscribed(
        &self,
        change: &DatabaseTransaction,
        org: OrgId,
    ) -> Result<(), StoreError> {
        if !self.binds_plans.load(Ordering::Relaxed) {
            return Ok(());
        }
        let of_org = subscription::Entity::find().filter(within(subscription::Column::OrgId, org));
        let Some(row) = of_org.lock_exclusive().one(change).await? else { return Ok(()) };
        let is_over = row.standing()?.state == SubscriptionState::Canceled;
        if row.subscription.is_none() || row.cancels_at.is_some() || is_over {
            return Ok(());
        }
        Err(StoreError::InUse("its subscription; end that in the billing portal first"))
    }
}

/// The organization's subscription, held until the change ends. One that has none tries the hub out from now on.
async fn held(
    change: &DatabaseTransaction,
    org: OrgId,
    now: Timestamp,
) -> Result<subscription::Model, StoreError> {
    subscriptions::begin_trial(change, org, now).await?;
    let row = subscription::Entity::find().filter(within(subscription::Column::OrgId, org));
    row.lock_exclusive().one(change).await?.ok_or(StoreError::NotFound)
}
