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
use hub_domain::Refusal;
use hub_store::{StoreError, records::Role};
use serde::Serialize;

use crate::auth::{TokenError, passwords::PasswordError};

/// One field of a body or query that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// The key is wrong.
    BadKey,
    /// The connection's secret is wrong.
    BadSecret,
    /// The caller's role is too low; the least that would do.
    Forbidden(Role),
    /// The token's user has no account here.
    NoAccount,
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
    /// The alert is over.
    AlreadyResolved,
    /// The alert was acknowledged.
    AlreadyAcknowledged,
    /// The condition holds, so the alert cannot be resolved.
    ConditionActive,
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
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
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
            Self::BadKey => (S::UNAUTHORIZED, "bad_key", "Key needed", said("a valid key in the header X-API-Key is needed")),
            Self::BadSecret => (S::UNAUTHORIZED, "bad_secret", "Secret needed", said("the connection's secret in the header X-Webhook-Secret is needed")),
            Self::Forbidden(role) => (S::FORBIDDEN, "forbidden", "Not allowed", format!("this takes the role {} or a higher one", role.name()).into()),
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
            Self::AlreadyResolved => (S::CONFLICT, "already_resolved", "Already resolved", said("the alert is over")),
            Self::AlreadyAcknowledged => (S::CONFLICT, "already_acknowledged", "Already acknowledged", said("somebody has acknowledged the alert")),
            Self::ConditionActive => (S::CONFLICT, "condition_active", "Condition active", said("the condition of the alert still holds; acknowledge it instead")),
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

    fn errors(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(errors) => errors.clone(),
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
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
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
            TokenError::Invalid => Self::Unauthorized,
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
            AskError::Unavailable | AskError::TimedOut => Self::Unavailable,
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
