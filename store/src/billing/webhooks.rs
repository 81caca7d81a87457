//! What partners told: stored before it is answered, worked afterwards, once for each of the partner's ids.

use hub_domain::{OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, TryInsertResult,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};

use crate::{
    Store, StoreError,
    entity::{self, webhook_event},
    open::ask_database,
    records::{NewWebhookEvent, WebhookEvent, WebhookKinds},
    sql::Sql,
};

/// Events that were worked are known for so long, so that a late repetition is one. Stripe repeats for three days.
const KNOWN_SECS: i64 = 30 * 86_400;

impl Store {
    /// Stores what a partner told; says whether it is new. Durable when it returns.
    ///
    /// # Errors
    /// See [`StoreError`]. The partner is to be told to come again then.
    pub async fn keep_webhook(
        &self,
        provider: &'static str,
        event: NewWebhookEvent,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        ask_database!(self, keep_webhook(provider, event, now))
    }

    /// Some events of a partner that are to be worked now, in the order in which they are due.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn due_webhooks(
        &self,
        provider: &str,
        kinds: WebhookKinds,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<WebhookEvent>, StoreError> {
        ask_database!(self, due_webhooks(provider, kinds, now, limit))
    }

    /// Notes that an event was worked, and what came of it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn finish_webhook(
        &self,
        provider: &str,
        id: &str,
        org: Option<OrgId>,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        ask_database!(self, finish_webhook(provider, id, org, outcome, now))
    }

    /// Notes that an event could not be worked and is to be tried again then.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn put_off_webhook(
        &self,
        provider: &str,
        id: &str,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        ask_database!(self, put_off_webhook(provider, id, due_at))
    }

    /// Deletes events that were worked a month ago; gives how many.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn forget_webhooks(&self, now: Timestamp) -> Result<u64, StoreError> {
        ask_database!(self, forget_webhooks(now))
    }
}

impl Sql {
    pub(crate) async fn keep_webhook(
        &self,
        provider: &'static str,
        event: NewWebhookEvent,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = webhook_event::Model {
            provider: provider.to_owned(),
            event_id: event.id,
            org_id: None,
            kind: event.kind,
            body: event.body,
            occurred_at: event.occurred_at.as_millis(),
            received_at: now.as_millis(),
            attempts: 0,
            due_at: Some(now.as_millis()),
            worked_at: None,
            outcome: None,
        };
        use webhook_event::Column::{EventId, Provider};
        let known = OnConflict::columns([Provider, EventId]).do_nothing().to_owned();
        let kept = webhook_event::Entity::insert(entity::insertable(row)).on_conflict(known);
        let kept = kept.try_insert().exec_without_returning(self.changes()).await?;
        Ok(matches!(kept, TryInsertResult::Inserted(1)))
    }

    pub(crate) async fn due_webhooks(
        &self,
        provider: &str,
        kinds: WebhookKinds,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<WebhookEvent>, StoreError> {
        use webhook_event::Column::{DueAt, EventId, Kind, Provider};
        let is_asked_for = match kinds {
            WebhookKinds::All => Condition::all(),
            WebhookKinds::Named => Condition::all().add(Kind.ne("")),
            WebhookKinds::Unnamed => Condition::all().add(Kind.eq("")),
        };
        let due = webhook_event::Entity::find()
            .filter(Provider.eq(provider))
            .filter(DueAt.lte(now.as_millis()))
            .filter(is_asked_for)
            .order_by_asc(DueAt)
            .order_by_asc(EventId)
            .limit(limit);
        Ok(due.all(&self.db).await?.into_iter().map(WebhookEvent::from).collect())
    }

    pub(crate) async fn finish_webhook(
        &self,
        provider: &str,
        id: &str,
        org: Option<OrgId>,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        use webhook_event::Column::{
            Attempts, DueAt, EventId, OrgId as Org, Outcome, Provider, WorkedAt,
        };
        webhook_event::Entity::update_many()
            .col_expr(Org, Expr::val(org.map(|org| org.0)))
            .col_expr(Outcome, Expr::val(outcome))
            .col_expr(WorkedAt, Expr::val(now.as_millis()))
            .col_expr(DueAt, Expr::val(None::<i64>))
            .col_expr(Attempts, Expr::col(Attempts).add(1))
            .filter(Provider.eq(provider))
            .filter(EventId.eq(id))
            .filter(WorkedAt.is_null()) // whoever was first has said it
            .exec(self.changes())
            .await?;
        Ok(())
    }

    pub(crate) async fn put_off_webhook(
        &self,
        provider: &str,
        id: &str,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        use webhook_event::Column::{Attempts, DueAt, EventId, Provider, WorkedAt};
        webhook_event::Entity::update_many()
            .col_expr(DueAt, Expr::val(due_at.as_millis()))
            .col_expr(Attempts, Expr::col(Attempts).add(1))
            .filter(Provider.eq(provider))
            .filter(EventId.eq(id))
            .filter(WorkedAt.is_null())
            .exec(self.changes())
            .await?;
        Ok(())
    }

    pub(crate) async fn forget_webhooks(&self, now: Timestamp) -> Result<u64, StoreError> {
        const OLD: &str = "DELETE FROM webhook_events WHERE (provider, event_id) IN
            (SELECT provider, event_id FROM webhook_events WHERE worked_at < $1 LIMIT $2)";
        self.forget_bit_by_bit(OLD, now.as_millis() - KNOWN_SECS * 1_000).await
    }
}
