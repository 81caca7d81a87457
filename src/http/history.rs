//! What a unit was shown as: its history, as intervals of the displayed status.

use axum::{Json, extract::State};
use hub_domain::{Status, UnitId};
use hub_store::records::StatusInterval;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::ReadErrors,
    asked::{self, Id, Listed, Query},
    error::ApiError,
    openapi::{ById, InOrganization},
    readings::span,
    schemas::{self, AnySchema},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// Which part of the history is wanted: from (inclusive) to (exclusive).
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryIn {
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::moment_cursor)]
    cursor: Option<String>,
}

/// A span of time in which a unit was shown as one thing.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntervalOut {
    from: InstantOut,
    /// Not included; `null` while it lasts.
    #[schema(required)]
    to: Option<InstantOut>,
    #[schema(schema_with = schemas::unit_status)]
    status: &'static str,
    /// Which region calls for the status.
    #[schema(required, schema_with = causes)]
    cause: Option<&'static str>,
    #[schema(schema_with = schemas::thermal)]
    thermal: &'static str,
    #[schema(schema_with = schemas::link)]
    link: &'static str,
    #[schema(schema_with = schemas::door)]
    door: &'static str,
    #[schema(schema_with = schemas::manual_log)]
    manual_log: &'static str,
    #[schema(schema_with = schemas::mode)]
    mode: String,
    /// When the hub found out.
    written_at: InstantOut,
}

fn causes() -> AnySchema {
    schemas::words_or_none(["temperature", "link", "manual_log"])
}

const fn cause(status: Status) -> Option<&'static str> {
    match status {
        Status::Ok => None,
        Status::Late | Status::MonitoringInterrupted => Some("link"),
        Status::ManualRequired => Some("manual_log"),
        Status::Restoring | Status::Excursion | Status::AlarmActive => Some("temperature"),
    }
}

impl From<StatusInterval> for IntervalOut {
    fn from(interval: StatusInterval) -> Self {
        Self {
            from: InstantOut(interval.from),
            to: interval.to.map(InstantOut),
            status: interval.status.name(),
            cause: cause(interval.status),
            thermal: interval.thermal.name(),
            link: interval.link.name(),
            door: interval.door.name(),
            manual_log: interval.manual_log.name(),
            mode: interval.mode,
            written_at: InstantOut(interval.written_at),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What a unit was shown as, oldest first.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's; 400 for a bad span or page.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/history",
    operation_id = "getUnitHistory",
    tag = "Units",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById, HistoryIn),
    responses(
        (status = 200, description = "A page of the intervals that touch the span. Each ends where the next begins.", body = Listed<IntervalOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    Query(asked): Query<HistoryIn>,
) -> Result<Json<Listed<IntervalOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let (from, to) = span(asked.from.as_deref(), asked.to.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let history = hub.store.unit_history(caller.scope(), unit, from, to, page).await?;
    Ok(Json(Listed::of(history.ok_or(ApiError::NotFound)?, IntervalOut::from)))
}
