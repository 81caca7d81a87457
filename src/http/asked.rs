//! What a request asks for: ids in its path, pages and filters in its query, names in its body.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use hub_domain::Timestamp;
use hub_store::records::{Life, Page, PageQuery};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::{ApiError, FieldError};
use crate::app::Hub;

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;
/// The longest note, in characters.
const LONGEST_NOTE: usize = 2_000;

/// The one id in a path. What is no id is as an id of nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<T: From<Uuid>> FromRequestParts<Hub> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, hub).await else {
            return Err(ApiError::NotFound);
        };
        id(&text).map(|id| Self(id.into())).ok_or(ApiError::NotFound)
    }
}

/// A UUID in its usual form, with hyphens.
#[must_use]
pub fn id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}

/// The query of a request.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let unreadable = || FieldError::new("", "bad_query", "the query cannot be read");
        query.map(|query| Self(query.0)).map_err(|_| ApiError::BadQuery(unreadable()))
    }
}

/// An id in a query.
///
/// # Errors
/// 400 for what is none.
pub fn query_id<T: From<Uuid>>(
    name: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, ApiError> {
    text.map(|text| id(text).map(T::from).ok_or_else(|| bad_query(name, "must be an id")))
        .transpose()
}

/// Which life of things `deleted` asks for: those that are there, or with `true` those that were deleted.
///
/// # Errors
/// 400 for what is neither `true` nor `false`.
pub fn life(deleted: Option<&str>) -> Result<Life, ApiError> {
    match deleted {
        None | Some("false") => Ok(Life::Present),
        Some("true") => Ok(Life::Deleted),
        Some(_) => Err(bad_query("deleted", "must be true or false")),
    }
}

/// A text in a query that is looked for in names.
///
/// # Errors
/// 400 for none, for one longer than a name, and for control characters.
pub fn query_text(name: &'static str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let is_good = |text: &String| {
        (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    };
    let hint = "must be 1 to 200 characters, none of them a control character";
    text.map(|text| Some(text).filter(is_good).ok_or_else(|| bad_query(name, hint))).transpose()
}

/// An instant in a query.
///
/// # Errors
/// 400 for what is none.
pub fn query_instant(
    name: &'static str,
    text: Option<&str>,
) -> Result<Option<Timestamp>, ApiError> {
    let hint = "must be an RFC 3339 instant with an offset";
    text.map(|text| super::instant::parse(text).ok_or_else(|| bad_query(name, hint))).transpose()
}

/// A wrong query parameter.
#[must_use]
pub fn bad_query(name: &str, detail: &str) -> ApiError {
    ApiError::BadQuery(FieldError::new(name, "bad_query", format!("{name} {detail}")))
}

/// The page that `limit` and `cursor` ask for.
///
/// # Errors
/// 400 for a limit outside 1 to 200.
pub fn page(limit: Option<&str>, cursor: Option<String>) -> Result<PageQuery, ApiError> {
    let limit = match limit {
        None => 50,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=200).contains(limit))
            .ok_or_else(|| bad_query("limit", "must be a whole number from 1 to 200"))?,
    };
    Ok(PageQuery { limit, cursor })
}

/// A page of a list, as answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    items: Vec<T>,
    #[schema(required)]
    next_cursor: Option<String>,
}

impl<T> Listed<T> {
    /// The page with each item as `shape` shows it.
    pub fn of<R>(page: Page<R>, shape: impl FnMut(R) -> T) -> Self {
        Self { items: page.items.into_iter().map(shape).collect(), next_cursor: page.next }
    }

    /// Everything, in one page.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// Takes a name: 1 to 200 characters, none of them a control character, none at its ends white space.
///
/// A name is stored as it was sent or refused; it is never mended in silence.
///
/// # Errors
/// 422 with the pointer.
pub fn name(pointer: &str, text: &str) -> Result<(), FieldError> {
    let wrong = |detail: &str| Err(FieldError::new(pointer, "bad_name", detail));
    if text.trim().is_empty() {
        wrong("the name is empty")
    } else if text.chars().count() > LONGEST_NAME {
        wrong("the name is longer than 200 characters")
    } else if text.trim() != text {
        wrong("the name begins or ends with white space")
    } else if text.chars().any(char::is_control) {
        wrong("the name holds a control character")
    } else {
        Ok(())
    }
}

/// Takes a note: up to 2,000 characters, no control characters but line breaks and tabs. Empty means none.
///
/// # Errors
/// 422 with the pointer.
pub fn note(pointer: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let strange = |c: char| c.is_control() && c != '\n' && c != '\t' && c != '\r';
    if text.chars().count() > LONGEST_NOTE {
        return Err(ApiError::field(
            pointer,
            "too_long",
            "the note is longer than 2000 characters",
        ));
    }
    if text.chars().any(strange) {
        return Err(ApiError::field(pointer, "bad_note", "the note holds a control character"));
    }
    Ok(Some(text))
}

/// Goes on only if no field is wrong.
///
/// # Errors
/// 422 with all that are.
pub fn all_good(checks: impl IntoIterator<Item = Result<(), FieldError>>) -> Result<(), ApiError> {
    let errors: Vec<FieldError> = checks.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(()) } else { Err(ApiError::Invalid(errors)) }
}
