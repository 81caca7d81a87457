//! Second factors: time-based one-time passwords (RFC 6238) and the codes for when the device is lost.

use hub_domain::{Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, sea_query::Expr,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    entity::{self, recovery_code, user},
    open::ask_database,
    records::{Actor, AuditEntry},
    sql::{self, Sql},
};

impl Store {
    /// Keeps the secret of a second factor that is being set up, in place of an earlier one.
    ///
    /// # Errors
    /// `Taken` if one is in use, otherwise as [`StoreError`] says.
    pub async fn begin_totp(&self, user: UserId, secret: &[u8]) -> Result<(), StoreError> {
        ask_database!(self, begin_totp(user, secret))
    }

    /// Takes the second factor into use, with the hashes of its recovery codes. `step` is that of the password shown.
    ///
    /// # Errors
    /// `Stale` if it is another by now, or in use; otherwise as [`StoreError`] says.
    pub async fn confirm_totp(
        &self,
        user: UserId,
        secret: &[u8],
        step: i64,
        codes: &[[u8; 32]],
    ) -> Result<(), StoreError> {
        let (off, on) = (json!({ "totp": false }), json!({ "totp": true }));
        let by = Actor::User(user);
        let entries = self.entries_everywhere(user, by, "user.totp_enabled", off, on).await?;
        let now = self.now();
        ask_database!(self, confirm_totp(user, secret, step, codes, now, &entries))
    }

    /// Uses up the one-time password of a step: true once for each step, and for none before one that was used.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn take_totp_step(&self, user: UserId, step: i64) -> Result<bool, StoreError> {
        ask_database!(self, take_totp_step(user, step))
    }

    /// Uses up a recovery code: true once for each.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn take_recovery_code(
        &self,
        user: UserId,
        hash: [u8; 32],
    ) -> Result<bool, StoreError> {
        let now = self.now();
        ask_database!(self, take_recovery_code(user, hash, now))
    }

    /// How many recovery codes are left.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn recovery_codes_left(&self, user: UserId) -> Result<u64, StoreError> {
        ask_database!(self, recovery_codes_left(user))
    }

    /// Takes the second factor out of use.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove_totp(&self, user: UserId) -> Result<(), StoreError> {
        let (on, off) = (json!({ "totp": true }), json!({ "totp": false }));
        let by = Actor::User(user);
        let entries = self.entries_everywhere(user, by, "user.totp_disabled", on, off).await?;
        ask_database!(self, remove_totp(user, &entries))
    }
}

impl Sql {
    pub(crate) async fn begin_totp(&self, user: UserId, secret: &[u8]) -> Result<(), StoreError> {
        let edit =
            user::ActiveModel { totp_secret: Set(Some(secret.to_vec())), ..Default::default() };
        let update = user::Entity::update_many()
            .set(edit)
            .filter(user::Column::Id.eq(user.0))
            .filter(user::Column::TotpConfirmedAt.is_null());
        let done = update.exec(self.changes()).await?;
        if done.rows_affected == 0 { Err(StoreError::Taken("totp")) } else { Ok(()) }
    }

    pub(crate) async fn confirm_totp(
        &self,
        user: UserId,
        secret: &[u8],
        step: i64,
        codes: &[[u8; 32]],
        now: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let edit = user::ActiveModel {
            totp_confirmed_at: Set(Some(now.as_millis())),
            totp_last_step: Set(Some(step)),
            ..Default::default()
        };
        let change = self.begin().await?;
        let update = user::Entity::update_many()
            .set(edit)
            .filter(user::Column::Id.eq(user.0))
            .filter(user::Column::TotpSecret.eq(secret.to_vec()))
            .filter(user::Column::TotpConfirmedAt.is_null());
        if update.exec(&change).await?.rows_affected == 0 {
            return Err(StoreError::Stale);
        }
        forget_codes(&change, user).await?;
        let row = |hash: &[u8; 32]| {
            let row =
                recovery_code::Model { user_id: user.0, code_hash: hash.to_vec(), used_at: None };
            entity::insertable(row)
        };
        let rows = recovery_code::Entity::insert_many(codes.iter().map(row));
        rows.exec_without_returning(&change).await?;
        sql::audit_all(&change, entries).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn take_totp_step(&self, user: UserId, step: i64) -> Result<bool, StoreError> {
        let is_later = Condition::any()
            .add(user::Column::TotpLastStep.is_null())
            .add(user::Column::TotpLastStep.lt(step));
        let update = user::Entity::update_many()
            .col_expr(user::Column::TotpLastStep, Expr::val(step))
            .filter(user::Column::Id.eq(user.0))
            .filter(is_later);
        Ok(update.exec(self.changes()).await?.rows_affected == 1)
    }

    pub(crate) async fn take_recovery_code(
        &self,
        user: UserId,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = recovery_code::Entity::update_many()
            .col_expr(recovery_code::Column::UsedAt, Expr::val(now.as_millis()))
            .filter(recovery_code::Column::UserId.eq(user.0))
            .filter(recovery_code::Column::CodeHash.eq(hash.to_vec()))
            .filter(recovery_code::Column::UsedAt.is_null());
        Ok(update.exec(self.changes()).await?.rows_affected == 1)
    }

    pub(crate) async fn recovery_codes_left(&self, user: UserId) -> Result<u64, StoreError> {
        use sea_orm::PaginatorTrait as _;
        let of_user =
            recovery_code::Entity::find().filter(recovery_code::Column::UserId.eq(user.0));
        let left = of_user.filter(recovery_code::Column::UsedAt.is_null());
        Ok(left.count(&self.db).await?)
    }

    pub(crate) async fn remove_totp(
        &self,
        user: UserId,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        // the last step stays, so that no password of a second factor to come is taken twice either
        let edit = user::ActiveModel {
            totp_secret: Set(None),
            totp_confirmed_at: Set(None),
            ..Default::default()
        };
        let change = self.begin().await?;
        let update = user::Entity::update_many()
            .set(edit)
            .filter(user::Column::Id.eq(user.0))
            .filter(user::Column::TotpConfirmedAt.is_not_null());
        if update.exec(&change).await?.rows_affected > 0 {
            sql::audit_all(&change, entries).await?;
        }
        forget_codes(&change, user).await?;
        Ok(change.commit().await?)
    }
}

/// Makes somebody's recovery codes worthless.
pub(crate) async fn forget_codes(
    change: &DatabaseTransaction,
    user: UserId,
) -> Result<(), StoreError> {
    let codes = recovery_code::Entity::delete_many();
    codes.filter(recovery_code::Column::UserId.eq(user.0)).exec(change).await?;
    Ok(())
}
