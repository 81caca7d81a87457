//! Alerts as stored.

use hub_domain::{
    AlertEventKind, AlertId, AlertKind, AlertStatus, MilliCelsius, OrgId, Severity, SiteId,
    Timestamp, UnitId, UserId,
};

/// An alert as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRecord {
    /// Its id.
    pub id: AlertId,
    /// Its tenant.
    pub org: OrgId,
    /// Its site.
    pub site: SiteId,
    /// Its unit.
    pub unit: UnitId,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// When the condition became true.
    pub opened_at: Timestamp,
    /// When it was last confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// By whom.
    pub acknowledged_by: Option<UserId>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Who resolved it; `None` with `resolved_at` set means by itself.
    pub resolved_by: Option<UserId>,
    /// The temperature that opened it.
    pub temperature: Option<MilliCelsius>,
    /// The limit passed.
    pub limit: Option<MilliCelsius>,
    /// Farthest out.
    pub peak: Option<MilliCelsius>,
    /// The rules that judged its last event.
    pub rule_version: i64,
}

/// One event of an alert as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEventRecord {
    /// Position within the alert's history, from 0.
    pub ordinal: i64,
    /// What happened.
    pub event: AlertEventKind,
    /// When it became true.
    pub at: Timestamp,
    /// When it was written.
    pub written_at: Timestamp,
    /// Severity after it.
    pub severity: Severity,
    /// Who did it.
    pub by: Option<UserId>,
    /// Their words.
    pub note: Option<String>,
    /// Whether the unit's mode kept notifications back.
    pub muted: bool,
}

/// Which alerts are wanted. Fields left out do not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this unit.
    pub unit: Option<UnitId>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// Of this kind.
    pub kind: Option<AlertKind>,
    /// In one of these states.
    pub statuses: Vec<AlertStatus>,
    /// As bad as that.
    pub severity: Option<Severity>,
    /// Opened from then on (included).
    pub from: Option<Timestamp>,
    /// Opened before then.
    pub to: Option<Timestamp>,
    /// Those whose site requires a corrective action where none names them, or all others.
    pub needs_action: Option<bool>,
}
