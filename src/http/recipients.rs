//! Who was told of one alert, and who was not and why: a sentence for everybody.

use axum::{Json, extract::State};
use hub_domain::{
    AlertId,
    notify::{Seen, Standing, standing, why_no_line},
};
use hub_store::notify::{LedgerLine, Recipient, Recipients};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::ReadErrors,
    asked::Id,
    error::ApiError,
    ledger::RecipientOut,
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// How somebody stands with an alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StandingOut {
    recipient: RecipientOut,
    /// `told` once a provider took a message to them, `under_way` while one is yet to be sent, otherwise `not_told`.
    #[schema(schema_with = schemas::standing)]
    standing: &'static str,
    /// Why, as a sentence.
    why: String,
    /// When a message was last taken by its provider.
    #[schema(required)]
    told_at: Option<InstantOut>,
    /// How many lines the ledger has for them, of this alert and of messages that carry it.
    lines: usize,
}

/// Everybody of the organization, and how they stand with one alert.
#[derive(Debug, Serialize, ToSchema)]
pub struct StandingsOut {
    /// Each contact, each member who is none, and whoever was told and is gone.
    items: Vec<StandingOut>,
}

impl StandingOut {
    fn of(recipients: &Recipients, who: &Recipient) -> Self {
        let seen: Vec<Seen<'_>> = who.lines.iter().map(seen).collect();
        let (standing, why) = match (standing(&seen), &who.person) {
            (Some((standing, sentence)), _) => (standing, sentence.to_owned()),
            (None, Some(person)) => (Standing::NotTold, why_no_line(&recipients.terms, person)),
            (None, None) => (Standing::NotTold, String::new()), // nobody is here without the one or the other
        };
        Self {
            recipient: RecipientOut::of(who.id, who.name.clone()),
            standing: standing.name(),
            why,
            told_at: who.lines.iter().filter_map(|line| line.sent_at).max().map(InstantOut),
            lines: who.lines.len(),
        }
    }
}

fn seen(line: &LedgerLine) -> Seen<'_> {
    Seen { state: line.state, sentence: &line.reason }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Everybody of the organization, and how they stand with an alert: told or not, and why, as a sentence.
///
/// # Errors
/// 403 below viewer, 404 for an alert that is not there.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/{id}/recipients",
    operation_id = "listAlertRecipients",
    tag = "Notifications",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "Everybody.", body = StandingsOut),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
) -> Result<Json<StandingsOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let recipients = hub.store.recipients(caller.org, id).await?;
    let items = recipients.people.iter().map(|who| StandingOut::of(&recipients, who)).collect();
    Ok(Json(StandingsOut { items }))
}
