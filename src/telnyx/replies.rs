//! What people answer by SMS: acknowledged through the unit's actor like any acknowledgement, and answered truthfully.

use hub_actors::AlertAskError;
use hub_domain::{AlertStatus, Refusal, Timestamp, UserId};
use hub_messaging::{
    sms::{CodeState, Decision, KnownCode, SNOOZE_MINUTES, ShortCode, Situation, decide, parse},
    telnyx::Inbound,
    text::{Language, Message, ReplyText, Scale, TextError, View},
};
use hub_store::{
    By, Said,
    notify::{ReplyCode, ToldAlert},
    records::Actor,
};

use crate::{app::Hub, http::error::ApiError};

/// Does what an answer asks for; gives what came of it, for the record.
pub(super) async fn work(hub: &Hub, message: &Inbound) -> Result<&'static str, ApiError> {
    let phone = hub.store.phone(message.from.as_str()).await?;
    let Some(owner) = phone.contacts.first() else { return Ok("nobody's phone") };
    let told = told(hub, message.from.as_str()).await?;
    let codes: Vec<KnownCode> = told.iter().map(|(_, known)| known.clone()).collect();
    let situation = Situation { is_opted_out: phone.is_opted_out, codes: &codes };
    let (outcome, answer) =
        act(hub, message, &told, decide(parse(&message.text), situation)).await?;
    if let Some(answer) = answer {
        let to = answered_by(&told, &answer).unwrap_or((owner.org, owner.contact));
        let text = hub.texts.sms(&Message::Reply(answer), Language::nearest("en"));
        let text = text.map_err(|error| unwritten(&error))?;
        hub.store.answer_phone(to.0, to.1, &text).await?;
    }
    Ok(outcome)
}

/// A number that the phone was told, with its alert as it is now.
type Known = ((ReplyCode, ToldAlert), KnownCode);

/// In whose name an answer is sent: of the alert that it is about.
fn answered_by(told: &[Known], answer: &ReplyText) -> Option<(hub_domain::OrgId, uuid::Uuid)> {
    let (ReplyText::Acknowledged { code, .. }
    | ReplyText::Snoozed { code, .. }
    | ReplyText::Explained { code, .. }) = answer
    else {
        return None;
    };
    let (row, _) = &told.iter().find(|(_, known)| known.code == *code)?.0;
    Some((row.org, row.contact))
}

async fn told(hub: &Hub, phone: &str) -> Result<Vec<Known>, ApiError> {
    let mut told = Vec::new();
    for row in hub.store.reply_codes(phone).await? {
        let alerts = hub.store.told_alerts(row.org, &[row.alert]).await?;
        let code = u16::try_from(row.code).ok().and_then(ShortCode::new);
        let Some((alert, code)) = alerts.into_iter().next().zip(code) else { continue };
        let known =
            KnownCode { code, alert: row.alert, unit: alert.unit.clone(), state: state_of(&alert) };
        told.push(((row, alert), known));
    }
    Ok(told)
}

fn state_of(alert: &ToldAlert) -> CodeState {
    let by = alert.acknowledged_by.clone();
    match (alert.status, alert.resolved_at) {
        (AlertStatus::Active, _) => CodeState::Open,
        (AlertStatus::Acknowledged, _) => {
            CodeState::Acknowledged { by, at: alert.acknowledged_at.unwrap_or(alert.opened_at) }
        }
        (AlertStatus::Resolved, at) => {
            CodeState::Resolved { at: at.unwrap_or(alert.opened_at), acknowledged_by: by }
        }
    }
}

async fn act(
    hub: &Hub,
    message: &Inbound,
    told: &[Known],
    decision: Decision,
) -> Result<(&'static str, Option<ReplyText>), ApiError> {
    let (phone, at) = (message.from.as_str(), hub.clock.now());
    Ok(match decision {
        Decision::OptOut => {
            hub.store.set_opted_out(phone, true).await?;
            ("opted out", None) // the carrier answers, and takes nothing more from us
        }
        Decision::OptIn => {
            hub.store.set_opted_out(phone, false).await?;
            ("opted in", Some(ReplyText::Resumed))
        }
        Decision::Acknowledge(known) => acknowledge(hub, told, known, at).await?,
        Decision::Snooze(known) => snooze(hub, told, known, at).await?,
        Decision::Explain(known) => ("explained", explain(told, &known, at)),
        Decision::Say(answer) => {
            ("answered", Some(ReplyText::Said { answer, at, view: view(told.first()) }))
        }
    })
}

fn find<'a>(told: &'a [Known], known: &KnownCode) -> Option<&'a (ReplyCode, ToldAlert)> {
    told.iter().find(|(_, it)| it.alert == known.alert).map(|(row, _)| row)
}

async fn acknowledge(
    hub: &Hub,
    told: &[Known],
    known: KnownCode,
    at: Timestamp,
) -> Result<(&'static str, Option<ReplyText>), ApiError> {
    let Some((row, alert)) = find(told, &known) else { return Ok(("gone", None)) };
    let by = hub.store.contact(row.org, row.contact).await?;
    let user: Option<UserId> = by.as_ref().and_then(|contact| contact.user);
    let name = by.map_or_else(|| "somebody".to_owned(), |contact| contact.name);
    let said =
        Said { note: Some(format!("by SMS, {name}")), reason: None, contact: Some(row.contact) };
    match hub.units.acknowledge(alert.unit_id, row.alert, user, said).await {
        Ok(()) => {
            let (code, unit) = (known.code, known.unit);
            Ok(("acknowledged", Some(ReplyText::Acknowledged { code, unit })))
        }
        Err(AlertAskError::Refused(
            Refusal::AlreadyAcknowledged | Refusal::AlreadyResolved | Refusal::ConditionActive,
        )) => {
            let now = hub.store.told_alerts(row.org, &[row.alert]).await?;
            let state = now.first().map_or(known.state.clone(), state_of);
            let answer = hub_messaging::sms::Answer::TooLate(KnownCode { state, ..known });
            let view = view(told.first());
            Ok(("too late", Some(ReplyText::Said { answer, at, view })))
        }
        Err(error) => Err(error.into()),
    }
}

async fn snooze(
    hub: &Hub,
    told: &[Known],
    known: KnownCode,
    at: Timestamp,
) -> Result<(&'static str, Option<ReplyText>), ApiError> {
    let Some((row, _)) = find(told, &known) else { return Ok(("gone", None)) };
    let Some(alert) = hub.store.alert(row.org, row.alert).await? else {
        return Ok(("gone", None));
    };
    let contact = hub.store.contact(row.org, row.contact).await?;
    let actor = contact.and_then(|contact| contact.user).map_or(Actor::Hub, Actor::User);
    let until = at.plus_secs(SNOOZE_MINUTES * 60);
    let reason = "answered by SMS";
    let by = By::from(actor).because(Some(reason.to_owned()));
    hub.store.snooze_alert(&alert, until, reason, by).await?;
    let (code, unit, view) = (known.code, known.unit, view(told.first()));
    Ok(("snoozed", Some(ReplyText::Snoozed { code, unit, until, at, view })))
}

fn explain(told: &[Known], known: &KnownCode, at: Timestamp) -> Option<ReplyText> {
    let (_, alert) = find(told, known)?;
    Some(ReplyText::Explained {
        code: known.code,
        unit: alert.unit.clone(),
        site: alert.site.clone(),
        kind: alert.kind,
        temperature: alert.peak.or(alert.temperature),
        opened_at: alert.opened_at,
        acknowledged_by: alert.acknowledged_by.clone(),
        at,
        view: view(told.first()),
    })
}

/// Times are those of the site.
fn view(known: Option<&Known>) -> View {
    let zone = known.and_then(|((_, alert), _)| alert.zone.name().parse().ok()).unwrap_or_default();
    View { scale: Scale::Celsius, zone }
}

fn unwritten(error: &TextError) -> ApiError {
    tracing::error!(error = error as &dyn std::error::Error, "an answer could not be written");
    ApiError::Internal
}
