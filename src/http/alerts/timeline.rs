//! All that happened around an alert, in one line of time: its events, what was done, snoozes, maintenance.

use hub_domain::Timestamp;
use hub_store::records::{AlertEventRecord, AlertRecord, CorrectiveAction, MaintenanceWindow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{http::schemas, wire::InstantOut};

/// A line of an alert's timeline.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineOut {
    at: InstantOut,
    #[schema(schema_with = schemas::timeline)]
    what: &'static str,
    /// The corrective action or the window.
    #[schema(required, schema_with = schemas::id_or_none)]
    id: Option<String>,
    /// Of an event: what happened.
    #[schema(required, schema_with = schemas::alert_event_or_none)]
    event: Option<&'static str>,
    #[schema(required, schema_with = schemas::id_or_none)]
    by: Option<String>,
    /// The note, the action or the reason.
    #[schema(required)]
    text: Option<String>,
    /// Of a snooze or maintenance: its end.
    #[schema(required)]
    until: Option<InstantOut>,
    /// Of an event: whether notifications were kept back.
    #[schema(required)]
    muted: Option<bool>,
}

impl TimelineOut {
    const fn new(at: Timestamp, what: &'static str) -> Self {
        Self {
            at: InstantOut(at),
            what,
            id: None,
            event: None,
            by: None,
            text: None,
            until: None,
            muted: None,
        }
    }

    fn of_event(event: &AlertEventRecord) -> Self {
        Self {
            event: Some(event.event.name()),
            by: event.by.map(|user| user.to_string()),
            text: event.note.clone(),
            muted: Some(event.muted),
            ..Self::new(event.at, "event")
        }
    }

    fn of_action(action: CorrectiveAction) -> Self {
        Self {
            id: Some(action.id.to_string()),
            by: Some(action.created_by.to_string()),
            text: Some(action.action),
            ..Self::new(action.taken_at, "corrective_action")
        }
    }

    /// A window's begin, and its end once it is there.
    fn of_window(window: MaintenanceWindow, now: Timestamp) -> impl Iterator<Item = Self> {
        let (began, ended) = match window.alert {
            Some(_) => ("snoozed", "snooze_ended"),
            None => ("maintenance_began", "maintenance_ended"),
        };
        let id = Some(window.id.to_string());
        let over_at = window.ended_at.unwrap_or(window.ends_at);
        let end = Self { id: id.clone(), ..Self::new(over_at, ended) };
        let begin = Self {
            id,
            by: window.created_by.map(|user| user.to_string()),
            text: Some(window.reason),
            until: Some(InstantOut(window.ends_at)),
            ..Self::new(window.starts_at, began)
        };
        [Some(begin), Some(end).filter(|_| over_at <= now)].into_iter().flatten()
    }
}

/// The timeline of an alert. An end after the alert's own is not part of it.
pub(super) fn timeline(
    alert: &AlertRecord,
    events: &[AlertEventRecord],
    actions: Vec<CorrectiveAction>,
    windows: Vec<MaintenanceWindow>,
    now: Timestamp,
) -> Vec<TimelineOut> {
    let until = alert.resolved_at.unwrap_or(now);
    let windows = windows.into_iter().flat_map(|window| TimelineOut::of_window(window, now));
    let windows = windows.filter(|line| line.at.0 <= until);
    let events = events.iter().map(TimelineOut::of_event);
    let actions = actions.into_iter().map(TimelineOut::of_action);
    let mut lines: Vec<TimelineOut> = events.chain(actions).chain(windows).collect();
    lines.sort_by_key(|line| line.at.0); // stable: events of one instant stay in their order
    lines
}
