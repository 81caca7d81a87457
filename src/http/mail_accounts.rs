//! The page that the link in an account's mail opens: it sets a password, proves an address or accepts an invitation, as
//! the interface does, for a reader who has a browser and nothing else.

use std::net::IpAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use hub_messaging::text::{AccountDeed, AccountPage, Page};
use hub_store::records::{LinkPurpose, Secret};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    accept_invitation,
    account::{self, LinkIn, NewPasswordIn},
    body,
    error::ApiError,
    mail_pages::{self, ByLink, LinkText, NoPage, PageErrors},
    server::Peer,
};
use crate::{
    app::Hub,
    auth::{LinkToken, proof},
};

/// The longest body, in bytes: a name, a password of 1,024 bytes, each written as `%` and two digits.
const BODY_LIMIT: usize = 16 * 1024;

/// What the page's form has, as far as the link needs it.
#[derive(Default, Deserialize, ToSchema)]
#[expect(dead_code, reason = "this is for the document")]
struct AccountForm {
    /// The password that is to be; of who has an account and accepts an invitation, the one that is.
    password: Option<String>,
    /// What somebody new is called.
    name: Option<String>,
    /// The code of a second factor.
    totp: Option<String>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(show, act))
}

/// Shows what the link in an account's mail is for, with a form that does it. Nothing is changed.
///
/// # Errors
/// 404 for a link that is not good, or not any more.
#[utoipa::path(
    get,
    path = "/api/mail/account/{link}",
    operation_id = "showMailedLink",
    tag = "Account",
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
    let page = match of_link(&hub, peer.0.ip(), link).await {
        Ok(found) => Ok(found.page(&hub, None)),
        Err(error) => Err(error),
    };
    mail_pages::answer(&hub, page)
}

/// Does what the link in an account's mail is for: sets a password, proves an address or accepts an invitation.
///
/// # Errors
/// As for the page itself; 413 for a body that is too long. What is wrong with the form is said on the page.
#[utoipa::path(
    post,
    path = "/api/mail/account/{link}",
    operation_id = "useMailedLink",
    tag = "Account",
    security(()),
    params(ByLink),
    request_body(content = AccountForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page that says what came of it, or what is wrong.", body = String, content_type = "text/html"),
        (status = 400, description = "The body broke off.", body = String, content_type = "text/html"),
        (status = 408, description = "The body did not come in time.", body = String, content_type = "text/html"),
        (status = 413, description = "The body is too long.", body = String, content_type = "text/html"),
        PageErrors,
    ),
)]
pub async fn act(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    link: LinkText,
    request: Request,
) -> Response {
    let page = acted(&hub, peer, link, request).await;
    mail_pages::answer(&hub, page)
}

/// What a link is for, and of whom.
struct Found {
    token: String,
    email: String,
    organization: String,
    deed: AccountDeed,
}

impl Found {
    fn page(self, hub: &Hub, complaint: Option<String>) -> Page {
        Page::Account(AccountPage {
            email: self.email,
            organization: self.organization,
            deed: self.deed,
            complaint,
            view_url: hub.public_url.clone(),
        })
    }
}

async fn acted(hub: &Hub, peer: Peer, link: LinkText, request: Request) -> Result<Page, NoPage> {
    let mut found = of_link(hub, peer.0.ip(), link).await?;
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, BODY_LIMIT).await?;
    let field = |name: &str| field(&body, name);
    let (state, place) = (State(hub.clone()), ConnectInfo(peer));
    let (token, password) = (found.token.clone(), field("password").unwrap_or_default());
    let done = match found.deed {
        AccountDeed::Password => {
            let asked = NewPasswordIn { token, password };
            account::reset(state, place, body::Json(asked)).await.map(drop)
        }
        AccountDeed::Address => {
            account::verify(state, place, body::Json(LinkIn { token })).await.map(drop)
        }
        _ => {
            let (name, totp) = (field("name"), field("totp"));
            accept_invitation::by_page(hub, peer.0.ip(), &token, name, password, totp).await
        }
    };
    match done {
        Ok(()) => {
            found.deed = found.deed.done();
            Ok(found.page(hub, None))
        }
        // another was quicker, or it was over just now
        Err(ApiError::BadLink) => Err(NoPage::Unknown),
        Err(error) => match complaint(&error) {
            Some(complaint) => Ok(found.page(hub, Some(complaint))),
            None => Err(NoPage::Failed(error)),
        },
    }
}

/// What is wrong with a form, in words for its reader; `None` for what another form does not mend.
fn complaint(error: &ApiError) -> Option<String> {
    let said = match error {
        ApiError::Invalid(errors) => errors.first()?.detail.clone(),
        ApiError::BadCredentials => "that is not the password".to_owned(),
        ApiError::TotpRequired => "the code of the second factor is needed, too".to_owned(),
        ApiError::BadTotp => "the code is wrong, or was used before".to_owned(),
        ApiError::AccountExists => "the password is needed".to_owned(),
        _ => return None,
    };
    Some(format!("Nothing was changed: {said}."))
}

/// What a link is for, if it is good.
async fn of_link(hub: &Hub, place: IpAddr, link: LinkText) -> Result<Found, NoPage> {
    let token = link.map(|path| path.0).unwrap_or_default();
    if let Some(read) = LinkToken::parse(&token)
        && let Some(found) = find(hub, read.secret(), token).await?
    {
        hub.rates.admit_caller(read.id)?;
        return Ok(found);
    }
    match proof::refused(hub, place, ApiError::BadLink) {
        ApiError::BadLink => Err(NoPage::Unknown),
        error => Err(NoPage::Failed(error)),
    }
}

async fn find(hub: &Hub, shown: Secret, token: String) -> Result<Option<Found>, ApiError> {
    for (purpose, deed) in [
        (LinkPurpose::PasswordReset, AccountDeed::Password),
        (LinkPurpose::EmailVerification, AccountDeed::Address),
    ] {
        if let Some(owner) = hub.store.link_owner(shown, purpose).await? {
            let user = hub.store.user(owner).await?.ok_or(ApiError::NotFound)?;
            let (email, organization) = (user.email, String::new());
            return Ok(Some(Found { token, email, organization, deed }));
        }
    }
    let Some(open) = hub.store.open_invitation(shown).await? else { return Ok(None) };
    let is_here = hub.store.user_by_email(&open.email).await?.is_some();
    let deed = if is_here { AccountDeed::Joining } else { AccountDeed::Coming };
    let organization = hub.store.organization(open.org).await?.ok_or(ApiError::NotFound)?.name;
    Ok(Some(Found { token, email: open.email, organization, deed }))
}

/// A field of a page's form; `None` where it is empty or not there.
fn field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(own, _)| *own == name)?;
    let value = value.replace('+', " ");
    let value = percent_encoding::percent_decode_str(&value).decode_utf8().ok()?.into_owned();
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_form_are_read_as_they_were_typed() {
        let body = b"name=Ada+L%2E&password=a%26b%2B%C3%A4+c&totp=";
        assert_eq!(field(body, "name").as_deref(), Some("Ada L."));
        assert_eq!(field(body, "password").as_deref(), Some("a&b+\u{e4} c"));
        assert_eq!(
            (field(body, "totp"), field(body, "x"), field(b"\xff=1", "a")),
            (None, None, None)
        );
    }
}
