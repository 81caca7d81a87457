//! The audit log: who changed what, when and why, and what it was before and after.

use std::collections::HashMap;

use axum::{Json, extract::State};
use hub_store::records::{Actor, AuditEntry, AuditFilter, PageQuery};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::ReadErrors,
    asked::{self, Listed, Query},
    error::ApiError,
    openapi::InOrganization,
    schemas::{self, AnySchema},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// Which entries are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct AuditIn {
    /// About things of this kind, e.g. `alert_rule`.
    #[param(schema_with = word)]
    object_kind: Option<String>,
    /// About this thing.
    #[param(schema_with = schemas::id)]
    object_id: Option<String>,
    /// Done by this person or key.
    #[param(schema_with = schemas::id)]
    actor_id: Option<String>,
    /// Of this action, e.g. `api_key.revoked`.
    #[param(schema_with = word)]
    action: Option<String>,
    /// Not before.
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    /// Before.
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

fn word() -> AnySchema {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    schema.min_length(Some(1)).max_length(Some(64)).pattern(Some("^[a-z_.]+$")).into()
}

impl AuditIn {
    fn read(self) -> Result<(AuditFilter, PageQuery), ApiError> {
        let filter = AuditFilter {
            object_kind: query_word("objectKind", self.object_kind)?,
            object_id: asked::query_id("objectId", self.object_id.as_deref())?,
            actor: asked::query_id("actorId", self.actor_id.as_deref())?,
            action: query_word("action", self.action)?,
            from: asked::query_instant("from", self.from.as_deref())?,
            to: asked::query_instant("to", self.to.as_deref())?,
        };
        Ok((filter, asked::page(self.limit.as_deref(), self.cursor)?))
    }
}

fn query_word(name: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let is_good = text.as_deref().is_none_or(|text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'.'))
    });
    if is_good { Ok(text) } else { Err(asked::bad_query(name, "must be a word such as api_key")) }
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorOut {
    #[schema(schema_with = actor_kind)]
    kind: &'static str,
    #[schema(required, schema_with = schemas::id_or_none)]
    id: Option<String>,
    /// What they are called now, where they are still known here.
    #[schema(required)]
    name: Option<String>,
}

fn actor_kind() -> AnySchema {
    schemas::words(["user", "key", "hub"])
}

impl ActorOut {
    /// The actor with its name among `names`.
    #[must_use]
    pub fn of(actor: Actor, names: &HashMap<Uuid, String>) -> Self {
        let (kind, id) = match actor {
            Actor::User(id) => ("user", Some(id.0)),
            Actor::Key(id) => ("key", Some(id.0)),
            Actor::Hub => ("hub", None),
        };
        let name = id.and_then(|id| names.get(&id).cloned());
        Self { kind, id: id.map(|id| id.to_string()), name }
    }
}

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    at: InstantOut,
    actor: ActorOut,
    action: String,
    object_kind: String,
    #[schema(schema_with = schemas::id)]
    object_id: String,
    #[schema(required)]
    reason: Option<String>,
    /// The object as it was; `null` where it was made.
    #[schema(required, schema_with = schemas::any_value)]
    before: Option<Value>,
    /// The object as it is; `null` where it is gone.
    #[schema(required, schema_with = schemas::any_value)]
    after: Option<Value>,
    #[schema(schema_with = schemas::any_value)]
    detail: Value,
    /// The stay under which an operator of the platform did it.
    #[schema(required, schema_with = schemas::id_or_none)]
    impersonation_id: Option<String>,
}

impl AuditOut {
    fn of(entry: AuditEntry, names: &HashMap<Uuid, String>) -> Self {
        Self {
            id: entry.id.to_string(),
            at: InstantOut(entry.at),
            actor: ActorOut::of(entry.actor, names),
            action: entry.action,
            object_kind: entry.object_kind,
            object_id: entry.object_id.to_string(),
            reason: entry.reason,
            before: entry.before,
            after: entry.after,
            detail: serde_json::from_str(&entry.detail).unwrap_or_default(),
            impersonation_id: entry.impersonation.map(|id| id.to_string()),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What was done in the organization, newest first.
///
/// # Errors
/// 403 below admin, 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "listAuditEntries",
    tag = "Audit log",
    params(InOrganization, AuditIn),
    extensions(("x-deed" = json!("readAudit"))),
    responses(
        (status = 200, description = "A page of it.", body = Listed<AuditOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<AuditIn>,
) -> Result<Json<Listed<AuditOut>>, ApiError> {
    caller.may(Deed::ReadAudit)?;
    let (filter, page) = asked.read()?;
    let page = hub.store.audited(caller.org, filter, page).await?;
    let actors: Vec<Actor> = page.items.iter().map(|entry| entry.actor).collect();
    let names = hub.store.actor_names(caller.org, &actors).await?;
    Ok(Json(Listed::of(page, |entry| AuditOut::of(entry, &names))))
}
