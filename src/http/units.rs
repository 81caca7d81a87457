//! Units: what is watched, as configured and as it is now.

use std::borrow::Cow;

use axum::{Json, extract::State};
use futures_util::future::join_all;
use hub_actors::ShownUnit;
use hub_domain::{AreaId, SiteId, UnitId};
use hub_store::records::{Life, UnitFilter, UnitRecord};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ReadErrors, WriteErrors},
    areas::{not_there, reference, unknown},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    edition::{EditionOut, Tagged},
    error::ApiError,
    openapi::{ById, InOrganization},
    presets, schemas, unit_lives,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::{self, InstantOut},
};

/// A unit to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UnitIn {
    #[schema(schema_with = schemas::id)]
    site_id: String,
    #[schema(schema_with = schemas::id_or_none)]
    area_id: Option<String>,
    #[schema(schema_with = schemas::name)]
    name: String,
    #[schema(schema_with = schemas::preset_or_none)]
    preset: Option<String>,
}

/// A unit as it is now.
pub(super) struct Live(ShownUnit);

impl PartialSchema for Live {
    fn schema() -> schemas::AnySchema {
        wire::UnitOut::schema()
    }
}

impl ToSchema for Live {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("LiveUnitOut")
    }

    fn schemas(schemas: &mut Vec<(String, schemas::AnySchema)>) {
        wire::UnitOut::schemas(schemas);
    }
}

impl Serialize for Live {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        wire::UnitOut::from(&self.0).serialize(serializer)
    }
}

/// A unit.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::id)]
    site_id: String,
    #[schema(required, schema_with = schemas::id_or_none)]
    area_id: Option<String>,
    name: String,
    #[schema(required)]
    preset: Option<String>,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
    #[schema(required)]
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
            edition: unit.edition.into(),
            live,
        }
    }

    pub(super) fn tagged(unit: UnitRecord, live: Option<Live>) -> Tagged<Self> {
        Tagged { version: unit.edition.version, object: Self::of(unit, live) }
    }
}

/// Which units are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct UnitsIn {
    #[param(schema_with = schemas::id)]
    site_id: Option<String>,
    #[param(schema_with = schemas::id)]
    area_id: Option<String>,
    /// A part of the name.
    #[param(schema_with = schemas::part_of_name)]
    name: Option<String>,
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, unit_lives::edit, unit_lives::delete))
        .routes(routes!(unit_lives::restore))
        .routes(routes!(unit_lives::purge))
}

/// Makes a unit. It is live when this answers.
///
/// # Errors
/// 403 below admin, 422 for a bad name, preset, or a site or area that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/units",
    operation_id = "createUnit",
    tag = "Units",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization),
    request_body = UnitIn,
    responses(
        (status = 201, description = "It was made.", body = UnitOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
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
        hub.store.create_unit(caller.org, site, area, &asked.name, preset, caller.by()).await;
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
#[utoipa::path(
    get,
    path = "/api/v1/units",
    operation_id = "listUnits",
    tag = "Units",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, UnitsIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<UnitOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<UnitsIn>,
) -> Result<Json<Listed<UnitOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let filter = UnitFilter {
        site: asked::query_id("siteId", asked.site_id.as_deref())?,
        area: asked::query_id("areaId", asked.area_id.as_deref())?,
        name: asked::query_text("name", asked.name)?,
    };
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.units(caller.scope(), filter, life, page).await?;
    if life == Life::Deleted {
        return Ok(Json(Listed::of(page, |unit| UnitOut::of(unit, None))));
    }
    let views = join_all(page.items.iter().map(|unit| live(&hub, unit.id))).await;
    let mut views = views.into_iter();
    Ok(Json(Listed::of(page, |unit| UnitOut::of(unit, views.next().and_then(Result::ok)))))
}

/// One unit with its live view, which is `null` while it cannot be had.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}",
    operation_id = "getUnit",
    tag = "Units",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = UnitOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UnitId>,
) -> Result<Tagged<UnitOut>, ApiError> {
    caller.may(Deed::Read)?;
    let unit = hub.store.unit(caller.scope(), id).await?.ok_or(ApiError::NotFound)?;
    let live = live(&hub, id).await.ok();
    Ok(UnitOut::tagged(unit, live))
}

/// The unit as its actor shows it.
pub(super) async fn live(hub: &Hub, unit: UnitId) -> Result<Live, ApiError> {
    Ok(Live(hub.units.show(unit).await?))
}

/// Goes on only if the area, if one is named, is one of the site.
pub(super) async fn is_area_of(
    hub: &Hub,
    caller: &Caller,
    site: SiteId,
    area: Option<AreaId>,
) -> Result<(), ApiError> {
    let Some(area) = area else { return Ok(()) };
    let found = hub.store.area(caller.org, area).await?;
    found.filter(|area| area.site == site).map(drop).ok_or_else(|| unknown("/areaId"))
}
