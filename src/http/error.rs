//! The one table from what went wrong to what is answered: status, stable `code`, title, and words for a person.
//!
//! What went wrong inside is logged here, once, and never sent.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use hub_actors::{AlertAskError, AskError};
use hub_domain::{NoRoom, Refusal};
use hub_store::{StoreError, WindowRefusal, records::Role};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::PROBLEM_TYPE;
use super::idempotency::Repeated;
use crate::auth::{TokenError, passwords::PasswordError};

/// The code of a field that names what is not there, or not the caller's. A body in which nothing else is wrong is
/// answered 404, as the object's own address would be.
pub const UNKNOWN_REFERENCE: &str = "unknown_reference";

/// So many wrong fields are told of; who sends more has other worries.
const MOST_ERRORS: usize = 20;

/// One field of a body or query that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer into the body, or the name of a query parameter.
    pub pointer: String,
    /// The stable code.
    pub code: &'static str,
    /// For a person.
    pub detail: String,
}

impl FieldError {
    /// A wrong field.
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq)]
pub enum ApiError {
    /// No token, or one that is not good.
    Unauthorized,
    /// The token was good and is over.
    TokenExpired,
    /// The e-mail or the password is wrong.
    BadCredentials,
    /// The password is right, and the second factor is wanted too.
    TotpRequired,
    /// The second factor is wrong, or was used before.
    BadTotp,
    /// The link is unknown, used, revoked or over.
    BadLink,
    /// The session is over.
    SessionOver,
    /// The password of somebody who is signed in is wrong.
    WrongPassword,
    /// Somebody has an account with the address.
    AccountExists,
    /// The person belongs to others too.
    SharedAccount,
    /// A second factor is in use.
    TotpActive,
    /// No second factor is in use, or being set up.
    TotpInactive,
    /// The key is wrong.
    BadKey,
    /// The connection's secret is wrong.
    BadSecret,
    /// The caller's role is too low; the least that would do.
    Forbidden(Role),
    /// An operator on a stay asks for what would outlive it.
    NotWhileVisiting,
    /// The token's user has no account here.
    NoAccount,
    /// The token does not prove the address that was invited.
    UnprovenAddress,
    /// The caller is in no organization.
    NoOrganization,
    /// The caller is in several and named none.
    OrganizationRequired,
    /// No such thing, or not the caller's.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The page may not open a socket.
    WrongOrigin,
    /// A WebSocket is needed.
    UpgradeRequired,
    /// There is no room for another socket.
    NoRoom,
    /// The body is not JSON.
    MalformedJson(String),
    /// The body does not open as gzip.
    BadGzip,
    /// Fields are wrong.
    Invalid(Vec<FieldError>),
    /// A query parameter is wrong.
    BadQuery(FieldError),
    /// The body's type is not one that is taken here; the ones that are.
    UnsupportedMediaType(&'static str),
    /// The body's encoding is not one that is taken here.
    UnsupportedEncoding,
    /// The body is longer than so many bytes.
    TooLarge(usize),
    /// More readings than this.
    TooManyReadings(usize),
    /// Not one reading.
    NoReadings,
    /// The body did not come in time.
    BodyTimeout,
    /// The body broke off.
    BodyBroken,
    /// Another has that value.
    Taken(&'static str),
    /// An edit must say which edition of the object it is for.
    EditionRequired,
    /// The object was edited since the edition that the caller saw.
    Stale,
    /// What was to be restored or purged was not deleted.
    NotDeleted,
    /// It is being purged.
    BeingPurged,
    /// The sensor measured another unit then.
    Overlaps,
    /// What it belongs to was deleted.
    ParentDeleted,
    /// A unit does not move to another site.
    UnitStays,
    /// Other things speak of it; what they are.
    InUse(&'static str),
    /// Something that is named speaks of it.
    HeldBy(String),
    /// What it needs is not there any more; what that is.
    Incomplete(&'static str),
    /// An organization keeps at least one owner.
    LastOwner,
    /// The invitation was accepted or revoked.
    NotOpen,
    /// The request was done before, and its answer could not be found again.
    Repeated,
    /// The key of another request.
    KeyReused,
    /// What the request made when it was done before was deleted since.
    DeletedSince,
    /// Something else is there under the same identity.
    Conflicting,
    /// The site wants to be told what was done.
    CorrectiveActionRequired,
    /// The maintenance window cannot be planned or changed so.
    Window(WindowRefusal),
    /// The alert is over.
    AlreadyResolved,
    /// The alert was acknowledged.
    AlreadyAcknowledged,
    /// The condition holds, so the alert cannot be resolved.
    ConditionActive,
    /// A webhook was not signed by who it says, or not just now.
    BadSignature,
    /// This hub has no billing.
    NoBilling,
    /// There is a subscription already.
    AlreadySubscribed,
    /// There is no subscription yet.
    NotSubscribed,
    /// Nothing more is taken on until something is paid.
    PaymentRequired,
    /// A payment did not go through.
    PaymentFailed,
    /// The plan holds so many sensors, and they are there.
    PlanLimit(u32),
    /// There are more sensors than that plan holds.
    TooManySensors(u32),
    /// Too much was asked; come again after this.
    TooManyRequests(Duration),
    /// Too much is in flight.
    Busy,
    /// The store is away.
    Unavailable,
    /// A mistake of ours.
    Internal,
}

/// An answer that says what went wrong, as RFC 9457 has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The request's id, as a URN.
    pub instance: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

type Row = (StatusCode, &'static str, &'static str, Cow<'static, str>);

impl ApiError {
    /// One wrong field of a body.
    #[must_use]
    pub fn field(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, code, detail)])
    }

    #[rustfmt::skip]
    fn row(&self) -> Row {
        use StatusCode as S;
        let said = |text: &'static str| Cow::Borrowed(text);
        match self {
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "Sign-in needed", said("a valid access token is needed")),
            Self::TokenExpired => (S::UNAUTHORIZED, "token_expired", "Sign-in needed", said("the access token has expired; a fresh one is needed")),
            Self::BadCredentials => (S::UNAUTHORIZED, "bad_credentials", "Not signed in", said("the e-mail address or the password is wrong")),
            Self::TotpRequired => (S::UNAUTHORIZED, "totp_required", "Second factor needed", said("the password is right; a one-time password (totp) or a recovery code is needed too")),
            Self::BadTotp => (S::UNAUTHORIZED, "bad_totp", "Not signed in", said("the one-time password or the recovery code is wrong, or was used before")),
            Self::BadLink => (S::UNAUTHORIZED, "bad_link", "Link not good", said("the link is not good, or not any more")),
            Self::SessionOver => (S::UNAUTHORIZED, "session_over", "Sign-in needed", said("the session is over; sign in again")),
            Self::WrongPassword => (S::FORBIDDEN, "wrong_password", "Wrong password", said("the present password is another")),
            Self::AccountExists => (S::CONFLICT, "account_exists", "Account exists", said("somebody has an account with this e-mail address; give its password, or come signed in with it")),
            Self::SharedAccount => (S::CONFLICT, "shared_account", "Shared account", said("this person belongs to another organization too, or runs the platform; only they themselves can do that")),
            Self::TotpActive => (S::CONFLICT, "totp_active", "Second factor in use", said("a second factor is in use; remove it first")),
            Self::TotpInactive => (S::CONFLICT, "totp_inactive", "No second factor", said("no second factor is in use or being set up")),
            Self::BadKey => (S::UNAUTHORIZED, "bad_key", "Key needed", said("a valid key in the header X-API-Key is needed")),
            Self::BadSecret => (S::UNAUTHORIZED, "bad_secret", "Secret needed", said("the connection's secret in the header X-Webhook-Secret is needed")),
            Self::Forbidden(role) => (S::FORBIDDEN, "forbidden", "Not allowed", format!("this takes the role {} or a higher one", role.name()).into()),
            Self::NotWhileVisiting => (S::FORBIDDEN, "not_while_visiting", "Not while visiting", said("an operator of the platform lets nobody into an organization; one of its own members can do that")),
            Self::UnprovenAddress => (S::FORBIDDEN, "unproven_address", "Address not proven", said("the access token's issuer does not say that the invited e-mail address is this person's (email, email_verified); accept with a password")),
            Self::NoAccount => (S::FORBIDDEN, "no_account", "No account", said("this person has no account here")),
            Self::NoOrganization => (S::FORBIDDEN, "no_organization", "No organization", said("this person is a member of no organization")),
            Self::OrganizationRequired => (S::BAD_REQUEST, "organization_required", "Organization needed", said("this person is a member of several organizations; name one in the header X-Organization-Id")),
            Self::NotFound => (S::NOT_FOUND, "not_found", "Not found", said("there is nothing at this address")),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", said("this address does not take that method")),
            Self::WrongOrigin => (S::FORBIDDEN, "wrong_origin", "Origin not allowed", said("pages of this origin may not open a socket")),
            Self::UpgradeRequired => (S::UPGRADE_REQUIRED, "upgrade_required", "WebSocket needed", said("this address takes WebSocket connections alone")),
            Self::NoRoom => (S::SERVICE_UNAVAILABLE, "no_room", "No room", said("there is no room for another socket; come again later")),
            Self::MalformedJson(at) => (S::BAD_REQUEST, "malformed_json", "Not JSON", format!("the body is not JSON{at}").into()),
            Self::BadGzip => (S::BAD_REQUEST, "bad_gzip", "Not gzip", said("the body says that it is gzip and does not open as such")),
            Self::Invalid(errors) if errors.iter().all(|error| error.code == UNKNOWN_REFERENCE) => (S::NOT_FOUND, UNKNOWN_REFERENCE, "Unknown reference", said("the body names what is not there; see errors")),
            Self::Invalid(_) => (S::UNPROCESSABLE_ENTITY, "invalid", "Invalid content", said("fields of the body are wrong; see errors")),
            Self::BadQuery(_) => (S::BAD_REQUEST, "bad_query", "Invalid query", said("a query parameter is wrong; see errors")),
            Self::UnsupportedMediaType(taken) => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported content type", format!("the body's content type must be {taken}").into()),
            Self::UnsupportedEncoding => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", "Unsupported content encoding", said("the body's encoding is not taken here")),
            Self::TooLarge(limit) => (S::PAYLOAD_TOO_LARGE, "too_large", "Body too large", format!("the body is longer than {limit} bytes").into()),
            Self::TooManyReadings(limit) => (S::PAYLOAD_TOO_LARGE, "too_many_readings", "Too many readings", format!("at most {limit} readings are taken in one request").into()),
            Self::NoReadings => (S::BAD_REQUEST, "no_readings", "No readings", said("the body holds no reading")),
            Self::BodyTimeout => (S::REQUEST_TIMEOUT, "body_timeout", "Too slow", said("the body did not come in time")),
            Self::BodyBroken => (S::BAD_REQUEST, "body_broken", "Broken body", said("the body broke off")),
            Self::Taken(field) => (S::CONFLICT, "taken", "Taken", format!("another object has this {field}").into()),
            Self::EditionRequired => (S::PRECONDITION_REQUIRED, "edition_required", "Edition needed", said("an edit must name the edition that it is for in the header If-Match; the object's ETag is it")),
            Self::Stale => (S::PRECONDITION_FAILED, "stale", "Edited meanwhile", said("the object was edited since the edition that If-Match names; read it again")),
            Self::NotDeleted => (S::CONFLICT, "not_deleted", "Not deleted", said("only what was deleted can be restored or purged")),
            Self::BeingPurged => (S::CONFLICT, "being_purged", "Being purged", said("its purge was asked for, and cannot be taken back")),
            Self::Overlaps => (S::CONFLICT, "assignment_overlaps", "Assignments overlap", said("the device measured another unit then; an assignment may begin where the one before it ended, or within the present one, to end it")),
            Self::ParentDeleted => (S::CONFLICT, "parent_deleted", "Parent deleted", said("what it belongs to is deleted; restore that first")),
            Self::UnitStays => (S::CONFLICT, "unit_stays", "Unit stays", said("a unit stays in the site that it was made in; make one in the other site and move the devices")),
            Self::InUse(by) => (S::CONFLICT, "in_use", "In use", format!("it is in use by {by}").into()),
            Self::HeldBy(by) => (S::CONFLICT, "in_use", "In use", format!("it is in use by {by}").into()),
            Self::Incomplete(what) => (S::CONFLICT, "incomplete", "Incomplete", format!("{what}: not there any more").into()),
            Self::LastOwner => (S::CONFLICT, "last_owner", "Last owner", said("an organization keeps at least one owner; make somebody else one first")),
            Self::NotOpen => (S::CONFLICT, "not_open", "Not open", said("the invitation was accepted or revoked")),
            Self::Repeated => (S::CONFLICT, "repeated", "Done before", said("a request with this Idempotency-Key was done before")),
            Self::KeyReused => (S::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "Key of another request", said("this Idempotency-Key was used for another request")),
            Self::DeletedSince => (S::CONFLICT, "deleted_since", "Deleted since", said("this request was done before, and what it made was deleted since")),
            Self::Conflicting => (S::CONFLICT, "conflicting", "Conflicting", said("something else was recorded under the same identity")),
            Self::CorrectiveActionRequired => (S::UNPROCESSABLE_ENTITY, "corrective_action_required", "Corrective action needed", said("alerts of this site are resolved with a corrective action; say what was done in correctiveAction")),
            Self::Window(why) => (S::CONFLICT, why.code(), "Not now", said(why.sentence())),
            Self::AlreadyResolved => (S::CONFLICT, "already_resolved", "Already resolved", said("the alert is over")),
            Self::AlreadyAcknowledged => (S::CONFLICT, "already_acknowledged", "Already acknowledged", said("somebody has acknowledged the alert")),
            Self::ConditionActive => (S::CONFLICT, "condition_active", "Condition active", said("the condition of the alert still holds; acknowledge it instead")),
            Self::BadSignature => (S::BAD_REQUEST, "bad_signature", "Signature needed", said("the signature is not of this body, not of us, or not of now")),
            Self::NoBilling => (S::CONFLICT, "no_billing", "No billing", said("this hub has no billing: nothing is to be paid, and nothing is limited")),
            Self::AlreadySubscribed => (S::CONFLICT, "already_subscribed", "Subscribed", said("there is a subscription; change its plan instead")),
            Self::NotSubscribed => (S::CONFLICT, "not_subscribed", "Not subscribed", said("there is no subscription yet; check out first")),
            Self::PaymentRequired => (S::PAYMENT_REQUIRED, "payment_required", "Payment required", said("no more sensors are taken on until the subscription is paid; readings and alarms go on")),
            Self::PaymentFailed => (S::PAYMENT_REQUIRED, "payment_failed", "Payment failed", said("the payment did not go through, and nothing was changed; see the portal for the card")),
            Self::PlanLimit(limit) => (S::CONFLICT, "plan_limit", "Plan is full", format!("the plan holds {limit} sensors, and they are there; change to a larger plan or delete a sensor").into()),
            Self::TooManySensors(limit) => (S::CONFLICT, "too_many_sensors", "Too many sensors", format!("that plan holds {limit} sensors, and there are more").into()),
            Self::TooManyRequests(_) => (S::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests", said("too many requests; come again later")),
            Self::Busy => (S::SERVICE_UNAVAILABLE, "busy", "Busy", said("the hub is busy; it is safe to send this again")),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "Unavailable", said("the hub cannot do this at the moment; it is safe to send this again")),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error", said("something went wrong here")),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests(wait) => {
                Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }
            Self::Busy | Self::Unavailable => Some(1),
            Self::NoRoom => Some(5),
            _ => None,
        }
    }

    /// What the caller may prove themselves with.
    const fn challenge(&self) -> &'static str {
        match self {
            Self::BadKey => "ApiKey header=\"X-API-Key\"",
            Self::BadSecret => "ApiKey header=\"X-Webhook-Secret\"",
            _ => "Bearer",
        }
    }

    fn errors(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(errors) => errors.iter().take(MOST_ERRORS).cloned().collect(),
            Self::BadQuery(error) => vec![error.clone()],
            _ => Vec::new(),
        }
    }

    /// The problem to be answered.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, code, title, detail) = self.row();
        let kind = format!("urn:freshtrack:problem:{code}");
        Problem {
            kind,
            title,
            status: status.as_u16(),
            code,
            detail,
            instance: None,
            errors: self.errors(),
        }
    }
}

impl Problem {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// What it says to people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer's body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, ..) = self.row();
        let problem = self.problem();
        let mut response = (status, Json(&problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(self.challenge()));
        }
        if self == Self::Repeated {
            response.extensions_mut().insert(Repeated);
        }
        response.extensions_mut().insert(problem); // the request's id is written into it on the way out
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Taken(field) => Self::Taken(field),
            StoreError::Shared => Self::SharedAccount,
            StoreError::Stale => Self::Stale,
            StoreError::NotDeleted => Self::NotDeleted,
            StoreError::BeingPurged => Self::BeingPurged,
            StoreError::Overlaps => Self::Overlaps,
            StoreError::ParentDeleted => Self::ParentDeleted,
            StoreError::InUse(by) => Self::InUse(by),
            StoreError::HeldBy(by) => Self::HeldBy(by),
            StoreError::Incomplete(what) => Self::Incomplete(what),
            StoreError::LastOwner => Self::LastOwner,
            StoreError::TooLow(role) => Self::Forbidden(role),
            StoreError::NotOpen => Self::NotOpen,
            StoreError::TooMany(secs) => {
                Self::TooManyRequests(Duration::from_secs(u64::from(secs)))
            }
            StoreError::Repeated => Self::Repeated,
            StoreError::Window(why) => Self::Window(why),
            StoreError::NoRoom(NoRoom::Unpaid) => Self::PaymentRequired,
            StoreError::NoRoom(NoRoom::Full(limit)) => Self::PlanLimit(limit),
            StoreError::BadCursor => Self::BadQuery(FieldError::new(
                "cursor",
                "bad_cursor",
                "the cursor is none that this list gave",
            )),
            StoreError::RuleContradiction { unit, error } => {
                Self::field("/rule", "contradiction", format!("for the unit {unit}, {error}"))
            }
            StoreError::Unavailable(_) | StoreError::NotOwner => {
                tracing::warn!(%error, "the store did not answer");
                Self::Unavailable
            }
            StoreError::Corrupt(_) => {
                tracing::error!(%error, "the store holds what cannot be");
                Self::Internal
            }
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid | TokenError::UnknownKey => Self::Unauthorized,
            TokenError::Expired => Self::TokenExpired,
            TokenError::NoAccount => Self::NoAccount,
            TokenError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::TooManyRequests(Duration::from_secs(1)),
            PasswordError::Failed => {
                tracing::error!("a password could not be hashed");
                Self::Internal
            }
        }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::UnknownUnit => Self::NotFound,
            AskError::Busy => Self::Busy,
            AskError::Unavailable | AskError::TimedOut | AskError::TakenOver => Self::Unavailable,
        }
    }
}

impl From<AlertAskError> for ApiError {
    fn from(error: AlertAskError) -> Self {
        match error {
            AlertAskError::Ask(error) => error.into(),
            AlertAskError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AlreadyResolved => Self::AlreadyResolved,
            Refusal::AlreadyAcknowledged => Self::AlreadyAcknowledged,
            Refusal::ConditionActive => Self::ConditionActive,
        }
    }
}
