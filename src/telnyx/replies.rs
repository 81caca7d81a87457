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
    let codes: Vec<KnownCode> = told.iter().map(|known| known.code.clone()).collect();
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

/// A number that the phone was told, and the alerts that it is for as they are now, at least one.
struct Known {
    row: ReplyCode,
    alerts: Vec<ToldAlert>,
    code: KnownCode,
}

impl Known {
    /// The first that is open, if one is.
    fn first(&self) -> Option<&ToldAlert> {
        let open = self.alerts.iter().find(|alert| alert.status == AlertStatus::Active);
        open.or_else(|| self.alerts.first())
    }
}

/// In whose name an answer is sent: of the alert that it is about.
fn answered_by(told: &[Known], answer: &ReplyText) -> Option<(hub_domain::OrgId, uuid::Uuid)> {
    let (ReplyText::Acknowledged { code, .. }
    | ReplyText::Snoozed { code, .. }
    | ReplyText::Explained { code, .. }) = answer
    else {
        return None;
    };
    let known = told.iter().find(|known| known.code.code == *code)?;
    Some((known.row.org, known.row.contact))
}

async fn told(hub: &Hub, phone: &str) -> Result<Vec<Known>, ApiError> {
    let mut told = Vec::new();
    for row in hub.store.reply_codes(phone).await? {
        let alerts = hub.store.told_alerts(row.org, &row.alerts).await?;
        let code = u16::try_from(row.code).ok().and_then(ShortCode::new);
        let Some((first, code)) = alerts.first().zip(code) else { continue };
        let code = KnownCode {
            code,
            alert: first.id,
            unit: first.unit.clone(),
            others: alerts.len() - 1,
            state: state_of(&alerts),
        };
        told.push(Known { row, alerts, code });
    }
    Ok(told)
}

/// Open as long as one is; acknowledged as long as one is not over, by whoever did so last.
fn state_of(alerts: &[ToldAlert]) -> CodeState {
    if alerts.iter().any(|alert| alert.status == AlertStatus::Active) {
        return CodeState::Open;
    }
    let seen = alerts.iter().filter(|alert| alert.status == AlertStatus::Acknowledged);
    if let Some(last) = seen.max_by_key(|alert| alert.acknowledged_at) {
        let at = last.acknowledged_at.unwrap_or(last.opened_at);
        return CodeState::Acknowledged { by: last.acknowledged_by.clone(), at };
    }
    match alerts.iter().max_by_key(|alert| alert.resolved_at) {
        None => CodeState::Open, // nothing is known of it, and nothing is claimed
        Some(last) => CodeState::Resolved {
            at: last.resolved_at.unwrap_or(last.opened_at),
            acknowledged_by: last.acknowledged_by.clone(),
        },
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

fn find<'a>(told: &'a [Known], code: &KnownCode) -> Option<&'a Known> {
    told.iter().find(|it| it.code.code == code.code && it.code.alert == code.alert)
}

/// Acknowledges every alert of a number that is open.
async fn acknowledge(
    hub: &Hub,
    told: &[Known],
    code: KnownCode,
    at: Timestamp,
) -> Result<(&'static str, Option<ReplyText>), ApiError> {
    let Some(known) = find(told, &code) else { return Ok(("gone", None)) };
    let row = &known.row;
    let by = hub.store.contact(row.org, row.contact).await?;
    let user: Option<UserId> = by.as_ref().and_then(|contact| contact.user);
    let name = by.map_or_else(|| "somebody".to_owned(), |contact| contact.name);
    let mut is_any = false;
    for alert in known.alerts.iter().filter(|alert| alert.status == AlertStatus::Active) {
        let note = Some(format!("by SMS, {name}"));
        let said = Said { note, reason: None, contact: Some(row.contact) };
        match hub.units.acknowledge(alert.unit_id, alert.id, user, said).await {
            Ok(()) => is_any = true,
            Err(AlertAskError::Refused(
                Refusal::AlreadyAcknowledged | Refusal::AlreadyResolved | Refusal::ConditionActive,
            )) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if is_any {
        let KnownCode { code, unit, others, .. } = code;
        return Ok(("acknowledged", Some(ReplyText::Acknowledged { code, unit, others })));
    }
    let now = hub.store.told_alerts(row.org, &row.alerts).await?;
    let answer = hub_messaging::sms::Answer::TooLate(KnownCode { state: state_of(&now), ..code });
    let view = view(told.first());
    Ok(("too late", Some(ReplyText::Said { answer, at, view })))
}

/// Snoozes every alert of a number that is not over.
async fn snooze(
    hub: &Hub,
    told: &[Known],
    code: KnownCode,
    at: Timestamp,
) -> Result<(&'static str, Option<ReplyText>), ApiError> {
    let Some(known) = find(told, &code) else { return Ok(("gone", None)) };
    let row = &known.row;
    let contact = hub.store.contact(row.org, row.contact).await?;
    let actor = contact.and_then(|contact| contact.user).map_or(Actor::Hub, Actor::User);
    let until = at.plus_secs(SNOOZE_MINUTES * 60);
    let reason = "answered by SMS";
    for told in known.alerts.iter().filter(|alert| alert.status != AlertStatus::Resolved) {
        let Some(alert) = hub.store.alert(row.org, told.id).await? else { continue };
        let by = By::from(actor).because(Some(reason.to_owned()));
        hub.store.snooze_alert(&alert, until, reason, by).await?;
    }
    let (view, KnownCode { code, unit, others, .. }) = (view(told.first()), code);
    Ok(("snoozed", Some(ReplyText::Snoozed { code, unit, others, until, at, view })))
}

fn explain(told: &[Known], code: &KnownCode, at: Timestamp) -> Option<ReplyText> {
    let known = find(told, code)?;
    let alert = known.first()?;
    Some(ReplyText::Explained {
        code: code.code,
        unit: alert.unit.clone(),
        others: code.others,
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
    let zone = known.and_then(|known| known.first()?.zone.name().parse().ok()).unwrap_or_default();
    View { scale: Scale::Celsius, zone }
}

fn unwritten(error: &TextError) -> ApiError {
    tracing::error!(error = error as &dyn std::error::Error, "an answer could not be written");
    ApiError::Internal
}
