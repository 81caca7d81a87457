//! Alerts: the records of conditions that people acknowledge and resolve.

use crate::{AlertId, MilliCelsius, Timestamp, UserId, point::Point};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable name, as on the wire and in the store.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The value of that name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use names;

names! {
    /// What an alert is about. A unit has at most one unresolved alert of each kind.
    AlertKind {
        /// Too warm.
        TemperatureHigh = "temperature_high",
        /// Too cold.
        TemperatureLow = "temperature_low",
        /// The sensors fell silent.
        MonitoringInterrupted = "monitoring_interrupted",
        /// Nobody logged by hand in time.
        MissedManualEntry = "missed_manual_entry",
        /// The door stands open.
        DoorOpen = "door_open",
        /// A sensor's battery is low.
        LowBattery = "low_battery",
        /// A sensor says what cannot be.
        SensorFault = "sensor_fault",
        /// A calibration has run out.
        CalibrationDue = "calibration_due",
        /// Out of range, door shut, and nothing gets better.
        SuspectedCoolingFailure = "suspected_cooling_failure",
    }
}

names! {
    /// How bad it is. Never falls while an alert is open.
    Severity {
        /// Worth a look; may clear by itself.
        Warning = "warning",
        /// Somebody must act.
        Critical = "critical",
    }
}

names! {
    /// What happened to an alert.
    AlertEventKind {
        /// The condition began.
        Opened = "opened",
        /// An excursion lasted its confirm time: an alarm.
        Confirmed = "confirmed",
        /// A person saw it.
        Acknowledged = "acknowledged",
        /// The condition is over, or a person said so.
        Resolved = "resolved",
        /// It got worse, or lasted past its acknowledgement.
        Escalated = "escalated",
        /// Late readings changed its history.
        Amended = "amended",
    }
}

names! {
    /// Where an alert stands.
    AlertStatus {
        /// Nobody has seen it.
        Active = "active",
        /// Somebody has.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
    }
}

/// An unresolved alert, as a unit carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAlert {
    /// Its id, see [`AlertId::derive`].
    pub id: AlertId,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// When the condition became true.
    pub opened_at: Timestamp,
    /// When it was last confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When a person acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// Who did.
    pub acknowledged_by: Option<UserId>,
    /// When it escalated after that acknowledgement, if it did.
    pub escalated_at: Option<Timestamp>,
    /// Where it was measured, for kinds that are measured.
    pub point: Option<Point>,
    /// The temperature that opened it.
    pub temperature: Option<MilliCelsius>,
    /// The limit that was passed.
    pub limit: Option<MilliCelsius>,
    /// The temperature farthest out so far.
    pub peak: Option<MilliCelsius>,
}

impl OpenAlert {
    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> AlertStatus {
        if self.acknowledged_at.is_some() { AlertStatus::Acknowledged } else { AlertStatus::Active }
    }

    /// The newest instant told of its condition. What is told next is told as of no earlier one, though a backlog
    /// may say so: an alert never ends before it began.
    #[must_use]
    pub fn told_until(&self) -> Timestamp {
        self.opened_at.max(self.confirmed_at.unwrap_or(self.opened_at))
    }
}

/// Something that happened to an alert, to be stored and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEvent {
    /// What happened.
    pub event: AlertEventKind,
    /// The instant the condition became true, not when a timer happened to run.
    pub at: Timestamp,
    /// Who did it, where a person did.
    pub by: Option<UserId>,
    /// The alert after it. Of a resolved one, as it was last.
    pub alert: OpenAlert,
    /// True when the unit's mode keeps notifications back. It is recorded all the same.
    pub muted: bool,
}

impl AlertEvent {
    /// Where the alert stands after this event.
    #[must_use]
    pub fn status(&self) -> AlertStatus {
        if self.event == AlertEventKind::Resolved {
            AlertStatus::Resolved
        } else {
            self.alert.status()
        }
    }
}
