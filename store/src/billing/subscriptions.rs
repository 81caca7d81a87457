//! How organizations stand with Stripe. What Stripe said last, as of when it was asked, is what holds.

use hub_domain::{OrgId, SubscriptionState, Timestamp};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue, ColumnTrait as _, Condition, ConnectionTrait,
    DatabaseTransaction, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, sea_query::OnConflict,
};
use serde_json::json;

use super::held;
use crate::{
    By, Store, StoreError,
    entity::{self, device, subscription},
    kept::written,
    open::ask_database,
    records::{AuditEntry, BillingAccount, NewestSubscription},
    scope::within,
    sql::{self, Sql},
    tenants::of_the_living,
};

impl Store {
    /// What an organization pays for. One that is not known yet tries the hub out from now on.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn billing_account(&self, org: OrgId) -> Result<BillingAccount, StoreError> {
        let now = self.now();
        ask_database!(self, billing_account(org, now))
    }

    /// Begins the trial of every organization that has none yet; gives how many that were.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn begin_trials(&self, now: Timestamp) -> Result<u64, StoreError> {
        ask_database!(self, begin_trials(now))
    }

    /// How many sensors an organization has.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn sensor_count(&self, org: OrgId) -> Result<u64, StoreError> {
        ask_database!(self, sensor_count(org))
    }

    /// Notes the organization's customer, unless one is known; gives the account as it is then.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn note_customer(
        &self,
        org: OrgId,
        customer: &str,
        by: impl Into<By>,
    ) -> Result<BillingAccount, StoreError> {
        let entry =
            self.entry(org, by, "subscription.customer_made", "subscription", org.0, &json!({}));
        ask_database!(self, note_customer(customer, entry))
    }

    /// The organization of a subscription, or else of a customer, of Stripe's ids. Those of no account are nobody's.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn billed_organization(
        &self,
        subscription: Option<&str>,
        customer: Option<&str>,
    ) -> Result<Option<OrgId>, StoreError> {
        ask_database!(self, billed_organization(subscription, customer))
    }

    /// Writes down what Stripe said of an organization's subscription. What was asked before the last question that was
    /// written down is passed over, so answers may come in any order and twice. Says whether anything changed.
    ///
    /// Of two subscriptions that are alive the later one holds; one that ended gives way to one that is alive. One that
    /// was never paid for is not taken up.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn note_subscription(
        &self,
        org: OrgId,
        newest: &NewestSubscription,
        by: impl Into<By>,
    ) -> Result<bool, StoreError> {
        let entry = self.entry(
            org,
            by,
            "subscription.changed",
            "subscription",
            org.0,
            &json!({ "subscription": newest.id }),
        );
        ask_database!(self, note_subscription(newest, entry))
    }

    /// Some subscriptions of Stripe's ids that were not asked for since `before`, the longest ago first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn subscriptions_unasked_since(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<(OrgId, String)>, StoreError> {
        ask_database!(self, subscriptions_unasked_since(before, limit))
    }
}

const BEGIN_TRIALS: &str = "
INSERT INTO subscriptions (org_id, plan, state, since_at, until_at, created_at)
SELECT id, $1, $2, $3, $4, $3 FROM organizations
WHERE deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE subscriptions.org_id = organizations.id)
ON CONFLICT (org_id) DO NOTHING";

impl Sql {
    pub(crate) async fn billing_account(
        &self,
        org: OrgId,
        now: Timestamp,
    ) -> Result<BillingAccount, StoreError> {
        let row = subscription::Entity::find().filter(within(subscription::Column::OrgId, org));
        if let Some(row) = row.one(&self.of(org).await?).await? {
            return row.try_into();
        }
        let change = self.begin_of(org).await?;
        let row = held(&change, org, now).await?;
        change.commit().await?;
        row.try_into()
    }

    pub(crate) async fn begin_trials(&self, now: Timestamp) -> Result<u64, StoreError> {
        let trial = subscription::Model::trial(OrgId(uuid::Uuid::nil()), now);
        let values =
            [trial.plan.into(), trial.state.into(), trial.since_at.into(), trial.until_at.into()];
        let db = self.changes();
        let begin = Statement::from_sql_and_values(db.get_database_backend(), BEGIN_TRIALS, values);
        Ok(db.execute_raw(begin).await?.rows_affected())
    }

    pub(crate) async fn sensor_count(&self, org: OrgId) -> Result<u64, StoreError> {
        let present = device::Entity::find()
            .filter(within(device::Column::OrgId, org))
            .filter(device::Column::DeletedAt.is_null());
        Ok(present.count(&self.of(org).await?).await?)
    }

    pub(crate) async fn note_customer(
        &self,
        customer: &str,
        entry: AuditEntry,
    ) -> Result<BillingAccount, StoreError> {
        let org = entry.org;
        let change = self.begin_of(org).await?;
        let before = held(&change, org, entry.at).await?;
        if before.customer.is_some() {
            return before.try_into();
        }
        let after = subscription::Model { customer: Some(customer.to_owned()), ..before.clone() };
        let after = write(&change, &before, after, entry).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn billed_organization(
        &self,
        subscription: Option<&str>,
        customer: Option<&str>,
    ) -> Result<Option<OrgId>, StoreError> {
        use subscription::Column::{Customer, Subscription};
        for (column, id) in [(Subscription, subscription), (Customer, customer)] {
            let Some(id) = id else { continue };
            let row = subscription::Entity::find().filter(column.eq(id)).one(&self.db).await?;
            if let Some(row) = row {
                return Ok(Some(OrgId(row.org_id)));
            }
        }
        Ok(None)
    }

    pub(crate) async fn note_subscription(
        &self,
        newest: &NewestSubscription,
        entry: AuditEntry,
    ) -> Result<bool, StoreError> {
        let change = self.begin_of(entry.org).await?;
        let before = held(&change, entry.org, entry.at).await?;
        if !gives_way(&before, newest)? {
            return Ok(false);
        }
        let after = changed(&before, newest, entry.at);
        let is_changed =
            subscription::Model { asked_at: after.asked_at, ..before.clone() } != after;
        if is_changed {
            write(&change, &before, after, entry).await?;
        } else {
            store(&change, after).await?;
        }
        change.commit().await?;
        Ok(is_changed)
    }

    pub(crate) async fn subscriptions_unasked_since(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<(OrgId, String)>, StoreError> {
        use subscription::Column::{AskedAt, OrgId as Org, State, Subscription};
        let is_old = Condition::any().add(AskedAt.is_null()).add(AskedAt.lt(before.as_millis()));
        let rows = subscription::Entity::find()
            .filter(Subscription.is_not_null())
            .filter(State.ne(SubscriptionState::Canceled.name()))
            .filter(is_old)
            .filter(of_the_living(Org))
            .order_by_asc(AskedAt)
            .limit(limit);
        let rows = rows.all(&self.db).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((OrgId(row.org_id), row.subscription?)))
            .collect())
    }
}

/// Begins an organization's trial, unless it has one.
pub(super) async fn begin_trial(
    change: &DatabaseTransaction,
    org: OrgId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = entity::insertable(subscription::Model::trial(org, now));
    let there = OnConflict::column(subscription::Column::OrgId).do_nothing().to_owned();
    let made = subscription::Entity::insert(row).on_conflict(there).try_insert();
    made.exec_without_returning(change).await?;
    Ok(())
}

/// Whether what is written down gives way to what Stripe said.
fn gives_way(
    before: &subscription::Model,
    newest: &NewestSubscription,
) -> Result<bool, StoreError> {
    let is_older = before.asked_at.is_some_and(|at| at > newest.asked_at.as_millis());
    if before.subscription.as_deref() == Some(&newest.id) {
        return Ok(!is_older);
    }
    if before.subscription.is_none() {
        return Ok(newest.state.is_some()); // one that was never paid for may never be
    }
    let is_alive = newest.state.is_some_and(|state| state != SubscriptionState::Canceled);
    let was_alive = before.standing()?.state != SubscriptionState::Canceled;
    let is_later = before.subscribed_at.is_none_or(|at| at < newest.subscribed_at.as_millis());
    if is_alive && was_alive {
        tracing::error!(
            organization.id = %before.org_id,
            subscription = newest.id,
            other = before.subscription,
            "an organization has two subscriptions; the later one holds and the other is to be ended"
        );
    }
    Ok(is_alive && (!was_alive || is_later))
}

fn changed(
    before: &subscription::Model,
    newest: &NewestSubscription,
    now: Timestamp,
) -> subscription::Model {
    let state = newest.state.map_or(before.state.clone(), |state| state.name().to_owned());
    let since_at = if state == before.state { before.since_at } else { now.as_millis() };
    let plan = newest.plan.map_or(before.plan.clone(), |plan| plan.name().to_owned());
    subscription::Model {
        plan,
        since_at,
        state,
        until_at: newest.state.map_or(before.until_at, |_| newest.until.map(Timestamp::as_millis)),
        cancels_at: newest.cancels_at.map(Timestamp::as_millis),
        customer: Some(newest.customer.clone()),
        subscription: Some(newest.id.clone()),
        item: newest.item.clone(),
        subscribed_at: Some(newest.subscribed_at.as_millis()),
        asked_at: Some(newest.asked_at.as_millis()),
        ..before.clone()
    }
}

async fn write(
    change: &DatabaseTransaction,
    before: &subscription::Model,
    after: subscription::Model,
    mut entry: AuditEntry,
) -> Result<subscription::Model, StoreError> {
    let updated_at = Some(entry.at.as_millis());
    let after = subscription::Model { version: before.version + 1, updated_at, ..after };
    store(change, after.clone()).await?;
    (entry.before, entry.after) = (Some(written(before)?), Some(written(&after)?));
    sql::audit(change, &entry).await?;
    Ok(after)
}

async fn store(change: &DatabaseTransaction, row: subscription::Model) -> Result<(), StoreError> {
    let org = OrgId(row.org_id);
    let mut row = row.into_active_model().reset_all();
    row.org_id = ActiveValue::NotSet;
    subscription::Entity::update_many()
        .set(row)
        .filter(within(subscription::Column::OrgId, org))
        .exec(change)
        .await
        .map_err(crate::error::taken("customer"))?;
    Ok(())
}
