//! The pure core: units, readings, limits and alerts as types, and the functions that decide.
//!
//! Nothing here reads a clock, a file, a socket or a random number, and no float is computed. A decision is a
//! value: [`Unit::step`] takes a state, inputs and an instant, and gives the next state, what happened and when
//! to look again. Everything else in the workspace carries those values about.
#![warn(clippy::float_arithmetic, clippy::wildcard_enum_match_arm)]

pub mod alert;
pub mod bill;
pub mod clock;
pub mod conditions;
pub mod day;
mod deadline;
pub mod digest;
pub mod door;
pub mod ids;
pub mod invariants;
pub mod link;
pub mod manual_log;
pub mod mode;
pub mod notify;
pub mod phone;
pub mod placement;
pub mod plan;
pub mod point;
pub mod preset;
pub mod reading;
pub mod role;
pub mod rule;
pub mod status;
mod step;
pub mod subscription;
pub mod temperature;
pub mod thermal;
pub mod time;
pub mod unit;
pub mod usage;
pub mod zone;

pub use alert::{AlertEvent, AlertEventKind, AlertKind, AlertStatus, OpenAlert, Severity};
pub use bill::{Bill, LedgerLine};
pub use clock::Clock;
pub use day::{UtcDay, UtcMonth};
pub use door::{Door, DoorState};
pub use ids::{
    AlertId, AreaId, DeviceId, KeyId, NodeId, OrgId, RuleId, SiteId, SourceId, UnitId, UserId,
    Version,
};
pub use link::{Link, LinkCause, LinkState};
pub use manual_log::{ManualLog, ManualLogState};
pub use mode::Mode;
pub use phone::PhoneNumber;
pub use plan::{Plan, Terms};
pub use point::{Point, PointState};
pub use preset::{Mark, Preset, Support};
pub use reading::{Channel, Reading, ReadingKey, Suspicion};
pub use role::Role;
pub use rule::{Layer, Rule, RuleError, RuleField, RuleLayer};
pub use status::{Status, StatusChange, UnitView};
pub use subscription::{Feature, NoRoom, Subscription, SubscriptionState};
pub use temperature::{MilliCelsius, PerMille};
pub use thermal::{Side, SideState};
pub use time::Timestamp;
pub use unit::{Input, Judged, Refusal, Transition, Unit, UnitState, Verdict};
pub use usage::{Aggregation, Meter, Telling, UsageLine};
pub use zone::Zone;
