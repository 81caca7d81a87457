//! The tries at a message, and what came of them.

use hub_domain::Timestamp;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, DatabaseTransaction,
    EntityTrait as _, QueryFilter as _, QueryOrder as _,
};
use uuid::Uuid;

use super::delivery::Outcome;
use crate::{
    StoreError,
    entity::{delivery_attempt, notification_intent},
};

/// Whether nobody has said what came of it.
fn is_open(tried: &delivery_attempt::Model) -> bool {
    ["begun", "unclear"].contains(&tried.state.as_str())
}

/// The last try, where nobody has said what came of it.
pub(super) async fn open_attempt(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
) -> Result<Option<delivery_attempt::Model>, StoreError> {
    Ok(last_attempt(change, row.id).await?.filter(is_open))
}

async fn last_attempt(
    change: &DatabaseTransaction,
    intent: Uuid,
) -> Result<Option<delivery_attempt::Model>, StoreError> {
    use delivery_attempt::{Column, Entity};
    let last = Entity::find().filter(Column::IntentId.eq(intent)).order_by_desc(Column::Number);
    Ok(last.one(change).await?)
}

/// Writes what a provider answered.
pub(super) async fn write_attempt(
    change: &DatabaseTransaction,
    tried: &delivery_attempt::Model,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_open = is_open(tried); // what a receipt said of it stays
    let mut edit: delivery_attempt::ActiveModel = tried.clone().into();
    edit.answered_at = Set(Some(now.as_millis()));
    let (state, code, detail, is_over) = match outcome {
        Outcome::Accepted { message, has_receipt } => {
            edit.provider_message_id = Set(message.clone());
            ("accepted", None, None, !has_receipt)
        }
        Outcome::NotNow { code, detail } | Outcome::Refused { code, detail, .. } => {
            ("refused", Some(code.clone()), Some(detail.clone()), true)
        }
        Outcome::Unclear { detail } => ("unclear", None, Some(detail.clone()), false),
    };
    edit.is_setup = Set(matches!(outcome, Outcome::Refused { is_setup: true, .. }));
    if is_open {
        edit.state = Set(state.to_owned());
        edit.code = Set(code);
        edit.detail = Set(detail);
        edit.settled_at = Set(is_over.then_some(now.as_millis()));
    }
    edit.update(change).await?;
    Ok(())
}
