//! Files: readings, alerts and manual logs as CSV, and everything of an organization.
//!
//! A file is made while it is sent, a slice at a time: each slice is one short question to the store, asked when the
//! reader has taken the one before, so a slow reader holds no connection to the database and a long file no memory. A
//! slice that fails breaks the transfer off, so that a file that ends well is whole.

use axum::{
    body::Body,
    extract::State,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use hub_domain::{OrgId, SiteId, UnitId};
use hub_store::{StoreError, export::Export, records::ExtractFilter};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::ReadErrors,
    asked::{self, Id, Query},
    error::ApiError,
    extracts::{ALERT_COLUMNS, Alerts, MANUAL_LOG_COLUMNS, ManualLogs, READING_COLUMNS, Readings},
    openapi::{ById, InOrganization},
    readings::span,
    schemas,
    sheets::{Sheet, word},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
};

const CSV: &str = "text/csv; charset=utf-8";
const NDJSON: &str = "application/x-ndjson";

/// Which readings go into a file: from (inclusive) to (exclusive), by the sensor's time.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SpanIn {
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
}

/// Which alerts or manual logs go into a file: opened or recorded from (inclusive) to (exclusive).
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ExtractIn {
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::id)]
    site_id: Option<String>,
    #[param(schema_with = schemas::id)]
    unit_id: Option<String>,
}

impl ExtractIn {
    fn filter(&self) -> Result<ExtractFilter, ApiError> {
        let (from, to) = span(self.from.as_deref(), self.to.as_deref())?;
        let site = asked::query_id("siteId", self.site_id.as_deref())?;
        let unit = asked::query_id("unitId", self.unit_id.as_deref())?;
        Ok(ExtractFilter { from, to, site, unit })
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(unit_readings))
        .routes(routes!(site_readings))
        .routes(routes!(alerts))
        .routes(routes!(manual_logs))
        .routes(routes!(organization))
}

/// The readings of a unit, as CSV.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's; 400 for a bad span.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/readings.csv",
    operation_id = "exportUnitReadings",
    tag = "Units",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById, SpanIn),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/csv"),
        ReadErrors,
    ),
)]
pub async fn unit_readings(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    Query(asked): Query<SpanIn>,
) -> Result<Response, ApiError> {
    caller.may(Deed::Read)?;
    let span = span(asked.from.as_deref(), asked.to.as_deref())?;
    let scope = caller.scope();
    hub.store.unit(scope.clone(), unit).await?.ok_or(ApiError::NotFound)?;
    let rows = Readings::of_unit(&hub.store, scope, span, unit).await?;
    Ok(sheet(&READING_COLUMNS, format!("readings-{unit}"), rows))
}

/// The readings of all units of a site, those of deleted ones too, unit by unit, as CSV.
///
/// # Errors
/// 404 for a site that is not there, or not the caller's; 400 for a bad span.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{id}/readings.csv",
    operation_id = "exportSiteReadings",
    tag = "Sites",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById, SpanIn),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/csv"),
        ReadErrors,
    ),
)]
pub async fn site_readings(
    State(hub): State<Hub>,
    caller: Caller,
    Id(site): Id<SiteId>,
    Query(asked): Query<SpanIn>,
) -> Result<Response, ApiError> {
    caller.may(Deed::Read)?;
    let span = span(asked.from.as_deref(), asked.to.as_deref())?;
    let scope = caller.scope();
    hub.store.site(scope.clone(), site).await?.ok_or(ApiError::NotFound)?;
    let rows = Readings::of_site(&hub.store, scope, span, site);
    Ok(sheet(&READING_COLUMNS, format!("readings-{site}"), rows))
}

/// Alerts in the order in which they were opened, as CSV.
///
/// # Errors
/// 400 for a bad span or filter.
#[utoipa::path(
    get,
    path = "/api/v1/alerts.csv",
    operation_id = "exportAlerts",
    tag = "Alerts",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ExtractIn),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/csv"),
        ReadErrors,
    ),
)]
pub async fn alerts(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<ExtractIn>,
) -> Result<Response, ApiError> {
    caller.may(Deed::Read)?;
    let rows = Alerts::of(&hub.store, caller.scope(), asked.filter()?);
    Ok(sheet(&ALERT_COLUMNS, "alerts".to_owned(), rows))
}

/// Manual logs in the order in which they were read, as CSV.
///
/// # Errors
/// 400 for a bad span or filter.
#[utoipa::path(
    get,
    path = "/api/v1/manual-logs.csv",
    operation_id = "exportManualLogs",
    tag = "Records",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ExtractIn),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/csv"),
        ReadErrors,
    ),
)]
pub async fn manual_logs(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<ExtractIn>,
) -> Result<Response, ApiError> {
    caller.may(Deed::Read)?;
    let rows = ManualLogs::of(&hub.store, caller.scope(), asked.filter()?);
    Ok(sheet(&MANUAL_LOG_COLUMNS, "manual-logs".to_owned(), rows))
}

/// Everything of the organization, one JSON object a line: `{"table":…,"row":{…}}`, and at the very end
/// `{"end":true,"rows":…}`.
///
/// # Errors
/// 403 below owner, 404 for another organization.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{id}/export",
    operation_id = "exportOrganization",
    tag = "Organizations",
    extensions(("x-deed" = json!("own"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "application/x-ndjson"),
        ReadErrors,
    ),
)]
pub async fn organization(
    State(hub): State<Hub>,
    caller: Caller,
    Id(organization): Id<OrgId>,
) -> Result<Response, ApiError> {
    if organization != caller.org {
        return Err(ApiError::NotFound);
    }
    caller.may(Deed::Own)?;
    let rows = hub.store.export(caller.org);
    Ok(file(NDJSON, format!("organization-{organization}.ndjson"), slices(rows)))
}

/// Something that gives a file slice by slice.
pub(crate) trait Slices: Send + 'static {
    /// The next slice; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;
}

/// The slices as they are asked for. An error ends them, and the transfer with them.
fn slices(rows: impl Slices) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
    stream::try_unfold(rows, |mut rows| async move {
        let slice = rows.next().await;
        if let Err(error) = &slice {
            tracing::warn!(%error, "a file was broken off");
        }
        Ok(slice?.map(|slice| (Bytes::from(slice), rows)))
    })
}

fn sheet<const N: usize>(columns: &[&'static str; N], name: String, rows: impl Slices) -> Response {
    let mut head = Sheet::default();
    head.row(columns.map(word));
    let head = stream::once(std::future::ready(Ok(Bytes::from(head.into_bytes()))));
    file(CSV, format!("{name}.csv"), head.chain(slices(rows)))
}

/// The answer that a browser saves. The name is made of letters, digits and hyphens.
fn file(
    kind: &'static str,
    name: String,
    content: impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static,
) -> Response {
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, Body::from_stream(content)).into_response()
}

impl Slices for Export {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.next_lines().await?.map(String::into_bytes))
    }
}
