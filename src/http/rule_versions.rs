//! What rules said before.

use axum::{Json, extract::State};
use hub_domain::RuleId;
use hub_store::records::{Actor, RuleVersion};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::ReadErrors,
    asked::{Id, Listed, Query},
    audit::ActorOut,
    error::ApiError,
    openapi::{ById, InOrganization},
    rules::said,
    schemas,
    sites::LongPageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// What a rule said from one time on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleVersionOut {
    version: i64,
    at: InstantOut,
    #[schema(schema_with = version_action)]
    action: String,
    actor: ActorOut,
    #[schema(schema_with = schemas::rule_out)]
    rule: Map<String, Value>,
}

fn version_action() -> schemas::AnySchema {
    schemas::words(["created", "updated", "deleted", "restored"])
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(versions))
}

/// What a rule said, newest first: what it says now, and all before.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/alert-rules/{id}/versions",
    operation_id = "listAlertRuleVersions",
    tag = "Alert rules",
    params(InOrganization, ById, LongPageIn),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "A page of them.", body = Listed<RuleVersionOut>),
        ReadErrors,
    ),
)]
pub async fn versions(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<RuleId>,
    Query(page): Query<LongPageIn>,
) -> Result<Json<Listed<RuleVersionOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let page = page.page()?;
    hub.store.rule(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let page = hub.store.rule_versions(caller.org, id, page).await?;
    let actors: Vec<Actor> = page.items.iter().map(|version| version.actor).collect();
    let names = hub.store.actor_names(caller.org, &actors).await?;
    Ok(Json(Listed::of(page, |version: RuleVersion| RuleVersionOut {
        version: version.version,
        at: InstantOut(version.at),
        action: version.action,
        actor: ActorOut::of(version.actor, &names),
        rule: said(&version.layer),
    })))
}
