//! The ledger of notifications: who was told what, who was not and why, and that it adds up.

use axum::{Json, extract::State};
use hub_domain::{
    AlertId, Timestamp, UserId,
    notify::{Channel, IntentState, PersonId},
};
use hub_store::{
    notify::{AttemptRecord, Balance, LedgerLine, LineFilter},
    records::PageQuery,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::ReadErrors,
    asked::{self, Listed, Query, bad_query},
    error::ApiError,
    openapi::InOrganization,
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// Which lines are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct LedgerIn {
    /// Of this alert, with the messages that told of several.
    #[param(schema_with = schemas::id)]
    alert_id: Option<String>,
    /// To this contact.
    #[param(schema_with = schemas::id)]
    contact_id: Option<String>,
    /// To this member.
    #[param(schema_with = schemas::id)]
    user_id: Option<String>,
    #[param(schema_with = schemas::intent_state)]
    state: Option<String>,
    #[param(schema_with = schemas::channel)]
    channel: Option<String>,
    /// Planned from then on.
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    /// Planned before then.
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::moment_cursor)]
    cursor: Option<String>,
}

impl LedgerIn {
    fn read(self) -> Result<(LineFilter, PageQuery), ApiError> {
        let page = asked::page(self.limit.as_deref(), self.cursor)?;
        let contact = asked::query_id::<Uuid>("contactId", self.contact_id.as_deref())?;
        let user = asked::query_id::<UserId>("userId", self.user_id.as_deref())?;
        let state = named("state", self.state.as_deref(), IntentState::parse)?;
        let channel = named("channel", self.channel.as_deref(), Channel::parse)?;
        let filter = LineFilter {
            alert: asked::query_id::<AlertId>("alertId", self.alert_id.as_deref())?,
            person: contact.map(PersonId::Contact).or_else(|| user.map(PersonId::User)),
            state,
            channel,
            from: asked::query_instant("from", self.from.as_deref())?,
            to: asked::query_instant("to", self.to.as_deref())?,
        };
        Ok((filter, page))
    }
}

fn named<T>(
    name: &'static str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    let read = |text| parse(text).ok_or_else(|| bad_query(name, "is none of the known values"));
    text.map(read).transpose()
}

/// Whom a line is for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipientOut {
    /// `contact`, or `user` for a member who is none.
    kind: &'static str,
    #[schema(schema_with = schemas::id)]
    id: String,
    /// `null` if they are not there any more.
    #[schema(required)]
    name: Option<String>,
}

/// A try at a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptOut {
    /// From 1.
    number: i64,
    /// `begun`, `accepted`, `sent`, `delivered`, `unclear`, `refused` or `failed`.
    state: String,
    /// The provider's code.
    #[schema(required)]
    code: Option<String>,
    /// What it says, in a sentence.
    #[schema(required)]
    detail: Option<String>,
    begun_at: InstantOut,
    #[schema(required)]
    answered_at: Option<InstantOut>,
    #[schema(required)]
    settled_at: Option<InstantOut>,
}

/// A line of the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerLineOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(required, schema_with = schemas::id_or_none)]
    alert_id: Option<String>,
    /// What is told, such as `critical+15`: what nobody acknowledged a quarter of an hour after it became critical.
    stage: String,
    recipient: RecipientOut,
    /// `sms` or `email`.
    channel: &'static str,
    #[schema(required, schema_with = schemas::id_or_none)]
    policy_id: Option<String>,
    /// Where it stands.
    state: &'static str,
    /// Why it is there, or not sent: a stable word.
    reason_code: String,
    /// The same as a sentence.
    reason: String,
    #[schema(required)]
    held_until: Option<InstantOut>,
    /// The message that carries it.
    #[schema(required, schema_with = schemas::id_or_none)]
    superseded_by: Option<String>,
    /// Whether they may have got it twice.
    possible_duplicate: bool,
    attempts: Vec<AttemptOut>,
    planned_at: InstantOut,
    due_at: InstantOut,
    #[schema(required)]
    sent_at: Option<InstantOut>,
    #[schema(required)]
    settled_at: Option<InstantOut>,
}

impl From<AttemptRecord> for AttemptOut {
    fn from(it: AttemptRecord) -> Self {
        Self {
            number: it.number,
            state: it.state,
            code: it.code,
            detail: it.detail,
            begun_at: InstantOut(it.begun_at),
            answered_at: it.answered_at.map(InstantOut),
            settled_at: it.settled_at.map(InstantOut),
        }
    }
}

impl RecipientOut {
    /// Somebody of that name.
    pub fn of(person: PersonId, name: Option<String>) -> Self {
        let (kind, id) = match person {
            PersonId::Contact(id) => ("contact", id.to_string()),
            PersonId::User(user) => ("user", user.to_string()),
        };
        Self { kind, id, name }
    }
}

impl From<LedgerLine> for LedgerLineOut {
    fn from(line: LedgerLine) -> Self {
        Self {
            id: line.id.to_string(),
            alert_id: line.alert.map(|alert| alert.to_string()),
            stage: line.stage,
            recipient: RecipientOut::of(line.person, line.name),
            channel: line.channel.name(),
            policy_id: line.policy.map(|policy| policy.to_string()),
            state: line.state.name(),
            reason_code: line.reason_code,
            reason: line.reason,
            held_until: line.held_until.map(InstantOut),
            superseded_by: line.superseded_by.map(|id| id.to_string()),
            possible_duplicate: line.possible_duplicate,
            attempts: line.attempts.into_iter().map(AttemptOut::from).collect(),
            planned_at: InstantOut(line.planned_at),
            due_at: InstantOut(line.due_at),
            sent_at: line.sent_at.map(InstantOut),
            settled_at: line.settled_at.map(InstantOut),
        }
    }
}

/// Of which time.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct BalanceIn {
    /// Planned from then on; an hour ago where not said.
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    /// Planned before then; now where not said.
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
}

/// What was planned in a time, and what came of it: planned = ended + in flight, always.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BalanceOut {
    from: InstantOut,
    to: InstantOut,
    /// Lines that were planned.
    planned: i64,
    /// Delivered, or sent where nobody reports whether it arrived.
    told: i64,
    /// Tried, and given up.
    failed: i64,
    /// Kept back by a rule, which the line names.
    suppressed: i64,
    /// Carried by another message, or without a point any more.
    superseded: i64,
    /// On their way.
    in_flight: i64,
    /// Planned, less all of those: 0.
    balance: i64,
    /// Alerts that should have been planned for a minute or more and were not: 0.
    unplanned_alerts: i64,
}

impl BalanceOut {
    fn of(from: Timestamp, to: Timestamp, balance: &Balance) -> Self {
        use IntentState::{
            Delivered, Failed, Planned, Queued, Sending, Sent, Superseded, Suppressed,
        };
        let sum = |states: &[IntentState]| states.iter().map(|state| balance.of(*state)).sum();
        let (told, in_flight): (i64, i64) =
            (sum(&[Sent, Delivered]), sum(&[Planned, Queued, Sending]));
        let (failed, suppressed, superseded) =
            (balance.of(Failed), balance.of(Suppressed), balance.of(Superseded));
        Self {
            from: InstantOut(from),
            to: InstantOut(to),
            planned: balance.planned,
            told,
            failed,
            suppressed,
            superseded,
            in_flight,
            balance: balance.planned - told - failed - suppressed - superseded - in_flight,
            unplanned_alerts: balance.unplanned_alerts,
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(balance))
}

/// Who was told what, and who was not and why, the latest first.
///
/// # Errors
/// 403 below viewer, 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/notifications/ledger",
    operation_id = "listNotifications",
    tag = "Notifications",
    params(InOrganization, LedgerIn),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "A page of lines.", body = Listed<LedgerLineOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<LedgerIn>,
) -> Result<Json<Listed<LedgerLineOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let (filter, page) = asked.read()?;
    let lines = hub.store.ledger(caller.org, filter, page).await?;
    Ok(Json(Listed::of(lines, LedgerLineOut::from)))
}

/// Whether the ledger adds up.
///
/// # Errors
/// 403 below viewer, 400 for a bad time.
#[utoipa::path(
    get,
    path = "/api/v1/notifications/balance",
    operation_id = "getNotificationBalance",
    tag = "Notifications",
    params(InOrganization, BalanceIn),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "What was planned then, and what came of it.", body = BalanceOut),
        ReadErrors,
    ),
)]
pub async fn balance(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<BalanceIn>,
) -> Result<Json<BalanceOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let to = asked::query_instant("to", asked.to.as_deref())?.unwrap_or_else(|| hub.clock.now());
    let hour_before = to.plus_millis(-3_600_000);
    let from = asked::query_instant("from", asked.from.as_deref())?.unwrap_or(hour_before);
    let balance = hub.store.balance(caller.org, from, to).await?;
    Ok(Json(BalanceOut::of(from, to, &balance)))
}
