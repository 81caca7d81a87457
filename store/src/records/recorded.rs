//! What people record, and the times in which a unit is worked on.

use hub_domain::{
    AlertId, MilliCelsius, Mode, OrgId, PerMille, SiteId, SourceId, Timestamp, UnitId, UserId,
};
use uuid::Uuid;

use super::Edition;

/// A temperature that a person read and wrote down. It is also a reading of the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualLog {
    /// Its id; perhaps of its sender's choosing.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// The unit's site when it was logged.
    pub site: SiteId,
    /// The unit.
    pub unit: UnitId,
    /// What was read.
    pub temperature: MilliCelsius,
    /// Relative humidity.
    pub humidity: Option<PerMille>,
    /// Words on it.
    pub note: Option<String>,
    /// Whether it was outside the limits that held.
    pub is_out_of_range: bool,
    /// Whether it was, and no corrective action names it.
    pub needs_action: bool,
    /// When it was read, by the person's word.
    pub recorded_at: Timestamp,
    /// SHA-256 of what was sent.
    pub fingerprint: [u8; 32],
    /// Who.
    pub created_by: UserId,
    /// When the hub took it in.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

/// What somebody or something said of a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorEvent {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// The unit.
    pub unit: UnitId,
    /// What said so.
    pub source: SourceId,
    /// Whether it stands open.
    pub is_open: bool,
    /// When, by the source's time.
    pub recorded_at: Timestamp,
    /// When the hub heard of it.
    pub received_at: Timestamp,
    /// Who said so, where a person did.
    pub created_by: Option<UserId>,
}

/// A turn of a door: it was shut before and is open now, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorChange {
    /// Whether it stands open now.
    pub is_open: bool,
    /// When, by the source's time.
    pub recorded_at: Timestamp,
    /// When the hub heard of it.
    pub received_at: Timestamp,
    /// What said so.
    pub source: SourceId,
    /// Who said so, where a person did.
    pub created_by: Option<UserId>,
}

/// What was done about a condition or about a log out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrectiveAction {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// The unit's site when it was written down.
    pub site: SiteId,
    /// The unit.
    pub unit: UnitId,
    /// The alert that it answers.
    pub alert: Option<AlertId>,
    /// The manual log that it answers.
    pub manual_log: Option<Uuid>,
    /// What was done.
    pub action: String,
    /// When.
    pub taken_at: Timestamp,
    /// Who wrote it down.
    pub created_by: UserId,
    /// When it was written down.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

/// What a window is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowKind {
    /// Work on units.
    Maintenance,
    /// A defrost.
    Defrosting,
    /// Units that are being set up.
    Commissioning,
    /// One alert that people know of.
    Snooze,
}

impl WindowKind {
    /// Those that put units into a mode.
    pub const MODES: [Self; 3] = [Self::Maintenance, Self::Defrosting, Self::Commissioning];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Defrosting => "defrosting",
            Self::Commissioning => "commissioning",
            Self::Snooze => "snooze",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::MODES.into_iter().chain([Self::Snooze]).find(|kind| kind.name() == name)
    }
}

/// A time in which notifications are kept back: of units, or of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// Its site.
    pub site: SiteId,
    /// The unit; `None` for every unit of the site.
    pub unit: Option<UnitId>,
    /// The alert that is snoozed.
    pub alert: Option<AlertId>,
    /// What it is for.
    pub kind: WindowKind,
    /// Its begin.
    pub starts_at: Timestamp,
    /// Its end.
    pub ends_at: Timestamp,
    /// Why.
    pub reason: String,
    /// When the units were told.
    pub begun_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Who planned it.
    pub created_by: Option<UserId>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

impl MaintenanceWindow {
    /// Whether it holds at that instant.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.edition.deleted_at.is_none()
            && self.ended_at.is_none()
            && (self.starts_at..self.ends_at).contains(&now)
    }

    /// What it puts units into.
    #[must_use]
    pub fn mode(&self) -> Mode {
        let until = self.ends_at;
        match self.kind {
            WindowKind::Maintenance => Mode::Maintenance {
                until,
                by: self.created_by,
                reason: self.reason.as_str().into(),
            },
            WindowKind::Defrosting => Mode::Defrosting { until },
            WindowKind::Commissioning => Mode::Commissioning,
            WindowKind::Snooze => Mode::Normal,
        }
    }
}

/// Which manual logs or corrective actions are wanted. Fields left out do not narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Of this unit.
    pub unit: Option<UnitId>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// From then on (included).
    pub from: Option<Timestamp>,
    /// Until then (not included).
    pub to: Option<Timestamp>,
    /// Of manual logs: those that ask for an action, or those that do not.
    pub needs_action: Option<bool>,
    /// Of corrective actions: those that answer this alert.
    pub alert: Option<AlertId>,
    /// Of corrective actions: those that answer this manual log.
    pub manual_log: Option<Uuid>,
}

/// Which maintenance windows are wanted. Fields left out do not narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowFilter {
    /// Of this unit alone.
    pub unit: Option<UnitId>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// Of this kind.
    pub kind: Option<WindowKind>,
    /// That end after this.
    pub from: Option<Timestamp>,
    /// That begin before this.
    pub to: Option<Timestamp>,
}

/// What stands beside an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertAside {
    /// Until when what is told of it is kept back.
    pub snoozed_until: Option<Timestamp>,
    /// Whether its site requires a corrective action and none names it.
    pub needs_action: bool,
}
