//! What of the usage ledger Stripe was told.
//!
//! A line is fixed before it is told: what Stripe hears under an identifier is the same each time.

use hub_domain::{Meter, OrgId, Timestamp, UtcDay};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, EntityTrait as _, FromQueryResult,
    QueryFilter as _, Statement,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{known, usage_line},
    open::ask_database,
    records::{DueUsage, UsageKey},
    scope::within,
    sql::Sql,
};

impl Store {
    /// Some lines that Stripe is to be told now, the oldest days first: those of organizations that have a subscription
    /// there, and since it was made.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn due_usage(&self, now: Timestamp, limit: u64) -> Result<Vec<DueUsage>, StoreError> {
        ask_database!(self, due_usage(now, limit))
    }

    /// Fixes a line: it is told as of then, and never changes again. Gives what it says by now; `None` where somebody
    /// else has fixed it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn fix_usage(
        &self,
        key: UsageKey,
        effective_at: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        ask_database!(self, fix_usage(key, effective_at))
    }

    /// Notes that Stripe has a line.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn usage_told(&self, key: UsageKey, now: Timestamp) -> Result<(), StoreError> {
        ask_database!(self, usage_told(key, now))
    }

    /// Notes that a line is not told, and why. It stays in the ledger.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn usage_not_told(&self, key: UsageKey, why: &str) -> Result<(), StoreError> {
        ask_database!(self, usage_not_told(key, why))
    }

    /// Notes that a line could not be told and is to be tried again then.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn put_off_usage(&self, key: UsageKey, due_at: Timestamp) -> Result<(), StoreError> {
        ask_database!(self, put_off_usage(key, due_at))
    }
}

const DUE: &str = "
SELECT usage_ledger.org_id, meter, day, ordinal, value, identifier, customer, effective_at, attempts
FROM usage_ledger
    JOIN subscriptions ON subscriptions.org_id = usage_ledger.org_id
    JOIN organizations ON organizations.id = usage_ledger.org_id
WHERE due_at <= $1 AND subscription IS NOT NULL AND customer IS NOT NULL AND state <> 'canceled'
    AND day >= subscribed_at / 86400000 AND organizations.deleted_at IS NULL
ORDER BY day, usage_ledger.org_id, meter, ordinal LIMIT $2";

/// Nobody else has fixed it, and nobody has settled that it is not told.
const FIX: &str = "
UPDATE usage_ledger SET effective_at = $1
WHERE org_id = $2 AND meter = $3 AND day = $4 AND ordinal = $5 AND effective_at IS NULL AND refusal IS NULL
RETURNING value";

#[derive(FromQueryResult)]
struct DueRow {
    org_id: Uuid,
    meter: String,
    day: i64,
    ordinal: i64,
    value: i64,
    identifier: String,
    customer: String,
    effective_at: Option<i64>,
    attempts: i64,
}

impl TryFrom<DueRow> for DueUsage {
    type Error = StoreError;

    fn try_from(row: DueRow) -> Result<Self, StoreError> {
        let wrong = |_| StoreError::Corrupt(format!("usage {}", row.identifier));
        Ok(Self {
            key: UsageKey {
                org: OrgId(row.org_id),
                meter: known("meter", &row.meter, Meter::named)?,
                day: UtcDay(i32::try_from(row.day).map_err(wrong)?),
                ordinal: u16::try_from(row.ordinal).map_err(wrong)?,
            },
            value: row.value.unsigned_abs(),
            customer: row.customer,
            effective_at: row.effective_at.map(Timestamp::from_millis),
            attempts: u32::try_from(row.attempts).map_err(wrong)?,
            identifier: row.identifier,
        })
    }
}

impl Sql {
    pub(crate) async fn due_usage(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<DueUsage>, StoreError> {
        let values = [now.as_millis().into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let due = Statement::from_sql_and_values(self.db.get_database_backend(), DUE, values);
        let rows = DueRow::find_by_statement(due).all(&self.db).await?;
        rows.into_iter().map(DueUsage::try_from).collect()
    }

    pub(crate) async fn fix_usage(
        &self,
        key: UsageKey,
        effective_at: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let db = self.changes();
        let values = [
            effective_at.as_millis().into(),
            key.org.0.into(),
            key.meter.name().into(),
            i64::from(key.day.0).into(),
            i64::from(key.ordinal).into(),
        ];
        let fix = Statement::from_sql_and_values(db.get_database_backend(), FIX, values);
        let fixed = db.query_one_raw(fix).await?;
        let value = fixed.map(|row| row.try_get::<i64>("", "value")).transpose()?;
        Ok(value.map(i64::unsigned_abs))
    }

    pub(crate) async fn usage_told(&self, key: UsageKey, now: Timestamp) -> Result<(), StoreError> {
        use usage_line::Column::{Attempts, DueAt, ReportedAt};
        usage_line::Entity::update_many()
            .col_expr(ReportedAt, Expr::val(now.as_millis()))
            .col_expr(DueAt, Expr::val(None::<i64>))
            .col_expr(Attempts, Expr::col(Attempts).add(1))
            .filter(is(key))
            .filter(ReportedAt.is_null())
            .exec(self.changes())
            .await?;
        Ok(())
    }

    pub(crate) async fn usage_not_told(&self, key: UsageKey, why: &str) -> Result<(), StoreError> {
        use usage_line::Column::{Attempts, DueAt, Refusal, ReportedAt};
        usage_line::Entity::update_many()
            .col_expr(Refusal, Expr::val(why))
            .col_expr(DueAt, Expr::val(None::<i64>))
            .col_expr(Attempts, Expr::col(Attempts).add(1))
            .filter(is(key))
            .filter(ReportedAt.is_null())
            .exec(self.changes())
            .await?;
        Ok(())
    }

    pub(crate) async fn put_off_usage(
        &self,
        key: UsageKey,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        use usage_line::Column::{Attempts, DueAt, ReportedAt};
        usage_line::Entity::update_many()
            .col_expr(DueAt, Expr::val(due_at.as_millis()))
            .col_expr(Attempts, Expr::col(Attempts).add(1))
            .filter(is(key))
            .filter(ReportedAt.is_null())
            .exec(self.changes())
            .await?;
        Ok(())
    }
}

/// True of that line.
fn is(key: UsageKey) -> Condition {
    use usage_line::Column::{Day, Meter, Ordinal, OrgId};
    Condition::all()
        .add(within(OrgId, key.org))
        .add(Meter.eq(key.meter.name()))
        .add(Day.eq(i64::from(key.day.0)))
        .add(Ordinal.eq(i64::from(key.ordinal)))
}
