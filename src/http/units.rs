//! Units: what is watched, as configured and as it is now.

use axum::{Json, extract::State};
use futures_util::future::join_all;
use hub_actors::ShownUnit;
use hub_domain::{AreaId, SiteId, UnitId};
use hub_store::records::UnitRecord;
use serde::{Deserialize, Serialize, Serializer};

use super::{
    areas::{not_there, reference, unknown},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::ApiError,
    presets,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::{self, InstantOut},
};

/// A unit to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UnitIn {
    site_id: String,
    area_id: Option<String>,
    name: String,
    preset: Option<String>,
}

/// A unit as it is now.
struct Live(ShownUnit);

impl Serialize for Live {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        wire::UnitOut::from(&self.0).serialize(serializer)
    }
}

/// A unit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitOut {
    id: String,
    site_id: String,
    area_id: Option<String>,
    name: String,
    preset: Option<String>,
    created_at: InstantOut,
    live: Option<Live>,
}

impl UnitOut {
    fn of(unit: UnitRecord, live: Option<Live>) -> Self {
        Self {
            id: unit.id.to_string(),
            site_id: unit.site.to_string(),
            area_id: unit.area.map(|area| area.to_string()),
            name: unit.name,
            preset: unit.preset,
            created_at: InstantOut(unit.created_at),
            live,
        }
    }
}

/// Which units are wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitsIn {
    site_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Makes a unit. It is live when this answers.
///
/// # Errors
/// 403 below admin, 422 for a bad name, preset, or a site or area that is not the caller's.
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<UnitIn>,
) -> Result<Created<UnitOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    asked::all_good([
        asked::name("/name", &asked.name),
        presets::usable("/preset", asked.preset.as_deref()),
    ])?;
    let site: SiteId = reference("/siteId", &asked.site_id)?;
    let area = asked.area_id.as_deref().map(|area| reference("/areaId", area)).transpose()?;
    is_area_of(&hub, &caller, site, area).await?;
    let preset = asked.preset.as_deref();
    let made =
        hub.store.create_unit(caller.org, site, area, &asked.name, preset, caller.actor()).await;
    let unit = made.map_err(|error| not_there(error, "/siteId"))?;
    if let Err(error) = hub.units.unit_created(unit.id).await {
        tracing::warn!(unit.id = %unit.id, %error, "a new unit is not live yet"); // its first reading starts it
    }
    let live = live(&hub, unit.id).await.ok();
    Ok(Created { location: format!("/api/v1/units/{}", unit.id), object: UnitOut::of(unit, live) })
}

/// The units of the organization or of one site. One whose live view cannot be had shows none.
///
/// # Errors
/// 400 for a bad page or filter.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<UnitsIn>,
) -> Result<Json<Listed<UnitOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let site = asked::query_id("siteId", asked.site_id.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.units(caller.org, site, page).await?;
    let views = join_all(page.items.iter().map(|unit| live(&hub, unit.id))).await;
    let mut views = views.into_iter();
    Ok(Json(Listed::of(page, |unit| UnitOut::of(unit, views.next().and_then(Result::ok)))))
}

/// One unit with its live view.
///
/// # Errors
/// 404 for one that is not there, or not the caller's; 503 while it cannot be asked.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UnitId>,
) -> Result<Json<UnitOut>, ApiError> {
    caller.may(Deed::Read)?;
    let unit = hub.store.unit(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let live = live(&hub, id).await?;
    Ok(Json(UnitOut::of(unit, Some(live))))
}

async fn live(hub: &Hub, unit: UnitId) -> Result<Live, ApiError> {
    Ok(Live(hub.units.show(unit).await?))
}

async fn is_area_of(
    hub: &Hub,
    caller: &Caller,
    site: SiteId,
    area: Option<AreaId>,
) -> Result<(), ApiError> {
    let Some(area) = area else { return Ok(()) };
    let found = hub.store.area(caller.org, area).await?;
    found.filter(|area| area.site == site).map(drop).ok_or_else(|| unknown("/areaId"))
}
