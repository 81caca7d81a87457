//! What a transition does to the records of alerts.

use hub_domain::{
    AlertEvent, AlertEventKind, AlertId, AlertStatus, OrgId, Point, SiteId, Timestamp, UnitId,
};

use crate::{
    TransitionCommit, UnitCommit,
    records::{AlertEventRecord, AlertRecord},
};

/// What one commit does to one alert.
#[derive(Clone, Debug)]
pub(crate) struct AlertChange {
    /// The alert after it.
    pub(crate) record: AlertRecord,
    /// Where it was measured.
    pub(crate) point: Option<Point>,
    /// When it escalated past its acknowledgement.
    pub(crate) escalated_at: Option<Timestamp>,
    /// True if it was opened by it.
    pub(crate) is_opened: bool,
    /// What happened, in order. Ordinals count from 0 and are yet to be raised by what happened before.
    pub(crate) events: Vec<AlertEventRecord>,
}

/// What a commit does to its unit's alerts, in the order of their first events.
pub(crate) fn alert_changes(commit: &UnitCommit, written_at: Timestamp) -> Vec<AlertChange> {
    let mut changes: Vec<AlertChange> = Vec::new();
    let Some(transition) = &commit.transition else { return changes };
    for event in &transition.events {
        let record = record_after(commit, event, transition.rule_version);
        let index = index_of(&changes, record.id);
        let ordinal = index.map_or(0, |index| changes[index].events.len());
        let stored = AlertEventRecord {
            ordinal: i64::try_from(ordinal).unwrap_or(i64::MAX),
            event: event.event,
            at: event.at,
            written_at,
            severity: event.alert.severity,
            by: event.by,
            note: transition.said.note.clone().filter(|_| is_by_a_person(event, transition)),
            muted: event.muted,
        };
        let escalated_at = event.alert.escalated_at;
        if let Some(index) = index {
            let change = &mut changes[index];
            (change.record, change.escalated_at) = (record, escalated_at);
            change.events.push(stored);
        } else {
            let is_opened = event.event == AlertEventKind::Opened;
            let point = event.alert.point.clone();
            changes.push(AlertChange {
                record,
                point,
                escalated_at,
                is_opened,
                events: vec![stored],
            });
        }
    }
    changes
}

/// Whether a person did it: a member, or a contact who is none and can acknowledge alone.
pub(crate) fn is_by_a_person(event: &AlertEvent, transition: &TransitionCommit) -> bool {
    let is_by_contact =
        transition.said.contact.is_some() && event.event == AlertEventKind::Acknowledged;
    event.by.is_some() || is_by_contact
}

fn index_of(changes: &[AlertChange], id: AlertId) -> Option<usize> {
    changes.iter().position(|change| change.record.id == id)
}

fn record_after(commit: &UnitCommit, event: &AlertEvent, rule_version: i64) -> AlertRecord {
    let UnitCommit { org, site, unit, .. } = commit;
    let is_over = event.status() == AlertStatus::Resolved;
    let open = open_record(*org, *site, *unit, &event.alert, rule_version);
    AlertRecord {
        status: event.status(),
        resolved_at: is_over.then_some(event.at),
        resolved_by: event.by.filter(|_| is_over),
        ..open
    }
}

fn open_record(
    org: OrgId,
    site: SiteId,
    unit: UnitId,
    alert: &hub_domain::OpenAlert,
    rule_version: i64,
) -> AlertRecord {
    AlertRecord {
        id: alert.id,
        org,
        site,
        unit,
        kind: alert.kind,
        severity: alert.severity,
        status: alert.status(),
        opened_at: alert.opened_at,
        confirmed_at: alert.confirmed_at,
        acknowledged_at: alert.acknowledged_at,
        acknowledged_by: alert.acknowledged_by,
        resolved_at: None,
        resolved_by: None,
        temperature: alert.temperature,
        limit: alert.limit,
        peak: alert.peak,
        rule_version,
    }
}
