//! Requests that must be done once only, by the keys that their callers chose.

use hub_domain::{OrgId, Timestamp};
use sea_orm::{DatabaseTransaction, EntityTrait as _, SqlErr};
use uuid::Uuid;

use crate::{
    RequestKey, Store, StoreError,
    entity::{self, idempotency_key},
    open::ask_database,
    records::AuditEntry,
    sql::Sql,
};

/// How long a key holds at the least, in milliseconds: it is forgotten by the first upkeep after that.
const HOLDS: i64 = 24 * 3600 * 1000;

/// Forgets the oldest, so many at most, of those from before an instant.
const FORGET_SOME: &str = "DELETE FROM idempotency_keys WHERE (org_id, caller_id, key) IN (
    SELECT org_id, caller_id, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)";

/// What a request made when it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
    /// The kind of object, e.g. `site`.
    pub object_kind: String,
    /// Which.
    pub object_id: Uuid,
    /// False where it was there and was written over.
    pub is_new: bool,
}

impl Store {
    /// What the caller's request of that key made, if it was done.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn made_by(
        &self,
        org: OrgId,
        caller: Uuid,
        key: &str,
    ) -> Result<Option<Made>, StoreError> {
        ask_database!(self, made_by(org, caller, key))
    }
}

impl Sql {
    pub(crate) async fn made_by(
        &self,
        org: OrgId,
        caller: Uuid,
        key: &str,
    ) -> Result<Option<Made>, StoreError> {
        let key = (org.0, caller, key.to_owned());
        let row = idempotency_key::Entity::find_by_id(key).one(&self.of(org).await?).await?;
        let made = |row: idempotency_key::Model| {
            Ok(Made {
                fingerprint: entity::hash(&row.fingerprint)?,
                object_kind: row.object_kind,
                object_id: row.object_id,
                is_new: row.is_new,
            })
        };
        row.map(made).transpose()
    }

    /// Forgets the keys that have held long enough; gives how many.
    pub(crate) async fn forget_keys(&self, now: Timestamp) -> Result<u64, StoreError> {
        let until = now.plus_millis(-HOLDS).as_millis();
        self.forget_bit_by_bit(FORGET_SOME, until).await
    }
}

/// Keeps a request's key with what it made. Another with the same key waits for the first, and is then `Repeated`.
pub(crate) async fn keep(
    change: &DatabaseTransaction,
    key: &RequestKey,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let row = idempotency_key::Model {
        org_id: entry.org.0,
        caller_id: key.caller,
        key: key.key.clone(),
        fingerprint: key.fingerprint.to_vec(),
        object_kind: entry.object_kind.clone(),
        object_id: entry.object_id,
        is_new: entry.action.ends_with(".created"),
        created_at: entry.at.as_millis(),
    };
    let kept = idempotency_key::Entity::insert(entity::insertable(row));
    match kept.exec_without_returning(change).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => StoreError::Repeated,
            _ => error.into(),
        }),
    }
}
