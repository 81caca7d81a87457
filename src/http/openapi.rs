//! The OpenAPI 3.1 document, made of the handlers themselves, and the page that shows it.
//!
//! How an endpoint gets here:
//! - Each resource file has `pub fn routes() -> OpenApiRouter<Hub>`, made with [`routes!`] alone, and is merged in
//!   [`http`](super). A plain `.route(` is for what is no part of the interface: sockets, the board, this page.
//! - The handler carries `#[utoipa::path(…)]`: method, whole path, `operation_id` in camelCase (`createSite`,
//!   `listSites`, `getSite`), one of the tags below. Its doc comment's first sentence is the summary.
//! - What takes a [`Caller`](crate::auth::Caller) says `params(InOrganization, …)`; an id in the path is [`ById`]; a
//!   query's struct derives `IntoParams`, its fields with `#[param(schema_with = schemas::…)]`: they are text until
//!   [`asked`](super::asked) has read them.
//! - Bodies derive `ToSchema`. Fields that are text with a shape (ids, names, words) say
//!   `#[schema(schema_with = schemas::…)]`, with bounds where the code checks them; `deny_unknown_fields` is seen.
//!   A name of a type is used once in the whole crate, or made so with `#[schema(as = …)]`.
//! - Good answers are listed one by one, the others by a set of [`answers`]: [`ReadErrors`] for a read,
//!   [`WriteErrors`] for a body, [`ActErrors`] for a change without one.
//! - Security is that of people unless the operation says otherwise: `security(())` for an open one, which is then
//!   named in `OPEN` of the tests below; `security(("apiKey" = []))` for senders.
//!
//! [`ReadErrors`]: super::answers::ReadErrors
//! [`WriteErrors`]: super::answers::WriteErrors
//! [`ActErrors`]: super::answers::ActErrors

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, rejection::PathRejection},
    http::header::{CONTENT_ENCODING, CONTENT_TYPE},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use utoipa::{
    IntoParams, Modify, OpenApi,
    openapi::{
        Components, Ref, RefOr, Schema,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerFile};
use uuid::Uuid;

use super::{answers, answers::OpenErrors, error::ApiError, follow, once, relations, schemas};
use crate::app::Hub;

/// Where the document is.
const DOCUMENT_PATH: &str = "/api/openapi.json";

/// Made once: nothing in it changes while the hub runs.
static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| serde_json::to_vec(&document()).unwrap_or_default().into());

/// The page asks nobody else: the validator of its makers would be told of every hub.
static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    Arc::new(Config::from(DOCUMENT_PATH).validator_url("none").display_operation_id(true))
});

/// What is said of the whole.
#[derive(OpenApi)]
#[openapi(
    info(title = "FreshTrack Hub", description = "Watches fridges, freezers and cold rooms: readings in, alarms out, dashboards live."),
    components(schemas(super::error::Problem, super::error::FieldError, super::readings::ReadingOut)),
    modifiers(&Shared),
    security(("bearer" = []), ("stackAccessToken" = [])),
    tags(
        (name = "Sign-in", description = "Sessions, and who one is."),
        (name = "Account", description = "One's own name, password and second factor."),
        (name = "Platform", description = "For operators of the platform, who belong to no organization."),
        (name = "Organizations", description = "The tenants that the caller is in."),
        (name = "Members", description = "Who is in the organization, and as what."),
        (name = "Invitations", description = "How somebody new comes in."),
        (name = "Inspector links", description = "Some sites, to be read for a while."),
        (name = "Sites", description = "The places of an organization."),
        (name = "Areas", description = "Parts of sites."),
        (name = "Units", description = "What is watched, with its readings and radio frames."),
        (name = "Devices", description = "The sensors of units."),
        (name = "Gateways", description = "What hears radio sensors."),
        (name = "Calibrations", description = "What was found of devices, and when the next calibration is due."),
        (name = "API keys", description = "What senders of readings prove themselves with."),
        (name = "The Things Stack", description = "Connections to radio networks."),
        (name = "Alert rules", description = "By what units are judged."),
        (name = "Contacts", description = "People who can be told of alerts."),
        (name = "Notifications", description = "Who was told what, and who was not and why."),
        (name = "Notification policies", description = "Who is told of alerts, when, and how."),
        (name = "Digests", description = "Who is told of each day or week."),
        (name = "Billing", description = "What is paid for, and what was used."),
        (name = "Audit log", description = "Who changed what."),
        (name = "Alerts", description = "Records of conditions, for people to acknowledge and resolve."),
        (name = "Records", description = "What people record: temperatures by hand, doors, corrective actions."),
        (name = "Maintenance", description = "Times in which units are worked on."),
        (name = "Senders", description = "Where readings come in."),
        (name = "Operations", description = "For who runs the hub."),
    ),
)]
struct Whole;

/// What operations refer to: problems and security schemes.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        components.responses.extend(answers::components());
        components.schemas.extend(schemas::components());
        let jwt = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let key = |name| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
        components.add_security_scheme("bearer", SecurityScheme::Http(jwt));
        components.add_security_scheme("stackAccessToken", key("x-stack-access-token"));
        components.add_security_scheme("apiKey", key("X-API-Key"));
        components
            .add_security_scheme("stripeSignature", key(super::stripe_webhook::SIGNATURE_HEADER));
        components.add_security_scheme("webhookSecret", key(crate::ttn::SECRET_HEADER));
        components
            .add_security_scheme("telnyxSignature", key(hub_messaging::telnyx::SIGNATURE_HEADER));
    }
}

/// The organization that is meant, for whoever is in several.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct InOrganization {
    /// The organization that is meant. May be left out by who is a member of one alone.
    #[param(rename = "X-Organization-Id", value_type = Uuid, required = false)]
    #[expect(
        dead_code,
        reason = "the caller's extractor reads the header; this is for the document"
    )]
    organization: Option<Uuid>,
}

/// The id in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ById {
    /// The object's id.
    #[expect(dead_code, reason = "the id's extractor reads the path; this is for the document")]
    id: Uuid,
}

/// The whole document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = OpenApiRouter::<Hub>::with_openapi(Whole::openapi())
        .merge(super::people())
        .merge(super::tree())
        .merge(super::senders())
        .merge(super::operations())
        .into_openapi();
    document.components.iter_mut().for_each(refer_to_items);
    document.components.iter_mut().for_each(relations::tie);
    document.paths.paths.values_mut().filter_map(|path| path.post.as_mut()).for_each(may_be_absent);
    follow::tie(&mut document.paths);
    once::tie(&mut document.paths);
    document
}

/// The items of a page are the object that is named elsewhere; utoipa copies it into each kind of page.
fn refer_to_items(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        let (Some(item), RefOr::T(Schema::Object(page))) = (name.strip_prefix("Listed_"), schema)
        else {
            continue;
        };
        let items = Ref::from_schema_name(item).to_array_builder();
        page.properties.insert("items".to_owned(), items.into());
    }
}

/// A body that may be left out may still not be `null`, as utoipa has it of an `Option`.
fn may_be_absent(operation: &mut Operation) {
    let Some(RefOr::T(body)) = operation.request_body.as_mut() else { return };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema else { continue };
        let named = choice.items.iter().find(|choice| matches!(choice, RefOr::Ref(_))).cloned();
        content.schema = named.or(content.schema.take());
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(json))
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "getOpenApi",
    tag = "Operations",
    security(()),
    responses(
        (status = 200, description = "OpenAPI 3.1.", body = Object),
        OpenErrors,
    ),
)]
pub async fn json() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}

/// The page that shows the document. It comes with its own scripts.
pub fn page() -> Router<Hub> {
    Router::new()
        .route("/api/docs", get(|| async { Redirect::permanent("/api/docs/") }))
        .route("/api/docs/", get(|| async { file("") }))
        .route("/api/docs/{*file}", get(named))
}

/// What is no text is no file's name.
async fn named(name: Result<Path<String>, PathRejection>) -> Response {
    name.map_or_else(|_| ApiError::NotFound.into_response(), |Path(name)| file(&name))
}

fn file(name: &str) -> Response {
    match utoipa_swagger_ui::serve(name, PAGE.clone()) {
        Ok(Some(file)) => shown(file),
        Ok(None) => ApiError::NotFound.into_response(),
        Err(error) => {
            tracing::error!(error, "a file of the interface's page could not be made");
            ApiError::Internal.into_response()
        }
    }
}

fn shown(file: SwaggerFile<'_>) -> Response {
    let kind = [(CONTENT_TYPE, file.content_type)];
    let bytes = file.bytes.into_owned();
    if file.gzpipped {
        return (kind, [(CONTENT_ENCODING, "gzip")], bytes).into_response();
    }
    (kind, bytes).into_response()
}

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod tests;
