//! The link in a mail that acknowledges what the mail told, as an answer by SMS does: through the unit's actor, by
//! whoever the mail went to.
//!
//! It is good for 72 hours, and for the round that the mail told of: what got worse since, or lasted past an
//! acknowledgement, is told anew and has a link of its own. What is acknowledged or over is told as it is.

use axum::{
    extract::{ConnectInfo, State},
    response::Response,
};
use hub_actors::AlertAskError;
use hub_domain::{
    AlertStatus, UserId,
    notify::{PersonId, Stage},
};
use hub_messaging::{
    email::{LinkDeed, MailLink},
    text::{AcknowledgePage, Page, PageAlert, PageState, Scale, View},
};
use hub_store::{
    Said,
    notify::{MailAlert, MailTold},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    mail_pages::{self, ByLink, LinkText, NoPage, PageErrors},
    server::Peer,
};
use crate::app::Hub;

/// How long a link is good, in milliseconds: over a weekend.
const GOOD_MILLIS: i64 = 72 * 3_600_000;

/// What notes of acknowledgements begin with that name who it was.
const BY_MAIL: &str = "by e-mail, ";
const BY_SMS: &str = "by SMS, ";

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(show, acknowledge))
}

/// Shows what a mail told and how it stands, with a button that acknowledges it. Nothing is changed.
///
/// # Errors
/// 404 for a link that the hub did not write, or of what is not there any more; 410 for one that is over.
#[utoipa::path(
    get,
    path = "/api/mail/acknowledge/{link}",
    operation_id = "showMailedAlert",
    tag = "Notifications",
    security(()),
    params(ByLink),
    responses(
        (status = 200, description = "A page.", body = String, content_type = "text/html"),
        (status = 410, description = "The link is over.", body = String, content_type = "text/html"),
        PageErrors,
    ),
)]
pub async fn show(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    link: LinkText,
) -> Response {
    let page = shown(&hub, peer, link).await;
    mail_pages::answer(&hub, page)
}

/// Acknowledges what a mail told, by whoever it went to, and shows how it stands then.
///
/// # Errors
/// As for the page itself.
#[utoipa::path(
    post,
    path = "/api/mail/acknowledge/{link}",
    operation_id = "acknowledgeByMail",
    tag = "Notifications",
    security(()),
    params(ByLink),
    responses(
        (status = 200, description = "A page that says what came of it.", body = String, content_type = "text/html"),
        (status = 410, description = "The link is over.", body = String, content_type = "text/html"),
        PageErrors,
    ),
)]
pub async fn acknowledge(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    link: LinkText,
) -> Response {
    let page = acknowledged(&hub, peer, link).await;
    mail_pages::answer(&hub, page)
}

async fn shown(hub: &Hub, peer: Peer, text: LinkText) -> Result<Page, NoPage> {
    let link = mail_pages::read(hub, peer.0.ip(), LinkDeed::Acknowledge, text).await?;
    let told = told(hub, &link).await?;
    Ok(page(hub, told, false))
}

async fn acknowledged(hub: &Hub, peer: Peer, text: LinkText) -> Result<Page, NoPage> {
    let link = mail_pages::read(hub, peer.0.ip(), LinkDeed::Acknowledge, text).await?;
    let before = told(hub, &link).await?;
    let (user, said) = by(hub, &before).await?;
    let mut is_done = false;
    for it in before.alerts.iter().filter(|it| it.now == Some(it.round)) {
        let asked = hub.units.acknowledge(it.alert.unit_id, it.alert.id, user, said.clone()).await;
        match asked {
            Ok(()) => is_done = true,
            // somebody was quicker, or it is over: the page says so
            Err(AlertAskError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(page(hub, told(hub, &link).await?, is_done))
}

/// What the mail of a link told, if the link is good and went to whom mails of theirs go now.
async fn told(hub: &Hub, link: &MailLink) -> Result<MailTold, NoPage> {
    let told = hub.store.mail_told(link.id).await?.ok_or(NoPage::Unknown)?;
    let is_gone = told.alerts.is_empty() && told.stage != Stage::Test;
    if is_gone || !hub.link_keys.is_to(link, &told.address) {
        return Err(NoPage::Unknown);
    }
    if hub.clock.now().millis_since(link.written_at) >= GOOD_MILLIS {
        return Err(NoPage::Expired);
    }
    Ok(told)
}

/// Who acknowledges: a member, or somebody who is told and is none.
async fn by(hub: &Hub, told: &MailTold) -> Result<(Option<UserId>, Said), NoPage> {
    let (user, contact) = match told.person {
        PersonId::User(user) => (Some(user), None),
        PersonId::Contact(id) => {
            let contact = hub.store.contact(told.org, id).await?.ok_or(NoPage::Unknown)?;
            (contact.user, Some(id))
        }
    };
    let note = Some(format!("{BY_MAIL}{}", told.name));
    Ok((user, Said { note, reason: None, contact }))
}

fn page(hub: &Hub, told: MailTold, is_done: bool) -> Page {
    Page::Acknowledge(AcknowledgePage {
        organization: told.organization,
        items: told.alerts.into_iter().map(item).collect(),
        is_done,
        view_url: hub.public_url.clone(),
    })
}

fn item(it: MailAlert) -> PageAlert {
    let state = state_of(&it);
    let alert = it.alert;
    let zone = alert.zone.name().parse().unwrap_or_default();
    PageAlert {
        unit: alert.unit,
        site: alert.site,
        kind: alert.kind,
        temperature: alert.peak.or(alert.temperature),
        opened_at: alert.opened_at,
        state,
        view: View { scale: Scale::Celsius, zone },
    }
}

fn state_of(it: &MailAlert) -> PageState {
    let alert = &it.alert;
    let named = || {
        let note = it.note.as_deref()?;
        note.strip_prefix(BY_MAIL).or_else(|| note.strip_prefix(BY_SMS)).map(str::to_owned)
    };
    let by = alert.acknowledged_by.clone().or_else(named);
    match (alert.status, it.now) {
        (AlertStatus::Resolved, _) => {
            PageState::Over { at: alert.resolved_at.unwrap_or(alert.opened_at), by }
        }
        (_, Some(round)) if round == it.round => PageState::Open,
        (_, Some(_)) => PageState::Later,
        (_, None) => {
            PageState::Acknowledged { by, at: alert.acknowledged_at.unwrap_or(alert.opened_at) }
        }
    }
}
