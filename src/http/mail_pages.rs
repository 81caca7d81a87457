//! What links in mails have in common: read by their signature, answered with pages, and all wrong ones alike.
//!
//! Scanners of mail open links, so opening one changes nothing; a button, which is a `POST`, does.

use std::net::IpAddr;

use axum::{
    extract::{Path, rejection::PathRejection},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use hub_messaging::{
    email::{LinkDeed, MailLink},
    text::{Language, Page, RefusedPage},
};
use utoipa::{IntoParams, IntoResponses};

use super::error::ApiError;
use crate::{
    app::Hub,
    auth::{link_keys, proof},
};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The link in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ByLink {
    /// The link, as the mail has it.
    #[expect(dead_code, reason = "the handlers read the path; this is for the document")]
    link: String,
}

/// What pages of links are answered with where there is nothing to be seen or done.
#[derive(IntoResponses)]
pub enum PageErrors {
    /// The link is none of the hub's, or what it was about is not there any more.
    #[response(status = 404, content_type = "text/html")]
    Unknown(String),
    /// Too many links of this place were none of the hub's, or the link is opened too often.
    #[response(status = 429, content_type = "text/html")]
    TooMany(String),
    /// A mistake of the hub's.
    #[response(status = 500, content_type = "text/html")]
    Internal(String),
    /// The hub cannot do this at the moment; it is safe to do it again.
    #[response(status = 503, content_type = "text/html")]
    Unavailable(String),
}

/// Why there is no page of what a link is about.
#[derive(Debug)]
pub enum NoPage {
    /// It is none of the hub's, or what it was about is gone.
    Unknown,
    /// It was good once.
    Expired,
    /// Something went wrong on the way.
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for NoPage {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The text of a link in the path. What is no text is no link.
pub type LinkText = Result<Path<String>, PathRejection>;

/// Reads a link that is to do `deed`.
///
/// # Errors
/// [`NoPage::Unknown`] for one that the hub did not write; 429 after too many of those, or past the link's own rate.
pub async fn read(
    hub: &Hub,
    from: IpAddr,
    deed: LinkDeed,
    text: LinkText,
) -> Result<MailLink, NoPage> {
    let text = text.map(|Path(text)| text).unwrap_or_default();
    let known = hub.link_keys.read(deed, &text);
    let link = match known {
        Some(link) => Some(link),
        // of two processes that began together the other may have made the older key
        None => {
            proof::refused(hub, from, ApiError::NotFound).into_unknown()?;
            let keys = link_keys(&hub.store, hub.clock.now()).await;
            keys.map_err(|_| ApiError::Unavailable)?.read(deed, &text)
        }
    };
    let link = link.ok_or(NoPage::Unknown)?;
    hub.rates.admit_caller(link.id)?;
    Ok(link)
}

impl ApiError {
    /// Goes on where something is merely not there.
    fn into_unknown(self) -> Result<(), NoPage> {
        if self == Self::NotFound { Ok(()) } else { Err(NoPage::Failed(self)) }
    }
}

/// Answers with a page, or with one that says why there is none.
pub fn answer(hub: &Hub, page: Result<Page, NoPage>) -> Response {
    let refused = |why| Page::Refused(why);
    match page {
        Ok(page) => written(hub, StatusCode::OK, &page),
        Err(NoPage::Unknown | NoPage::Failed(ApiError::NotFound)) => {
            written(hub, StatusCode::NOT_FOUND, &refused(RefusedPage::Unknown))
        }
        Err(NoPage::Expired) => written(hub, StatusCode::GONE, &refused(RefusedPage::Expired)),
        Err(NoPage::Failed(error)) => {
            let told = error.into_response();
            let mut page = written(hub, told.status(), &refused(RefusedPage::NotNow));
            if let Some(after) = told.headers().get(RETRY_AFTER) {
                page.headers_mut().insert(RETRY_AFTER, after.clone());
            }
            page
        }
    }
}

fn written(hub: &Hub, status: StatusCode, page: &Page) -> Response {
    match hub.texts.page(page, Language::English) {
        Ok(page) => (status, [(CONTENT_TYPE, HTML)], page).into_response(),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a page could not be written"
            );
            ApiError::Internal.into_response()
        }
    }
}
