//! The `usage_ledger` table.

use sea_orm::entity::prelude::*;

use hub_domain::{LedgerLine, Meter, Plan, Timestamp, UsageLine, UtcDay};

use crate::{StoreError, entity::known};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_ledger")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) org_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) meter: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) day: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) ordinal: i64,
    pub(crate) value: i64,
    pub(crate) identifier: String,
    pub(crate) adjustment_of: Option<String>,
    pub(crate) plan: String,
    pub(crate) is_billed: bool,
    pub(crate) counted_at: i64,
    pub(crate) effective_at: Option<i64>,
    pub(crate) due_at: Option<i64>,
    pub(crate) attempts: i64,
    pub(crate) reported_at: Option<i64>,
    pub(crate) refusal: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What was counted.
    pub(crate) fn meter(&self) -> Result<Meter, StoreError> {
        known("meter", &self.meter, Meter::named)
    }

    /// When it was used.
    pub(crate) fn day(&self) -> Result<UtcDay, StoreError> {
        number("day", self.day).map(UtcDay)
    }

    /// The line, which is fixed once it was to be told, settled or not.
    pub(crate) fn line(&self) -> Result<UsageLine, StoreError> {
        Ok(UsageLine {
            ordinal: number("ordinal", self.ordinal)?,
            value: number("value", self.value)?,
            is_told: self.effective_at.is_some() || self.refusal.is_some(),
        })
    }
}

/// For a bill a line is told once Stripe has it.
impl TryFrom<Model> for LedgerLine {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let day = row.day()?;
        let told_as_of = row.effective_at.map(|at| UtcDay::of(Timestamp::from_millis(at)));
        Ok(Self {
            meter: row.meter()?,
            day,
            billed_on: told_as_of.unwrap_or(day),
            line: UsageLine { is_told: row.reported_at.is_some(), ..row.line()? },
            plan: known("plan", &row.plan, Plan::named)?,
            is_billed: row.is_billed,
        })
    }
}

fn number<T: TryFrom<i64>>(what: &str, stored: i64) -> Result<T, StoreError> {
    T::try_from(stored).map_err(|_| StoreError::Corrupt(format!("{what} {stored}")))
}
