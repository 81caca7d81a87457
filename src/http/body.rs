//! Bodies: read up to a limit and within a time, opened where they are compressed, and parsed strictly.

use std::{io::Read as _, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use flate2::bufread::GzDecoder;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::error::{ApiError, FieldError};
use crate::app::Hub;

/// The longest body of an ordinary request, in bytes.
pub const ORDINARY_LIMIT: usize = 64 * 1024;
/// The longest body with readings or a radio frame, compressed or not, in bytes.
pub const INGEST_LIMIT: usize = 2 * 1024 * 1024;

/// The longest that a whole body may take.
const WHOLE: Duration = Duration::from_secs(30);
/// The longest pause within a body.
const IDLE: Duration = Duration::from_secs(10);

/// The longest pointer that is answered, in characters: names in a path may be the sender's own.
const LONGEST_POINTER: usize = 256;

/// Opening more than this blocks long enough to be done elsewhere, in bytes.
const OPENED_HERE: usize = 16 * 1024;

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 past the limit, 408 when it comes too slowly, 400 when it breaks off.
pub async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(ApiError::TooLarge(limit));
    }
    let whole_by = Instant::now() + WHOLE;
    let mut first = Bytes::new();
    let mut all: Vec<u8> = Vec::new();
    loop {
        let by = whole_by.min(Instant::now() + IDLE);
        let Some(frame) = timeout_at(by, body.frame()).await.map_err(|_| ApiError::BodyTimeout)?
        else {
            break;
        };
        let Ok(data) = frame.map_err(|_| ApiError::BodyBroken)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(ApiError::TooLarge(limit));
        }
        if first.is_empty() && all.is_empty() {
            first = data; // most bodies come in one piece, which is then not copied
            continue;
        }
        all.extend_from_slice(&std::mem::take(&mut first));
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Opens a gzipped body of one member: empty ones in a row would cost time without end. Another one is given back as it is. Never more than `limit` bytes come out.
///
/// # Errors
/// 413 past the limit, 400 for what is no gzip or more than one, 415 for another encoding.
pub async fn open(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, ApiError> {
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None => Ok(body),
        Some(encoding) if encoding.eq_ignore_ascii_case(b"identity") => Ok(body),
        Some(encoding) if encoding.eq_ignore_ascii_case(b"gzip") => {
            if body.len() <= OPENED_HERE / 8 {
                return gunzip(&body, limit);
            }
            tokio::task::spawn_blocking(move || gunzip(&body, limit))
                .await
                .map_err(|_| ApiError::Internal)?
        }
        Some(_) => Err(ApiError::UnsupportedEncoding),
    }
}

fn gunzip(body: &[u8], limit: usize) -> Result<Bytes, ApiError> {
    let mut opened = Vec::with_capacity((body.len() * 8).min(limit));
    let mut rest = body;
    let mut bounded = GzDecoder::new(&mut rest).take(limit as u64 + 1);
    bounded.read_to_end(&mut opened).map_err(|_| ApiError::BadGzip)?;
    if opened.len() > limit {
        return Err(ApiError::TooLarge(limit));
    }
    if rest.is_empty() { Ok(opened.into()) } else { Err(ApiError::BadGzip) }
}

/// The type of a body without its parameters, in lower case.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next()?.trim().to_ascii_lowercase())
}

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A JSON body that may be left out.
#[derive(Clone, Copy, Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Hub> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _hub: &Hub) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        let bytes = read(&parts.headers, body, ORDINARY_LIMIT).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Hub> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _hub: &Hub) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, ORDINARY_LIMIT).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        expect_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

fn expect_json(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(ApiError::UnsupportedEncoding);
    }
    match media_type(headers).as_deref() {
        Some("application/json") => Ok(()),
        _ => Err(ApiError::UnsupportedMediaType("application/json")),
    }
}

/// Parses a body: 400 for what is not JSON, 422 with a pointer for what is JSON of another shape.
///
/// # Errors
/// As said.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refusal(&error.into_inner(), &path)
    })?;
    json.end().map_err(|error| refusal(&error, "."))?;
    is_object(bytes)?;
    Ok(value)
}

/// Bodies are objects. serde would take a list of the fields' values as well.
///
/// # Errors
/// 422 for JSON that is something else.
pub fn is_object(json: &[u8]) -> Result<(), ApiError> {
    if json.trim_ascii_start().starts_with(b"{") {
        return Ok(());
    }
    Err(ApiError::field("", "wrong_type", "the body must be a JSON object"))
}

/// What to say of a body that did not parse.
#[must_use]
pub fn refusal(error: &serde_json::Error, path: &str) -> ApiError {
    if !error.is_data() {
        return ApiError::MalformedJson(format!(
            " (line {}, column {})",
            error.line(),
            error.column()
        ));
    }
    let said = error.to_string();
    let named = said.split('`').nth(1).unwrap_or_default().chars().take(64).collect::<String>();
    let parent = pointer(path);
    let of_parent = format!("{parent}/{named}");
    let (at, code, detail) = if said.starts_with("missing field") {
        (of_parent, "missing_field", format!("{named} is missing"))
    } else if said.starts_with("unknown field") {
        (parent, "unknown_field", format!("{named} is no field of this object"))
    } else if said.starts_with("duplicate field") {
        (of_parent, "duplicate_field", format!("{named} is there twice"))
    } else {
        (parent, "wrong_type", "the value is not of the type that is expected here".to_owned())
    };
    ApiError::Invalid(vec![FieldError::new(at, code, detail)])
}

/// `a.b[0]` as the JSON pointer `/a/b/0`.
fn pointer(path: &str) -> String {
    let path = path.trim_matches('.').replace('[', ".").replace(']', "");
    path.split('.')
        .filter(|part| !part.is_empty() && *part != "?")
        .flat_map(|part| ["/", part])
        .flat_map(str::chars)
        .take(LONGEST_POINTER)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "a")]
        _a: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "list")]
        _list: Vec<Inner>,
    }

    fn refused(body: &str) -> (String, &'static str) {
        match parse::<Outer>(body.as_bytes()).unwrap_err() {
            ApiError::Invalid(errors) => (errors[0].pointer.clone(), errors[0].code),
            ApiError::MalformedJson(_) => (String::new(), "malformed_json"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_of_another_shape_is_told_where_it_is_wrong() {
        let cases = [
            (r#"{"list":[{"a":1},{"a":"x"}]}"#, "/list/1/a", "wrong_type"),
            (r#"{"list":[{}]}"#, "/list/0/a", "missing_field"),
            (r#"{"list":[{"a":1,"a":2}]}"#, "/list/0/a", "duplicate_field"),
            (r#"{"list":[],"more":1}"#, "/more", "unknown_field"),
            ("[]", "", "wrong_type"),
            ("[[]]", "", "wrong_type"),
            ("{", "", "malformed_json"),
            (r#"{"list":[]} x"#, "", "malformed_json"),
        ];
        for (body, pointer, code) in cases {
            assert_eq!(refused(body), (pointer.to_owned(), code), "{body}");
        }
    }

    #[test]
    fn a_small_body_that_opens_to_a_huge_one_is_refused_at_the_limit() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
        }
        let bomb = bomb.finish().unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(gunzip(&bomb, INGEST_LIMIT), Err(ApiError::TooLarge(INGEST_LIMIT)));
        assert_eq!(gunzip(b"no gzip", INGEST_LIMIT), Err(ApiError::BadGzip));
    }

    #[test]
    fn one_member_is_opened_and_nothing_may_follow_it() {
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        member.write_all(b"{}").unwrap();
        let member = member.finish().unwrap();
        assert_eq!(gunzip(&member, 2).unwrap(), "{}");
        assert_eq!(gunzip(&member.repeat(2), 10), Err(ApiError::BadGzip));
        assert_eq!(gunzip(&[&member[..], b"x"].concat(), 10), Err(ApiError::BadGzip));
    }
}
