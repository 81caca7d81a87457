//! Digests: who is told of each day or week, when, and of which sites.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::notify::PersonId;
use hub_store::{
    StoreError,
    records::{Channel, DigestSubscription},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference, unknown},
    asked::{Id, Listed, Query},
    body,
    created::Created,
    digest_plans::{self, PlanIn, need_sites, shown},
    edition::{self, EditionOut, IfMatch, Tagged},
    error::ApiError,
    lives::LivesIn,
    openapi::{ById, InOrganization},
    plans::{clock, hour},
    schemas, whole,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, caller::Who},
    wire::InstantOut,
};

/// Digests to be had from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewDigest)]
pub struct DigestIn {
    /// For this contact, by an admin; left out or `null`: for oneself.
    #[schema(schema_with = schemas::id_or_none)]
    contact_id: Option<String>,
    #[schema(schema_with = digest_plans::rhythm)]
    rhythm: String,
    /// Of a weekly one: 1 is Monday, 7 is Sunday.
    #[serde(default, deserialize_with = "whole::number_or_none")]
    #[schema(minimum = 1, maximum = 7)]
    weekday: Option<i64>,
    /// When: each tells of what was since the one before.
    #[schema(schema_with = hour, example = "07:00")]
    at: String,
    /// By the clocks of this zone.
    #[schema(schema_with = schemas::timezone)]
    timezone: String,
    /// Of these sites; none named is all there are.
    #[serde(default)]
    #[schema(required = false, schema_with = digest_plans::site_ids)]
    site_ids: Vec<String>,
    /// Only if an alert opened, something was out of its limits or unknown, a manual log was missed, or a unit wants
    /// somebody.
    #[serde(default)]
    #[schema(default = false)]
    only_if_needed: bool,
}

/// An edit of digests: what is left out stays as it is. Whom they are for does not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = DigestEdit)]
pub struct DigestEditIn {
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = digest_plans::rhythm)]
    rhythm: Option<String>,
    #[serde(default, deserialize_with = "whole::patched")]
    #[schema(required = false, minimum = 1, maximum = 7)]
    weekday: Option<Option<i64>>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = hour)]
    at: Option<String>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = schemas::timezone)]
    timezone: Option<String>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = digest_plans::site_ids)]
    site_ids: Option<Vec<String>>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false)]
    only_if_needed: Option<bool>,
}

impl DigestIn {
    fn plan(&self) -> PlanIn {
        PlanIn {
            rhythm: self.rhythm.clone(),
            weekday: self.weekday,
            at: self.at.clone(),
            timezone: self.timezone.clone(),
            site_ids: self.site_ids.clone(),
            only_if_needed: self.only_if_needed,
        }
    }
}

impl DigestEditIn {
    fn over(self, present: &DigestSubscription) -> PlanIn {
        let present = PlanIn::from(&present.plan);
        let is_other = self.rhythm.as_ref().is_some_and(|rhythm| *rhythm != present.rhythm);
        // the day of the week of another rhythm is none of this one's
        let weekday = if is_other { None } else { present.weekday };
        PlanIn {
            rhythm: self.rhythm.unwrap_or(present.rhythm),
            weekday: self.weekday.unwrap_or(weekday),
            at: self.at.unwrap_or(present.at),
            timezone: self.timezone.unwrap_or(present.timezone),
            site_ids: self.site_ids.unwrap_or(present.site_ids),
            only_if_needed: self.only_if_needed.unwrap_or(present.only_if_needed),
        }
    }
}

/// Digests that somebody has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Digest)]
pub struct DigestOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    /// The contact that they are for; `null` for a member's own.
    #[schema(required, schema_with = schemas::id_or_none)]
    contact_id: Option<String>,
    /// The member that they are for; `null` for a contact's.
    #[schema(required, schema_with = schemas::id_or_none)]
    user_id: Option<String>,
    #[schema(schema_with = digest_plans::rhythm)]
    rhythm: &'static str,
    #[schema(required, minimum = 1, maximum = 7)]
    weekday: Option<u8>,
    #[schema(schema_with = hour)]
    at: String,
    #[schema(schema_with = schemas::timezone)]
    timezone: String,
    /// None named is all there are.
    #[schema(schema_with = digest_plans::site_ids)]
    site_ids: Vec<String>,
    only_if_needed: bool,
    /// Until when the last one told, or since when they are wanted: the next one tells from there on.
    told_until: InstantOut,
    /// When the next one is due.
    next_at: InstantOut,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<DigestSubscription> for DigestOut {
    fn from(it: DigestSubscription) -> Self {
        let (contact_id, user_id) = match it.reader {
            PersonId::Contact(contact) => (Some(contact.to_string()), None),
            PersonId::User(user) => (None, Some(user.to_string())),
        };
        let (rhythm, weekday) = shown(it.plan.schedule.rhythm);
        Self {
            id: it.id.to_string(),
            contact_id,
            user_id,
            rhythm,
            weekday,
            at: clock(it.plan.schedule.minute),
            timezone: it.plan.schedule.zone.name().to_owned(),
            site_ids: it.plan.sites.iter().map(ToString::to_string).collect(),
            only_if_needed: it.plan.only_if_needed,
            told_until: InstantOut(it.last.until),
            next_at: InstantOut(it.due_at),
            created_at: InstantOut(it.created_at),
            edition: it.edition.into(),
        }
    }
}

fn tagged(it: DigestSubscription) -> Tagged<DigestOut> {
    Tagged { version: it.edition.version, object: it.into() }
}

/// Goes on only if they are the caller's own, or the caller may edit those of others.
fn may_edit(caller: &Caller, it: &DigestSubscription) -> Result<(), ApiError> {
    match (it.reader, caller.who) {
        (PersonId::User(reader), Who::User(user)) if reader == user => Ok(()),
        _ => caller.may(Deed::EditContacts),
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(restore))
        .routes(routes!(purge))
}

/// Has somebody told of each day or week by e-mail: oneself, or, by an admin, a contact.
///
/// # Errors
/// 403 for a contact below admin, 404 for a contact or site that is not there, 422 for bad fields, a contact without an
/// e-mail address, or one digest too many.
#[utoipa::path(
    post,
    path = "/api/v1/digests",
    operation_id = "createDigest",
    tag = "Digests",
    params(InOrganization),
    extensions(("x-deed" = json!("getDigests"))),
    request_body = DigestIn,
    responses(
        (status = 201, description = "It was made.", body = DigestOut, headers(("Location" = String, description = "Where it can be read."), ("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<DigestIn>,
) -> Result<Created<DigestOut>, ApiError> {
    caller.may(Deed::GetDigests)?;
    let plan = asked.plan().read()?;
    let reader = match asked.contact_id.as_deref() {
        None => PersonId::User(caller.user()?),
        Some(id) => {
            caller.may(Deed::EditContacts)?;
            PersonId::Contact(reached(&hub, &caller, id).await?)
        }
    };
    need_sites(&hub, caller.org, &plan, &[]).await?;
    let made = hub.store.create_digest_subscription(caller.org, reader, plan, caller.by()).await;
    let made = made.map_err(|error| match error {
        StoreError::InUse(_) => {
            ApiError::field("/contactId", "too_many", "a reader has 10 digests at most")
        }
        error => not_there(error, "/contactId"),
    })?;
    Ok(Created { location: format!("/api/v1/digests/{}", made.id), object: made.into() })
}

/// The contact, if it is reached by e-mail.
async fn reached(hub: &Hub, caller: &Caller, id: &str) -> Result<Uuid, ApiError> {
    let id = reference::<Uuid>("/contactId", id)?;
    let contact = hub.store.contact(caller.org, id).await?;
    let contact = contact.ok_or_else(|| unknown("/contactId"))?;
    if contact.is_reached_by(Channel::Email) {
        return Ok(id);
    }
    Err(ApiError::field("/contactId", "unreachable", "the contact has no e-mail address"))
}

/// The digests that people of the organization have.
///
/// # Errors
/// 403 below viewer, 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/digests",
    operation_id = "listDigests",
    tag = "Digests",
    params(InOrganization, LivesIn),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "A page of them.", body = Listed<DigestOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<LivesIn>,
) -> Result<Json<Listed<DigestOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let (life, page) = asked.read()?;
    let found = hub.store.digest_subscriptions(caller.org, life, page).await?;
    Ok(Json(Listed::of(found, DigestOut::from)))
}

/// What somebody is told of.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/digests/{id}",
    operation_id = "getDigest",
    tag = "Digests",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "As it is now.", body = DigestOut, headers(("ETag" = String, description = "Its edition."))),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<DigestOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    hub.store.digest_subscription(caller.org, id).await?.map(tagged).ok_or(ApiError::NotFound)
}

/// Edits digests. A day that had its digest has no other, and what was not told yet is told by the next one.
///
/// # Errors
/// 403 for those of others below admin, 404 for what is not there, 412 if they were edited meanwhile, 422 for bad fields.
#[utoipa::path(
    patch,
    path = "/api/v1/digests/{id}",
    operation_id = "editDigest",
    tag = "Digests",
    params(InOrganization, ById, IfMatch),
    extensions(("x-deed" = json!("getDigests"))),
    request_body = DigestEditIn,
    responses(
        (status = 200, description = "As it is now.", body = DigestOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<DigestEditIn>,
) -> Result<Tagged<DigestOut>, ApiError> {
    caller.may(Deed::GetDigests)?;
    let present = hub.store.digest_subscription(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    may_edit(&caller, &present)?;
    let plan = asked.over(&present).read()?;
    need_sites(&hub, caller.org, &plan, &present.plan.sites).await?;
    // what was left out is of this edition, so it must still be the present one
    let version = present.edition.version;
    expected.admit(version)?;
    let store = &hub.store;
    let edited = store.edit_digest_subscription(caller.org, id, version, plan, caller.by()).await?;
    Ok(tagged(edited))
}

/// Ends digests.
///
/// # Errors
/// 403 for those of others below admin, 404 for what is not there.
#[utoipa::path(
    delete,
    path = "/api/v1/digests/{id}",
    operation_id = "deleteDigest",
    tag = "Digests",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("getDigests"))),
    responses(
        (status = 204, description = "It is deleted."),
        ActErrors,
    ),
)]
pub async fn delete(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::GetDigests)?;
    let present = hub.store.digest_subscription(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    may_edit(&caller, &present)?;
    hub.store.delete_digest_subscription(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has digests come again, from now on.
///
/// # Errors
/// 403 for those of others below admin, 404 for what is not there, 409 if they are not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/digests/{id}/restore",
    operation_id = "restoreDigest",
    tag = "Digests",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("getDigests"))),
    responses(
        (status = 200, description = "As it is now.", body = DigestOut, headers(("ETag" = String, description = "Its edition."))),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<DigestOut>, ApiError> {
    caller.may(Deed::GetDigests)?;
    may_edit_deleted(&hub, &caller, id).await?;
    Ok(tagged(hub.store.restore_digest_subscription(caller.org, id, caller.by()).await?))
}

/// Deletes deleted digests for good.
///
/// # Errors
/// 403 for those of others below admin, 404 for what is not there, 409 if they are not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/digests/{id}/purge",
    operation_id = "purgeDigest",
    tag = "Digests",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("getDigests"))),
    responses(
        (status = 204, description = "It is gone."),
        ActErrors,
    ),
)]
pub async fn purge(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::GetDigests)?;
    may_edit_deleted(&hub, &caller, id).await?;
    hub.store.purge_digest_subscription(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same of what was deleted. What is none of that is the store's to answer.
async fn may_edit_deleted(hub: &Hub, caller: &Caller, id: Uuid) -> Result<(), ApiError> {
    match hub.store.deleted_digest_subscription(caller.org, id).await? {
        Some(it) => may_edit(caller, &it),
        None => Ok(()),
    }
}
