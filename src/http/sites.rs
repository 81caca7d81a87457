//! Sites: the places of an organization.

use axum::{Json, extract::State};
use hub_domain::SiteId;
use hub_store::records::{PageQuery, Site};
use serde::{Deserialize, Serialize};

use super::{
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::{ApiError, FieldError},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// A site to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteIn {
    name: String,
    #[serde(default = "utc")]
    timezone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A site.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteOut {
    id: String,
    name: String,
    timezone: String,
    created_at: InstantOut,
}

impl From<Site> for SiteOut {
    fn from(site: Site) -> Self {
        let created_at = InstantOut(site.created_at);
        Self { id: site.id.to_string(), name: site.name, timezone: site.timezone, created_at }
    }
}

/// Which page is wanted.
#[derive(Deserialize)]
pub struct PageIn {
    limit: Option<String>,
    cursor: Option<String>,
}

impl PageIn {
    /// The page asked for.
    ///
    /// # Errors
    /// 400 for a bad limit.
    pub fn page(self) -> Result<PageQuery, ApiError> {
        asked::page(self.limit.as_deref(), self.cursor)
    }
}

/// Makes a site.
///
/// # Errors
/// 403 below admin, 422 for a bad name or zone.
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<SiteIn>,
) -> Result<Created<SiteOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    asked::all_good([asked::name("/name", &asked.name), zone("/timezone", &asked.timezone)])?;
    let site =
        hub.store.create_site(caller.org, &asked.name, &asked.timezone, caller.actor()).await?;
    Ok(Created { location: format!("/api/v1/sites/{}", site.id), object: site.into() })
}

/// The sites of the organization.
///
/// # Errors
/// 400 for a bad page.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<SiteOut>>, ApiError> {
    caller.may(Deed::Read)?;
    Ok(Json(Listed::of(hub.store.sites(caller.org, page.page()?).await?, SiteOut::from)))
}

/// One site.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<SiteId>,
) -> Result<Json<SiteOut>, ApiError> {
    caller.may(Deed::Read)?;
    let site = hub.store.site(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(site.into()))
}

/// Takes the name of an IANA time zone.
fn zone(pointer: &str, text: &str) -> Result<(), FieldError> {
    let unknown = || {
        FieldError::new(
            pointer,
            "bad_timezone",
            "the time zone is no IANA name such as Europe/Berlin",
        )
    };
    text.parse::<chrono_tz::Tz>().map(drop).map_err(|_| unknown())
}
