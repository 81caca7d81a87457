//! Contacts: people who can be told of alerts.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::UserId;
use hub_store::{ContactIn as NewContact, records::Contact};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    addresses,
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::{ApiError, FieldError},
    lives::LivesIn,
    openapi::{ById, InOrganization},
    schemas,
    sites::zone,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// A contact to be made: reached by e-mail, by phone, or both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewContact)]
pub struct ContactIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    #[schema(schema_with = addresses::email_or_none)]
    email: Option<String>,
    #[schema(schema_with = addresses::phone_or_none, example = "+4930123456")]
    phone: Option<String>,
    #[serde(default = "english")]
    #[schema(schema_with = addresses::language, default = "en")]
    language: String,
    #[serde(default = "utc")]
    #[schema(schema_with = schemas::timezone)]
    timezone: String,
    /// The member that this is.
    #[schema(schema_with = schemas::id_or_none)]
    user_id: Option<String>,
}

fn english() -> String {
    "en".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

impl ContactIn {
    fn read(self) -> Result<NewContact, ApiError> {
        let Self { name, email, phone, language, timezone, user_id } = self;
        let user = user_id.as_deref().map(|id| reference::<UserId>("/userId", id)).transpose()?;
        good(NewContact { user, name, email, phone, language, timezone })
    }
}

/// An edit of a contact: what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ContactEdit)]
pub struct ContactEditIn {
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = schemas::name)]
    name: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, schema_with = addresses::email_or_none)]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, schema_with = addresses::phone_or_none)]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = addresses::language)]
    language: Option<String>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = schemas::timezone)]
    timezone: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, schema_with = schemas::id_or_none)]
    user_id: Option<Option<String>>,
}

impl ContactEditIn {
    fn over(self, present: &Contact) -> Result<NewContact, ApiError> {
        let present = NewContact::from(present);
        let user = match self.user_id {
            None => present.user,
            Some(id) => id.as_deref().map(|id| reference("/userId", id)).transpose()?,
        };
        good(NewContact {
            user,
            name: self.name.unwrap_or(present.name),
            email: self.email.unwrap_or(present.email),
            phone: self.phone.unwrap_or(present.phone),
            language: self.language.unwrap_or(present.language),
            timezone: self.timezone.unwrap_or(present.timezone),
        })
    }
}

/// A contact.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Contact)]
pub struct ContactOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    phone: Option<String>,
    language: String,
    timezone: String,
    #[schema(required, schema_with = schemas::id_or_none)]
    user_id: Option<String>,
    /// When the phone was shown to be theirs: before that it gets no alert.
    #[schema(required)]
    phone_verified_at: Option<InstantOut>,
    /// When they agreed to get SMS.
    #[schema(required)]
    sms_consent_at: Option<InstantOut>,
    /// When they answered STOP, or their carrier said so.
    #[schema(required)]
    sms_opted_out_at: Option<InstantOut>,
    /// When they unsubscribed from e-mails.
    #[schema(required)]
    email_opted_out_at: Option<InstantOut>,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<Contact> for ContactOut {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.id.to_string(),
            name: contact.name,
            email: contact.email,
            phone: contact.phone,
            language: contact.language,
            timezone: contact.timezone,
            user_id: contact.user.map(|user| user.to_string()),
            phone_verified_at: contact.phone_verified_at.map(InstantOut),
            sms_consent_at: contact.sms_consent_at.map(InstantOut),
            sms_opted_out_at: contact.sms_opted_out_at.map(InstantOut),
            email_opted_out_at: contact.email_opted_out_at.map(InstantOut),
            created_at: InstantOut(contact.created_at),
            edition: contact.edition.into(),
        }
    }
}

fn tagged(contact: Contact) -> Tagged<ContactOut> {
    Tagged { version: contact.edition.version, object: contact.into() }
}

/// Goes on only if every field is good and the contact is reached somehow.
fn good(contact: NewContact) -> Result<NewContact, ApiError> {
    let reached = match (&contact.email, &contact.phone) {
        (None, None) => Err(FieldError::new(
            "/email",
            "unreachable",
            "a contact needs an e-mail address or a phone",
        )),
        _ => Ok(()),
    };
    asked::all_good([
        asked::name("/name", &contact.name),
        contact.email.as_deref().map_or(Ok(()), addresses::email),
        contact.phone.as_deref().map_or(Ok(()), addresses::phone),
        addresses::known_language(&contact.language),
        zone("/timezone", &contact.timezone),
        reached,
    ])?;
    Ok(contact)
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(restore))
        .routes(routes!(purge))
}

/// Makes a contact.
///
/// # Errors
/// 403 below admin, 422 for bad fields, for one that is reached in no way, or for a user who is no member.
#[utoipa::path(
    post,
    path = "/api/v1/contacts",
    operation_id = "createContact",
    tag = "Contacts",
    params(InOrganization),
    extensions(("x-deed" = json!("editContacts"))),
    request_body = ContactIn,
    responses(
        (status = 201, description = "It was made.", body = ContactOut, headers(("Location" = String, description = "Where it can be read."), ("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<ContactIn>,
) -> Result<Created<ContactOut>, ApiError> {
    caller.may(Deed::EditContacts)?;
    let made = hub.store.create_contact(caller.org, asked.read()?, caller.by()).await;
    let contact = made.map_err(|error| not_there(error, "/userId"))?;
    Ok(Created { location: format!("/api/v1/contacts/{}", contact.id), object: contact.into() })
}

/// The contacts of the organization.
///
/// # Errors
/// 403 below viewer, 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/contacts",
    operation_id = "listContacts",
    tag = "Contacts",
    params(InOrganization, LivesIn),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "A page of them.", body = Listed<ContactOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<LivesIn>,
) -> Result<Json<Listed<ContactOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let (life, page) = asked.read()?;
    Ok(Json(Listed::of(hub.store.contacts(caller.org, life, page).await?, ContactOut::from)))
}

/// One contact.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/contacts/{id}",
    operation_id = "getContact",
    tag = "Contacts",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "As it is now.", body = ContactOut, headers(("ETag" = String, description = "Its edition."))),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<ContactOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    hub.store.contact(caller.org, id).await?.map(tagged).ok_or(ApiError::NotFound)
}

/// Edits a contact.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 if a policy tells them in a way that they could no more be told
/// in, 412 if it was edited meanwhile, 422 for bad fields.
#[utoipa::path(
    patch,
    path = "/api/v1/contacts/{id}",
    operation_id = "editContact",
    tag = "Contacts",
    params(InOrganization, ById, IfMatch),
    extensions(("x-deed" = json!("editContacts"))),
    request_body = ContactEditIn,
    responses(
        (status = 200, description = "As it is now.", body = ContactOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<ContactEditIn>,
) -> Result<Tagged<ContactOut>, ApiError> {
    caller.may(Deed::EditContacts)?;
    let present = hub.store.contact(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let edited = asked.over(&present)?;
    // what was left out is of this edition, so it must still be the present one
    expected.admit(present.edition.version)?;
    let expected = present.edition.version;
    let edited = hub.store.edit_contact(caller.org, id, expected, edited, caller.by()).await;
    edited.map(tagged).map_err(|error| not_there(error, "/userId"))
}

/// Deletes a contact.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 while a notification policy names them.
#[utoipa::path(
    delete,
    path = "/api/v1/contacts/{id}",
    operation_id = "deleteContact",
    tag = "Contacts",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
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
    caller.may(Deed::EditContacts)?;
    hub.store.delete_contact(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a contact back.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/contacts/{id}/restore",
    operation_id = "restoreContact",
    tag = "Contacts",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
    responses(
        (status = 200, description = "As it is now.", body = ContactOut, headers(("ETag" = String, description = "Its edition."))),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<ContactOut>, ApiError> {
    caller.may(Deed::EditContacts)?;
    Ok(tagged(hub.store.restore_contact(caller.org, id, caller.by()).await?))
}

/// Deletes a deleted contact for good.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/contacts/{id}/purge",
    operation_id = "purgeContact",
    tag = "Contacts",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
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
    caller.may(Deed::EditContacts)?;
    hub.store.purge_contact(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}
