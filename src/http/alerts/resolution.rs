//! What a resolution by hand takes: a condition that is over, and where wanted what was done about it.

use hub_domain::AlertStatus;
use hub_store::{
    By, StoreError,
    records::{AlertRecord, CorrectiveAction, Edition},
};
use uuid::Uuid;

use crate::{app::Hub, auth::Caller, http::error::ApiError};

/// Refuses before anything is written down what the unit would refuse after.
pub(super) async fn may_be_resolved(hub: &Hub, alert: &AlertRecord) -> Result<(), ApiError> {
    if alert.status == AlertStatus::Resolved {
        return Err(ApiError::AlreadyResolved);
    }
    let seen = hub.units.observe(alert.unit).await?;
    if seen.state.is_condition_active(alert.kind) {
        return Err(ApiError::ConditionActive);
    }
    Ok(())
}

/// Writes down the action of a resolution. Sent again, it has the same id, and is there.
pub(super) async fn write_down(
    hub: &Hub,
    caller: &Caller,
    alert: &AlertRecord,
    words: &str,
) -> Result<(), ApiError> {
    let created_by = caller.user()?;
    let (minted, created_at) = hub.store.mint_record();
    let name = [created_by.0.as_bytes().as_slice(), words.as_bytes()].concat();
    let action = CorrectiveAction {
        id: Uuid::new_v5(&alert.id.0, &name),
        org: alert.org,
        site: alert.site,
        unit: alert.unit,
        alert: Some(alert.id),
        manual_log: None,
        action: words.to_owned(),
        taken_at: created_at,
        created_by,
        created_at,
        edition: Edition::default(),
    };
    let by = By { request: None, ..caller.by() };
    match hub.store.create_corrective_action(&action, by.clone()).await {
        Err(StoreError::Taken(_)) => {}
        made => return Ok(made?),
    }
    if hub.store.corrective_action(caller.org, action.id).await?.is_some() {
        return Ok(());
    }
    // it was deleted meanwhile, and is said anew
    Ok(hub.store.create_corrective_action(&CorrectiveAction { id: minted, ..action }, by).await?)
}

/// The corrective action and the note as one text, kept with the event.
pub(super) fn joined(note: Option<String>, action: Option<String>) -> Option<String> {
    match (action.map(|action| format!("Corrective action: {action}")), note) {
        (Some(action), Some(note)) => Some(format!("{action}\n{note}")),
        (action, note) => action.or(note),
    }
}
