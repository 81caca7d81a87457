//! Whether a hub hears the sensors. What one finds silent as it comes back is no news of the sensors.

use hub_domain::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    EntityTrait as _,
    sea_query::{CaseStatement, Expr, ExprTrait as _, OnConflict},
};

use crate::{
    Store, StoreError,
    entity::hub_presence::{ActiveModel, Column, Entity},
    open::{Backend, ask_database},
    sql::Sql,
};

/// A hub of which nothing was heard for so long, in milliseconds, was away: 5 minutes.
const AWAY_MILLIS: i64 = 300_000;

/// The one row.
const ROW: i64 = 1;

impl Store {
    /// Says that a hub hears the sensors. Where nobody had said so for five minutes, it is back now.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn beat(&self) -> Result<(), StoreError> {
        if matches!(self.backend(), Backend::Memory(_)) {
            return Ok(()); // which nothing survives: it was never away
        }
        let now = self.now();
        ask_database!(self, beat(now))
    }

    /// When a hub last came back after five minutes or more in which nobody heard the sensors.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn back_at(&self) -> Result<Option<Timestamp>, StoreError> {
        ask_database!(self, back_at())
    }
}

impl Sql {
    pub(crate) async fn beat(&self, now: Timestamp) -> Result<(), StoreError> {
        let now = now.as_millis();
        let row = ActiveModel { id: Set(ROW), beat_at: Set(now), back_at: Set(None) };
        let before = || Expr::col((Entity, Column::BeatAt));
        let back: CaseStatement = CaseStatement::new()
            .case(before().lt(now - AWAY_MILLIS), now)
            .finally(Expr::col((Entity, Column::BackAt)));
        // a clock that was put back takes nothing back
        let beat = CaseStatement::new().case(before().gt(now), before()).finally(now);
        let mut again = OnConflict::column(Column::Id);
        again.value(Column::BackAt, back).value(Column::BeatAt, beat);
        let change = self.begin().await?;
        Entity::insert(row).on_conflict(again).exec_without_returning(&change).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn back_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = Entity::find_by_id(ROW).one(&self.db).await?;
        Ok(row.and_then(|row| row.back_at).map(Timestamp::from_millis))
    }
}
