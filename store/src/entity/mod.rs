//! One file mirrors one table: its row, and how a row and a record of the domain become each other.
//!
//! A row that cannot be a record is [`StoreError::Corrupt`], never a default.

pub(crate) mod account_link;
pub(crate) mod account_mail;
pub(crate) mod alert;
pub(crate) mod alert_event;
pub(crate) mod alert_plan;
pub(crate) mod alert_rule;
pub(crate) mod alert_rule_version;
pub(crate) mod api_key;
pub(crate) mod area;
pub(crate) mod audit_entry;
pub(crate) mod calibration;
pub(crate) mod contact;
pub(crate) mod corrective_action;
pub(crate) mod delivery_attempt;
pub(crate) mod device;
pub(crate) mod device_assignment;
pub(crate) mod device_chore;
pub(crate) mod digest;
pub(crate) mod digest_subscription;
pub(crate) mod door_event;
pub(crate) mod erasure;
pub(crate) mod gateway;
pub(crate) mod hub_node;
pub(crate) mod hub_presence;
pub(crate) mod idempotency_key;
pub(crate) mod impersonation;
pub(crate) mod inspector_link;
pub(crate) mod inspector_link_site;
pub(crate) mod invitation;
pub(crate) mod maintenance_window;
pub(crate) mod manual_log;
pub(crate) mod membership;
pub(crate) mod notification_intent;
pub(crate) mod notification_policy;
pub(crate) mod operator;
pub(crate) mod organization;
pub(crate) mod organization_plan;
pub(crate) mod reading;
pub(crate) mod recovery_code;
pub(crate) mod refresh_token;
pub(crate) mod reply_code;
pub(crate) mod signing_key;
pub(crate) mod site;
pub(crate) mod site_owner;
pub(crate) mod subscription;
pub(crate) mod ttn_connection;
pub(crate) mod unclaimed_device;
pub(crate) mod unit;
pub(crate) mod unit_chore;
pub(crate) mod unit_state;
pub(crate) mod unit_status_change;
pub(crate) mod uplink;
pub(crate) mod usage_line;
pub(crate) mod user;
pub(crate) mod webhook_event;

use hub_domain::Timestamp;

use crate::{StoreError, records::Edition};

/// A SHA-256 as stored.
pub(crate) fn hash(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt(format!("a hash of {} bytes", bytes.len())))
}

/// The three columns of how a row was edited.
pub(crate) fn edition(version: i64, updated_at: Option<i64>, deleted_at: Option<i64>) -> Edition {
    let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
    Edition { version, updated_at: at(updated_at), deleted_at: at(deleted_at) }
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

/// Writes a column that holds JSON as what it holds, so that the audit log does not have it as text within text.
pub(crate) fn as_json<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::{Serialize as _, ser::Error as _};
    let value: serde_json::Value = serde_json::from_str(text).map_err(S::Error::custom)?;
    value.serialize(serializer)
}
