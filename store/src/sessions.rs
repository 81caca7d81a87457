//! Sessions of the hub's own sign-in: families of tokens, each of which renews the session once.
//!
//! Every change locks the person's row first, so that ending all of somebody's sessions and renewing one of them
//! cannot pass each other by.

use hub_domain::{Timestamp, UserId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    Select,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{self, refresh_token, user},
    open::ask_database,
    records::{Actor, AuditEntry, Renewal, Secret},
    sql::{self, Sql},
};

/// A token that was used no longer ago than this is refused and nothing more: two tabs of one browser may have sent
/// it at the same moment.
const SAME_MOMENT_MILLIS: i64 = 10_000;

/// Forgets the oldest, so many at most, of those that were over before an instant.
const FORGET_SOME: &str = "DELETE FROM refresh_tokens WHERE id IN (
    SELECT id FROM refresh_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

impl Store {
    /// Begins a session of somebody who signed in with the password of that hash; gives the generation of their tokens.
    ///
    /// # Errors
    /// `Stale` if the password was changed meanwhile, otherwise as [`StoreError`] says.
    pub async fn open_session(
        &self,
        user: UserId,
        password_hash: Option<&str>,
        fresh: Secret,
        lasts_secs: u32,
    ) -> Result<i64, StoreError> {
        let now = self.now();
        let ends_at = now.plus_secs(lasts_secs);
        ask_database!(self, open_session(user, password_hash, fresh, now, ends_at))
    }

    /// Renews a session: `shown` is used up, `fresh` is the next. Of many at once one is renewed.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn renew_session(
        &self,
        shown: Secret,
        fresh: Secret,
        lasts_secs: u32,
    ) -> Result<Renewal, StoreError> {
        let Some((user, family, is_used)) = ask_database!(self, token_is_of(shown))? else {
            return Ok(Renewal::Refused); // without holding those up who write
        };
        let now = self.now();
        let entries = if is_used {
            let ended = json!({ "sessionId": family, "endedAt": now.as_millis() });
            let (by, action) = (Actor::Hub, "user.session_stolen");
            self.entries_everywhere(user, by, action, json!({}), ended).await?
        } else {
            Vec::new() // nor is it called stolen where it is used just now
        };
        let ends_at = now.plus_secs(lasts_secs);
        ask_database!(self, renew_session(shown, fresh, now, ends_at, &entries))
    }

    /// Ends a session by any of its tokens. Nothing happens if it is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn end_session(&self, shown: Secret) -> Result<(), StoreError> {
        let now = self.now();
        ask_database!(self, end_session(shown, now))
    }
}

impl Sql {
    pub(crate) async fn open_session(
        &self,
        user: UserId,
        password_hash: Option<&str>,
        fresh: Secret,
        now: Timestamp,
        ends_at: Timestamp,
    ) -> Result<i64, StoreError> {
        let change = self.begin().await?;
        let person = hold_user(&change, user).await?.ok_or(StoreError::NotFound)?;
        if person.password_hash.as_deref() != password_hash {
            return Err(StoreError::Stale);
        }
        insert(&change, fresh, fresh.id, user, now, ends_at).await?;
        change.commit().await?;
        Ok(person.token_generation)
    }

    pub(crate) async fn renew_session(
        &self,
        shown: Secret,
        fresh: Secret,
        now: Timestamp,
        ends_at: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<Renewal, StoreError> {
        let change = self.begin().await?;
        let held = hold_token(&change, shown).await?;
        let Some((row, person)) = held else { return Ok(Renewal::Refused) };
        let user = UserId(row.user_id);
        if row.revoked_at.is_some() || row.expires_at <= now.as_millis() {
            return Ok(Renewal::Refused);
        }
        match row.used_at {
            Some(used_at) if now.as_millis() - used_at <= SAME_MOMENT_MILLIS => {
                return Ok(Renewal::Refused);
            }
            Some(_) => {
                revoke(&change, refresh_token::Column::FamilyId.eq(row.family_id), now).await?;
                end_access(&change, user).await?;
                sql::audit_all(&change, entries).await?;
                change.commit().await?;
                return Ok(Renewal::Stolen(user));
            }
            None => {}
        }
        let used = refresh_token::Entity::update_many()
            .col_expr(refresh_token::Column::UsedAt, Expr::val(now.as_millis()))
            .filter(refresh_token::Column::Id.eq(row.id));
        used.exec(&change).await?;
        insert(&change, fresh, row.family_id, user, now, ends_at).await?;
        change.commit().await?;
        Ok(Renewal::Renewed(user, person.token_generation))
    }

    pub(crate) async fn end_session(
        &self,
        shown: Secret,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.token_is_of(shown).await?.is_none() {
            return Ok(());
        }
        let change = self.begin().await?;
        let Some((row, _)) = hold_token(&change, shown).await? else { return Ok(()) };
        revoke(&change, refresh_token::Column::FamilyId.eq(row.family_id), now).await?;
        Ok(change.commit().await?)
    }

    /// Forgets the tokens that are over, used ones too: a session that is renewed for years has many of them. One of
    /// them that is shown once more is refused as ever, since it was over. Gives how many.
    pub(crate) async fn forget_tokens(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.forget_bit_by_bit(FORGET_SOME, now.as_millis()).await
    }

    /// Whose token it is, of which session, and whether it is used.
    pub(crate) async fn token_is_of(
        &self,
        shown: Secret,
    ) -> Result<Option<(UserId, Uuid, bool)>, StoreError> {
        let row = token(shown).one(&self.db).await?;
        Ok(row.map(|row| (UserId(row.user_id), row.family_id, row.used_at.is_some())))
    }
}

fn token(shown: Secret) -> Select<refresh_token::Entity> {
    let is_it = refresh_token::Column::SecretHash.eq(shown.hash.to_vec());
    refresh_token::Entity::find_by_id(shown.id).filter(is_it)
}

/// Ends all of somebody's sessions and access tokens, within a change that holds their row.
pub(crate) async fn end_all(
    change: &DatabaseTransaction,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    revoke(change, refresh_token::Column::UserId.eq(user.0), now).await?;
    end_access(change, user).await
}

/// Makes every access token of somebody worthless, within a change that holds their row.
async fn end_access(change: &DatabaseTransaction, user: UserId) -> Result<(), StoreError> {
    use user::Column::{Id, TokenGeneration};
    let update = user::Entity::update_many()
        .col_expr(TokenGeneration, Expr::col(TokenGeneration).add(1))
        .filter(Id.eq(user.0));
    update.exec(change).await?;
    Ok(())
}

/// Somebody's row, which nobody else changes until the change ends.
pub(crate) async fn hold_user(
    change: &DatabaseTransaction,
    user: UserId,
) -> Result<Option<user::Model>, StoreError> {
    Ok(user::Entity::find_by_id(user.0).lock_exclusive().one(change).await?)
}

/// The row of a token and its person's, both held.
async fn hold_token(
    change: &DatabaseTransaction,
    shown: Secret,
) -> Result<Option<(refresh_token::Model, user::Model)>, StoreError> {
    let Some(found) = token(shown).one(change).await? else { return Ok(None) };
    let person = hold_user(change, UserId(found.user_id)).await?;
    // as it is now that nobody else can change it
    let row = refresh_token::Entity::find_by_id(shown.id).one(change).await?;
    Ok(row.zip(person))
}

async fn insert(
    change: &DatabaseTransaction,
    fresh: Secret,
    family_id: Uuid,
    user: UserId,
    now: Timestamp,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    let row = refresh_token::Model {
        id: fresh.id,
        family_id,
        user_id: user.0,
        secret_hash: fresh.hash.to_vec(),
        created_at: now.as_millis(),
        expires_at: ends_at.as_millis(),
        used_at: None,
        revoked_at: None,
    };
    let row = refresh_token::Entity::insert(entity::insertable(row));
    row.exec_without_returning(change).await?;
    Ok(())
}

async fn revoke(
    change: &DatabaseTransaction,
    whose: Expr,
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::RevokedAt, Expr::val(now.as_millis()))
        .filter(whose)
        .filter(refresh_token::Column::RevokedAt.is_null());
    update.exec(change).await?;
    Ok(())
}
