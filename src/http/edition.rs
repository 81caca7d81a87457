//! Editions of objects: an edit names the one that the editor saw (`If-Match`), an answer names its own (`ETag`).

use axum::{
    Json,
    extract::FromRequestParts,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ETAG, IF_MATCH},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use hub_store::{Expected, records::Edition};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

use super::{asked::bad_query, error::ApiError};
use crate::{app::Hub, wire::InstantOut};

/// The most tags in one `If-Match`.
const MOST_TAGS: usize = 8;

/// What an `If-Match` is: `*`, or a list of tags, in which commas may stand alone. Weak tags may be in it, and match
/// nothing.
const IF_MATCH_PATTERN: &str =
    r#"^(\*|[ ,]*(W/)?"[!#-~]{0,64}"( *,[ ,]*(W/)?"[!#-~]{0,64}"){0,7}[ ,]*)$"#;

/// The editions that an edit is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Expected);

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let said = "The `ETag` of the edition that the edit is for, or several of which one is it, or `*` for any.";
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(IF_MATCH_PATTERN));
        let parameter = ParameterBuilder::new()
            .name(IF_MATCH.as_str())
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(said))
            .schema(Some(text))
            .build();
        vec![parameter]
    }
}

impl FromRequestParts<Hub> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _hub: &Hub) -> Result<Self, ApiError> {
        let lines = parts.headers.get_all(IF_MATCH).iter();
        let lines: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
        match lines.ok_or_else(no_list)?.as_slice() {
            [] => Err(ApiError::EditionRequired),
            [any] if any.trim() == "*" => Ok(Self(Expected::Any)),
            lines => one_of(&lines.join(",")),
        }
    }
}

fn no_list() -> ApiError {
    bad_query("If-Match", "must be an ETag, or up to 8 of them, or *")
}

/// The editions in a list of entity tags.
fn one_of(list: &str) -> Result<IfMatch, ApiError> {
    let tags = tags(list).filter(|tags| (1..=MOST_TAGS).contains(&tags.len()));
    // a tag that is none of ours matches nothing, nor does a weak one
    let strong = tags.ok_or_else(no_list)?.into_iter().filter(|tag| !tag.is_weak);
    let version = |tag: Tag<'_>| {
        tag.text.parse().ok().filter(|version: &i64| version.to_string() == tag.text)
    };
    let versions: Vec<i64> = strong.filter_map(version).collect();
    if versions.is_empty() { Err(ApiError::Stale) } else { Ok(IfMatch(Expected::OneOf(versions))) }
}

/// An entity tag (RFC 9110, 8.8.3).
struct Tag<'a> {
    is_weak: bool,
    text: &'a str,
}

/// The entity tags of a list: each up to 64 visible characters between quotes. Commas may be among those.
fn tags(list: &str) -> Option<Vec<Tag<'_>>> {
    let (mut tags, mut rest, mut is_apart) = (Vec::new(), list, true);
    loop {
        let next = rest.trim_start_matches([' ', '\t', ',']);
        is_apart |= rest[..rest.len() - next.len()].contains(',');
        if next.is_empty() {
            return Some(tags);
        }
        let strong = next.strip_prefix("W/");
        let (text, after) = strong.unwrap_or(next).strip_prefix('"')?.split_once('"')?;
        let is_good = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_good || !is_apart {
            return None;
        }
        tags.push(Tag { is_weak: strong.is_some(), text });
        (rest, is_apart) = (after, false);
    }
}

/// The tag of an edition.
#[must_use]
pub fn tag(version: i64) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("\"{version}\""));
    (ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"1\"")))
}

/// An object as answered, with the tag of its edition.
#[derive(Debug)]
pub struct Tagged<T> {
    /// Its edition.
    pub version: i64,
    /// The object.
    pub object: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        (StatusCode::OK, [tag(self.version)], Json(self.object)).into_response()
    }
}

/// How an object was edited, as a part of its answer.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EditionOut {
    /// Rises with each edit, from 1; the number in the `ETag`.
    #[schema(minimum = 1)]
    version: i64,
    /// The last edit.
    updated_at: Option<InstantOut>,
    /// Since when it is deleted.
    deleted_at: Option<InstantOut>,
}

impl From<Edition> for EditionOut {
    fn from(edition: Edition) -> Self {
        Self {
            version: edition.version,
            updated_at: edition.updated_at.map(InstantOut),
            deleted_at: edition.deleted_at.map(InstantOut),
        }
    }
}

/// A field of an edit: left out, it stays; `null` clears it.
///
/// # Errors
/// When it is of another type.
pub fn patched<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A field of an edit that cannot be cleared: left out, it stays; `null` is refused.
///
/// # Errors
/// When it is of another type.
pub fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A field of an edit that cannot be cleared: left out, it stays; `null` is refused.
///
/// # Errors
/// When it is of another type.
pub fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_tag_of_a_list_may_be_the_one() {
        let said = |list| match one_of(list) {
            Ok(IfMatch(Expected::OneOf(versions))) => Ok(versions),
            Ok(IfMatch(Expected::Any)) => Ok(vec![0]),
            Err(error) => Err(format!("{error:?}")),
        };
        let (stale, bad) = (Err(format!("{:?}", ApiError::Stale)), Err(format!("{:?}", no_list())));
        assert_ne!(stale, bad);
        for (list, versions) in [
            (r#""1""#, vec![1]),
            (r#" "1","2" "#, vec![1, 2]),
            (r#",, "1" ,, W/"2", "a,b" , "12","#, vec![1, 12]),
        ] {
            assert_eq!(said(list), Ok(versions), "{list}");
        }
        for list in [r#"W/"1""#, r#""""#, r#""01""#, r#""+1""#, r#""x", W/"1""#] {
            assert_eq!(said(list), stale, "{list}");
        }
        let (long, nine) = (format!("\"{}\"", "1".repeat(65)), [r#""1""#; 9].join(","));
        for list in
            ["", ",", "1", r#""1"#, r#""1" "2""#, r#""1""2""#, r#"w/"1""#, r#""1",*"#, r#""a b""#]
                .into_iter()
                .chain([long.as_str(), nine.as_str()])
        {
            assert_eq!(said(list), bad, "{list}");
        }
    }
}
