//! Snoozing an alert, and ending that.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{AlertId, AlertStatus, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{AlertNowOut, find, now};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    http::{
        answers::{ActErrors, WriteErrors},
        asked::Id,
        body,
        error::ApiError,
        openapi::{ById, InOrganization},
        recorded, schemas,
    },
};

/// The longest snooze.
const LONGEST_SNOOZE_SECS: u32 = 86_400;

/// A snooze.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeIn {
    /// At most 24 hours ahead.
    #[schema(schema_with = schemas::instant)]
    until: String,
    #[schema(schema_with = schemas::words_text)]
    reason: String,
}

/// Keeps back what is told of an alert for a while. It goes on being judged; a snooze that holds is replaced.
///
/// # Errors
/// 403 below manager, 409 for an alert that is over, 422 without a reason or for an end more than 24 hours ahead.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{id}/snooze",
    operation_id = "snoozeAlert",
    tag = "Alerts",
    extensions(("x-deed" = json!("maintain"))),
    params(InOrganization, ById),
    request_body = SnoozeIn,
    responses(
        (status = 200, description = "The alert as it is now.", body = AlertNowOut),
        WriteErrors,
    ),
)]
pub async fn snooze(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
    body::Json(asked): body::Json<SnoozeIn>,
) -> Result<Json<AlertNowOut>, ApiError> {
    caller.may(Deed::Maintain)?;
    let alert = find(&hub, &caller, id).await?;
    let reason = recorded::words("/reason", asked.reason)?;
    let until = snooze_end(recorded::at("/until", &asked.until)?, hub.clock.now())?;
    if alert.status == AlertStatus::Resolved {
        return Err(ApiError::AlreadyResolved);
    }
    let by = caller.by().because(Some(reason.clone()));
    hub.store.snooze_alert(&alert, until, &reason, by).await?;
    Ok(Json(now(&hub, &alert).await?))
}

/// Ends the snooze of an alert.
///
/// # Errors
/// 404 for an alert that is not there, or not snoozed.
#[utoipa::path(
    delete,
    path = "/api/v1/alerts/{id}/snooze",
    operation_id = "unsnoozeAlert",
    tag = "Alerts",
    extensions(("x-deed" = json!("maintain"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is told of again."),
        ActErrors,
    ),
)]
pub async fn unsnooze(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::Maintain)?;
    let alert = find(&hub, &caller, id).await?;
    hub.store.unsnooze_alert(caller.org, alert.id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn snooze_end(until: Timestamp, now: Timestamp) -> Result<Timestamp, ApiError> {
    let wrong = |detail| Err(ApiError::field("/until", "bad_instant", detail));
    if until <= now {
        return wrong("the end is past");
    }
    if until > now.plus_secs(LONGEST_SNOOZE_SECS) {
        return wrong("the end is more than 24 hours ahead");
    }
    Ok(until)
}
