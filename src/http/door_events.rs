//! Doors: what people report, and when doors turned by all that was said of them.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use hub_domain::{SourceId, Timestamp, UnitId};
use hub_store::records::{DoorChange, DoorEvent};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ReadErrors, WriteErrors},
    asked::{self, Id, Listed, Query, bad_query},
    body,
    error::ApiError,
    openapi::{ById, InOrganization},
    recorded, schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

const DAY_SECS: u32 = 86_400;
/// How far back a list goes that does not say from when.
const DEFAULT_SPAN_DAYS: i64 = 31;
/// The longest span of a list.
const LONGEST_SPAN_DAYS: i64 = 366;

/// What somebody says of a door.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DoorEventIn {
    open: bool,
    #[schema(schema_with = schemas::instant)]
    recorded_at: String,
}

/// A door was said to be open or shut.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoorEventOut {
    open: bool,
    recorded_at: InstantOut,
    received_at: InstantOut,
    /// What said so: a device's id, or the unit's own for what people report.
    #[schema(schema_with = schemas::id)]
    source: String,
    /// Who said so, where a person did.
    #[schema(required, schema_with = schemas::id_or_none)]
    created_by: Option<String>,
}

impl From<DoorChange> for DoorEventOut {
    fn from(change: DoorChange) -> Self {
        Self {
            open: change.is_open,
            recorded_at: InstantOut(change.recorded_at),
            received_at: InstantOut(change.received_at),
            source: change.source.to_string(),
            created_by: change.created_by.map(|user| user.to_string()),
        }
    }
}

impl From<DoorEvent> for DoorEventOut {
    fn from(event: DoorEvent) -> Self {
        let DoorEvent { is_open, recorded_at, received_at, source, created_by, .. } = event;
        DoorChange { is_open, recorded_at, received_at, source, created_by }.into()
    }
}

/// Which turns are wanted: from (inclusive) to (exclusive), at most 366 days; the last 31 where not said.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DoorEventsIn {
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::door_cursor)]
    cursor: Option<String>,
}

/// A report as answered.
#[derive(Debug)]
pub struct Reported(DoorEvent);

impl IntoResponse for Reported {
    fn into_response(self) -> Response {
        let place = format!("/api/v1/units/{}/door-events", self.0.unit);
        let out = DoorEventOut::from(self.0);
        (StatusCode::CREATED, [(LOCATION, place)], Json(out)).into_response()
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(report, list))
}

/// Reports a door. The same report sent again changes nothing.
///
/// # Errors
/// 403 below staff, 404 for a unit that is not there, 409 where the opposite was reported of that instant.
#[utoipa::path(
    post,
    path = "/api/v1/units/{id}/door-events",
    operation_id = "reportDoor",
    tag = "Records",
    extensions(("x-deed" = json!("record"))),
    params(InOrganization, ById),
    request_body = DoorEventIn,
    responses(
        (status = 201, description = "It is kept.", body = DoorEventOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn report(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    body::Json(asked): body::Json<DoorEventIn>,
) -> Result<Reported, ApiError> {
    caller.may(Deed::Record)?;
    let unit = hub.store.unit(caller.scope(), unit).await?.ok_or(ApiError::NotFound)?;
    let (id, received_at) = hub.store.mint_record();
    let event = DoorEvent {
        id,
        org: caller.org,
        unit: unit.id,
        source: SourceId::direct(unit.id),
        is_open: asked.open,
        recorded_at: recorded::past("/recordedAt", &asked.recorded_at, received_at)?,
        received_at,
        created_by: Some(caller.user()?),
    };
    let kept = hub.store.keep_door_event(event, Some(caller.by())).await?;
    if kept.is_open != asked.open {
        return Err(ApiError::Conflicting);
    }
    // told again by a report that is sent again, if this one does not get here
    hub.units.door(kept.unit, kept.is_open, kept.recorded_at).await?;
    Ok(Reported(kept))
}

/// When the door of a unit turned, oldest first: by reports, sensors and readings together.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's; 400 for a bad span or page.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/door-events",
    operation_id = "listDoorEvents",
    tag = "Records",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById, DoorEventsIn),
    responses(
        (status = 200, description = "A page of them; perhaps fewer than asked for where there are more.", body = Listed<DoorEventOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    Query(asked): Query<DoorEventsIn>,
) -> Result<Json<Listed<DoorEventOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let (from, to) = span(&asked, hub.clock.now())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    hub.store.unit(caller.scope(), unit).await?.ok_or(ApiError::NotFound)?;
    let page = hub.store.door_changes(caller.org, unit, from, to, page).await?;
    Ok(Json(Listed::of(page, DoorEventOut::from)))
}

fn span(asked: &DoorEventsIn, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
    let days = |days: i64| days * i64::from(DAY_SECS) * 1000;
    let to = asked::query_instant("to", asked.to.as_deref())?;
    let to = to.unwrap_or_else(|| now.plus_secs(DAY_SECS));
    let from = asked::query_instant("from", asked.from.as_deref())?;
    let from = from.unwrap_or_else(|| {
        Timestamp::from_millis(to.as_millis().saturating_sub(days(DEFAULT_SPAN_DAYS)))
    });
    if to < from {
        return Err(bad_query("to", "is before from"));
    }
    if to.as_millis().saturating_sub(from.as_millis()) > days(LONGEST_SPAN_DAYS) {
        return Err(bad_query("from", "is more than 366 days before to"));
    }
    Ok((from, to))
}
