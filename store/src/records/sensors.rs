//! Records of sensors: which unit each measured when, their gateways and calibrations.

use hub_domain::{DeviceId, MilliCelsius, OrgId, SiteId, Timestamp, UnitId, UserId};
use uuid::Uuid;

use super::Edition;

/// A time in which a sensor measured a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The unit.
    pub unit: UnitId,
    /// Its begin; [`Timestamp::EARLIEST`] for one that reaches back to whenever the sensor began.
    pub from: Timestamp,
    /// Its end, not included; `None` while it lasts.
    pub until: Option<Timestamp>,
}

impl Assignment {
    /// Whether it held at this instant.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A time in which a sensor measured a unit, and which sensor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignmentRecord {
    /// The sensor.
    pub device: DeviceId,
    /// What it measured when.
    pub assignment: Assignment,
}

/// A sensor as those need it who place readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// Its id: the source of its readings.
    pub id: DeviceId,
    /// Its tenant.
    pub org: OrgId,
    /// Its radio identity.
    pub dev_eui: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// What it measured when, the newest first.
    pub assignments: Vec<Assignment>,
}

impl Sensor {
    /// The assignment that held at this instant.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<&Assignment> {
        self.assignments.iter().find(|assignment| assignment.holds_at(at))
    }
}

/// What is to be edited of a sensor. Fields left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceEdit {
    /// Its name.
    pub name: Option<String>,
    /// Its model, or none.
    pub model: Option<Option<String>>,
    /// Its radio identity, or none.
    pub dev_eui: Option<Option<String>>,
    /// The unit that it measures from now on, or none.
    pub unit: Option<Option<UnitId>>,
}

/// Which sensors are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Of this unit.
    pub unit: Option<UnitId>,
    /// Of this radio identity.
    pub dev_eui: Option<String>,
    /// Only those of no unit.
    pub is_unassigned: bool,
}

/// What a change of a sensor leaves to be done outside the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDuties {
    /// The sensor; its assignments are empty if it was taken away.
    pub sensor: Sensor,
    /// The units that it measures or has measured.
    pub units: Vec<UnitDuty>,
}

/// What a unit has to know about a sensor that measures it or has measured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitDuty {
    /// The unit.
    pub unit: UnitId,
    /// Since when the sensor measures it no more; `None` while it does.
    pub left_at: Option<Timestamp>,
    /// When the first of its sensors' calibrations runs out.
    pub calibration_due_at: Option<Timestamp>,
}

/// A sensor whose change was not carried through yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceChore {
    /// Its tenant.
    pub org: OrgId,
    /// The sensor.
    pub device: DeviceId,
    /// The change.
    pub since: Timestamp,
}

/// A unit that is to be brought into the mode that the windows of it and its site have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitChore {
    /// Its tenant.
    pub org: OrgId,
    /// The unit.
    pub unit: UnitId,
    /// When it is to be told.
    pub due_at: Timestamp,
}

/// A radio gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// Where it stands.
    pub site: Option<SiteId>,
    /// Its name.
    pub name: String,
    /// Its radio identity, 16 upper-case hex digits.
    pub gateway_eui: Option<String>,
    /// About when it last passed on a frame; kept in whole minutes, so that hearing it writes no hot row.
    pub last_seen_at: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

/// A gateway to be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewGateway {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub site: Option<SiteId>,
    /// Its radio identity, 16 upper-case hex digits.
    pub gateway_eui: Option<String>,
}

/// What is to be edited of a gateway. Fields left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayEdit {
    /// Its name.
    pub name: Option<String>,
    /// Where it stands, or nowhere.
    pub site: Option<Option<SiteId>>,
    /// Its radio identity, or none.
    pub gateway_eui: Option<Option<String>>,
}

/// A calibration of a sensor. What it found alters no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// The sensor.
    pub device: DeviceId,
    /// When.
    pub performed_at: Timestamp,
    /// Who did it, in words.
    pub performed_by: String,
    /// What the sensor read beyond the reference.
    pub deviation: Option<MilliCelsius>,
    /// The certificate's number.
    pub certificate: Option<String>,
    /// More on it.
    pub note: Option<String>,
    /// When the next one is due.
    pub due_at: Option<Timestamp>,
    /// Who wrote it down.
    pub created_by: Option<UserId>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

/// A calibration to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCalibration {
    /// The sensor.
    pub device: DeviceId,
    /// When.
    pub performed_at: Timestamp,
    /// Who did it, in words.
    pub performed_by: String,
    /// What the sensor read beyond the reference.
    pub deviation: Option<MilliCelsius>,
    /// The certificate's number.
    pub certificate: Option<String>,
    /// More on it.
    pub note: Option<String>,
    /// When the next one is due.
    pub due_at: Option<Timestamp>,
}

/// What is to be edited of a calibration. Fields left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalibrationEdit {
    /// When.
    pub performed_at: Option<Timestamp>,
    /// Who did it, in words.
    pub performed_by: Option<String>,
    /// What the sensor read beyond the reference.
    pub deviation: Option<Option<MilliCelsius>>,
    /// The certificate's number.
    pub certificate: Option<Option<String>>,
    /// More on it.
    pub note: Option<Option<String>>,
    /// When the next one is due.
    pub due_at: Option<Option<Timestamp>>,
}
