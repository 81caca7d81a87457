//! Phones of contacts: shown to be theirs by a number that is sent there, and tried out.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::notify::{Channel, Stage};
use hub_store::{StoreError, notify::Verified};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, WriteErrors},
    asked::Id,
    body,
    contacts::ContactOut,
    error::{ApiError, FieldError},
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
};

/// The number that came by SMS. To say it is to agree to get alerts there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PhoneCodeIn {
    /// Six digits.
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    code: String,
}

/// By which way a test is to come.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TestMessageIn {
    #[schema(schema_with = schemas::channel)]
    channel: String,
}

impl TestMessageIn {
    /// The way, if there is such a one.
    fn channel(&self) -> Result<Channel, ApiError> {
        let unknown = || FieldError::new("/channel", "unknown_value", "is neither sms nor email");
        Channel::parse(&self.channel).ok_or_else(|| ApiError::Invalid(vec![unknown()]))
    }
}

/// A message that is on its way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageOut {
    /// Its line in the ledger, where what becomes of it is to be read.
    #[schema(schema_with = schemas::id)]
    id: String,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(send_code))
        .routes(routes!(verify))
        .routes(routes!(send_test))
        .routes(routes!(send_own_test))
}

/// Sends a number to the contact's phone, by which they show that it is theirs. It is good for a quarter of an hour.
///
/// # Errors
/// 403 below admin, 404 for a contact that is not there, 409 for one without a phone, 429 past five messages an hour.
#[utoipa::path(
    post,
    path = "/api/v1/contacts/{id}/phone-code",
    operation_id = "sendPhoneCode",
    tag = "Contacts",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
    responses(
        (status = 202, description = "It is on its way.", body = MessageOut),
        ActErrors,
    ),
)]
pub async fn send_code(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<(StatusCode, Json<MessageOut>), ApiError> {
    caller.may(Deed::EditContacts)?;
    send(&hub, &caller, id, Channel::Sms, Stage::PhoneCode).await
}

/// Takes the number as the sign that the phone is the contact's, and that they agree to get alerts there.
///
/// # Errors
/// 403 below admin, 404 for a contact that is not there, 422 for a number that is wrong or too old, 429 past five wrong ones.
#[utoipa::path(
    post,
    path = "/api/v1/contacts/{id}/verify-phone",
    operation_id = "verifyPhone",
    tag = "Contacts",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
    request_body = PhoneCodeIn,
    responses(
        (status = 200, description = "The contact as it is now.", body = ContactOut),
        WriteErrors,
    ),
)]
pub async fn verify(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    body::Json(asked): body::Json<PhoneCodeIn>,
) -> Result<Json<ContactOut>, ApiError> {
    caller.may(Deed::EditContacts)?;
    let wrong = || {
        let detail = "that is not the number that was sent last, or it is too old";
        ApiError::Invalid(vec![FieldError::new("/code", "wrong_code", detail)])
    };
    match hub.store.verify_phone(caller.org, id, asked.code.trim(), caller.by()).await? {
        Verified::Yes(contact) => Ok(Json((*contact).into())),
        Verified::No => Err(wrong()),
        Verified::TooMany => Err(StoreError::TooMany(60).into()),
    }
}

/// Sends a test to the contact, by the whole way that an alert takes.
///
/// # Errors
/// 403 below admin, 404 for a contact that is not there, 409 for one that is not reached that way, 422 for a way that
/// there is not, 429 past five messages an hour.
#[utoipa::path(
    post,
    path = "/api/v1/contacts/{id}/test-message",
    operation_id = "sendTestMessage",
    tag = "Contacts",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
    request_body = TestMessageIn,
    responses(
        (status = 202, description = "It is on its way.", body = MessageOut),
        WriteErrors,
    ),
)]
pub async fn send_test(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    body::Json(asked): body::Json<TestMessageIn>,
) -> Result<(StatusCode, Json<MessageOut>), ApiError> {
    caller.may(Deed::EditContacts)?;
    send(&hub, &caller, id, asked.channel()?, Stage::Test).await
}

/// Sends the caller a test, by the whole way that an alert takes: by e-mail to their account's address, or by SMS to the
/// phone that was shown to be theirs as a contact.
///
/// # Errors
/// 403 for an inspector, 404 for an operator on a stay, 409 `incomplete` without such a phone, 422 for a way that there
/// is not, 429 past five messages an hour.
#[utoipa::path(
    post,
    path = "/api/v1/me/test-message",
    operation_id = "sendOwnTestMessage",
    tag = "Notifications",
    params(InOrganization),
    extensions(("x-deed" = json!("readConfiguration"))),
    request_body = TestMessageIn,
    responses(
        (status = 202, description = "It is on its way.", body = MessageOut),
        WriteErrors,
    ),
)]
pub async fn send_own_test(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<TestMessageIn>,
) -> Result<(StatusCode, Json<MessageOut>), ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let (user, channel) = (caller.user()?, asked.channel()?);
    let id = hub.store.ask_for_own_test(caller.org, user, channel, caller.by()).await?;
    Ok((StatusCode::ACCEPTED, Json(MessageOut { id: id.to_string() })))
}

async fn send(
    hub: &Hub,
    caller: &Caller,
    contact: Uuid,
    channel: Channel,
    stage: Stage,
) -> Result<(StatusCode, Json<MessageOut>), ApiError> {
    let id = hub.store.ask_for_message(caller.org, contact, channel, stage, caller.by()).await?;
    Ok((StatusCode::ACCEPTED, Json(MessageOut { id: id.to_string() })))
}
