//! The link in a mail that ends such mails: one click of the reader's mail program (RFC 8058), or of a page's button.

use axum::{
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use hub_messaging::{
    email::LinkDeed,
    text::{Page, UnsubscribePage},
};
use hub_store::notify::MailedContact;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    body,
    mail_pages::{self, ByLink, LinkText, NoPage, PageErrors},
    server::Peer,
};
use crate::app::Hub;

/// The longest body, in bytes: a field in one of the two forms of pages.
const BODY_LIMIT: usize = 4 * 1024;

/// What is posted. More, or in the other form of pages (`multipart/form-data`), is taken alike.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "this is for the document")]
struct OneClick {
    /// Ends the mails.
    #[serde(rename = "List-Unsubscribe")]
    #[schema(example = "One-Click")]
    list_unsubscribe: Option<String>,
    /// Begins them again.
    #[serde(rename = "Resubscribe")]
    #[schema(example = "yes")]
    resubscribe: Option<String>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(show, change))
}

/// Shows whether mails come, with a button that changes it. Nothing is changed.
///
/// # Errors
/// 404 for a link that the hub did not write, or to who is not there any more.
#[utoipa::path(
    get,
    path = "/api/mail/unsubscribe/{link}",
    operation_id = "showMailSubscription",
    tag = "Notifications",
    security(()),
    params(ByLink),
    responses(
        (status = 200, description = "A page.", body = String, content_type = "text/html"),
        PageErrors,
    ),
)]
pub async fn show(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    link: LinkText,
) -> Response {
    let page = mailed(&hub, peer, link).await.map(|mailed| page(&mailed));
    mail_pages::answer(&hub, page)
}

/// Ends mails to a contact by `List-Unsubscribe=One-Click` (RFC 8058), or begins them again by `Resubscribe=yes`.
///
/// Another body changes nothing. What is mailed of the alerts that are open is planned without them.
///
/// # Errors
/// As for the page itself; 413 for a body that is too long.
#[utoipa::path(
    post,
    path = "/api/mail/unsubscribe/{link}",
    operation_id = "changeMailSubscription",
    tag = "Notifications",
    security(()),
    params(ByLink),
    request_body(content = OneClick, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page that says how it is now.", body = String, content_type = "text/html"),
        (status = 400, description = "The body broke off.", body = String, content_type = "text/html"),
        (status = 408, description = "The body did not come in time.", body = String, content_type = "text/html"),
        (status = 413, description = "The body is too long.", body = String, content_type = "text/html"),
        PageErrors,
    ),
)]
pub async fn change(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    link: LinkText,
    request: Request,
) -> Response {
    let page = changed(&hub, peer, link, request).await;
    mail_pages::answer(&hub, page)
}

async fn changed(hub: &Hub, peer: Peer, link: LinkText, request: Request) -> Result<Page, NoPage> {
    let mailed = mailed(hub, peer, link).await?;
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, BODY_LIMIT).await?;
    let Some(is_opted_out) = wish(&body).filter(|is_opted_out| mailed.may_end || !is_opted_out)
    else {
        return Ok(page(&mailed));
    };
    hub.store.set_email_opted_out(&mailed.contact, is_opted_out).await?;
    let now = hub.store.mailed_contact(mailed.contact.id).await?.ok_or(NoPage::Unknown)?;
    Ok(page(&now))
}

/// Whether mails are to end, or to begin again; `None` where the body says neither.
fn wish(body: &[u8]) -> Option<bool> {
    let body = String::from_utf8_lossy(body);
    let says = |field: &str, value: &str| {
        let is_pair = body.split('&').any(|pair| pair.trim() == format!("{field}={value}"));
        // as a part of a form: a name in its header, the value in a line of its own
        let is_part = body.contains(&format!("name=\"{field}\""))
            && body.lines().any(|line| line.trim() == value);
        is_pair || is_part
    };
    if says("List-Unsubscribe", "One-Click") {
        return Some(true);
    }
    says("Resubscribe", "yes").then_some(false)
}

async fn mailed(hub: &Hub, peer: Peer, text: LinkText) -> Result<MailedContact, NoPage> {
    let link = mail_pages::read(hub, peer.0.ip(), LinkDeed::Unsubscribe, text).await?;
    let mailed = hub.store.mailed_contact(link.id).await?.ok_or(NoPage::Unknown)?;
    let address = mailed.contact.email.as_deref().unwrap_or_default();
    if !hub.link_keys.is_to(&link, address) {
        return Err(NoPage::Unknown);
    }
    Ok(mailed)
}

fn page(mailed: &MailedContact) -> Page {
    Page::Unsubscribe(UnsubscribePage {
        organization: mailed.organization.clone(),
        address: mailed.contact.email.clone().unwrap_or_default(),
        is_ended: mailed.contact.email_opted_out_at.is_some(),
        may_end: mailed.may_end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_known_in_both_forms_and_nothing_else_is_one() {
        let part = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        for body in ["List-Unsubscribe=One-Click", "a=b&List-Unsubscribe=One-Click", part] {
            assert_eq!(wish(body.as_bytes()), Some(true), "{body}");
        }
        assert_eq!(wish(b"Resubscribe=yes"), Some(false));
        for body in ["", "List-Unsubscribe=", "List-Unsubscribe", "x=List-Unsubscribe=One-Click"] {
            assert_eq!(wish(body.as_bytes()), None, "{body}");
        }
    }
}
