//! One file mirrors one table: its row, and how a row and a record of the domain become each other.
//!
//! A row that cannot be a record is [`StoreError::Corrupt`], never a default.

pub(crate) mod alert;
pub(crate) mod alert_event;
pub(crate) mod alert_rule;
pub(crate) mod alert_rule_version;
pub(crate) mod api_key;
pub(crate) mod area;
pub(crate) mod audit_entry;
pub(crate) mod device;
pub(crate) mod membership;
pub(crate) mod organization;
pub(crate) mod reading;
pub(crate) mod signing_key;
pub(crate) mod site;
pub(crate) mod site_owner;
pub(crate) mod ttn_connection;
pub(crate) mod unclaimed_device;
pub(crate) mod unit;
pub(crate) mod unit_state;
pub(crate) mod uplink;
pub(crate) mod user;

use crate::StoreError;

/// A SHA-256 as stored.
fn hash(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt(format!("a hash of {} bytes", bytes.len())))
}

/// A stored word that has to be one of those known.
pub(crate) fn known<T>(
    what: &str,
    word: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    parse(word).ok_or_else(|| StoreError::Corrupt(format!("{what} {word:?}")))
}

/// A row all of whose columns are to be written.
pub(crate) fn insertable<M>(row: M) -> <M::Entity as sea_orm::EntityTrait>::ActiveModel
where
    M: sea_orm::ModelTrait
        + sea_orm::IntoActiveModel<<M::Entity as sea_orm::EntityTrait>::ActiveModel>,
{
    use sea_orm::ActiveModelTrait as _;
    row.into_active_model().reset_all()
}
