//! What planning looks at: the alerts of one organization, its people and policies, and what the ledger has already.

use uuid::Uuid;

use super::{
    intent::{IntentId, Reason, Stage},
    policy::{Channel, Policy},
};
use crate::{
    AlertId, AlertKind, AlertStatus, Mode, OrgId, Role, Severity, SiteId, Timestamp, UnitId,
    UserId, alert::names, zone::Zone,
};

/// All that planning looks at. The order of nothing in it matters.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Whose.
    pub org: OrgId,
    /// This instant.
    pub now: Timestamp,
    /// Every policy of the organization that is there.
    pub policies: Vec<Policy>,
    /// Everybody who can be told: each contact, and each member who is no contact.
    pub people: Vec<Person>,
    /// The sites of the alerts.
    pub sites: Vec<SiteFacts>,
    /// The alerts to look at: those that are due, and with one of `monitoring_interrupted` all unresolved ones of that
    /// kind (of its site, or of the organization while [`Situation::back_at`] is less than a quarter of an hour past).
    pub alerts: Vec<AlertFacts>,
    /// What the ledger has of these alerts, the messages that carry them, and every group and overflow message of the
    /// organization of the last hour.
    pub told: Vec<Told>,
    /// Every SMS of the organization that is to be sent, or was, at any time after an hour ago, those that failed too,
    /// as they may have been charged; and every e-mail, after five minutes ago.
    pub sent: Vec<Sent>,
    /// How many are sent at most.
    pub caps: Caps,
    /// When the hub came back, after it was away for more than 5 minutes; `None` if that is long ago.
    pub back_at: Option<Timestamp>,
}

/// Somebody who can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// What they may do in the organization, if they are a member: a contact who is one has the member's role.
    pub role: Option<Role>,
    /// Whether they are reached by phone.
    pub sms: Reach,
    /// Whether they are reached by e-mail.
    pub email: Reach,
}

impl Person {
    /// Whether they are reached that way.
    #[must_use]
    pub const fn reach(&self, channel: Channel) -> Reach {
        match channel {
            Channel::Sms => self.sms,
            Channel::Email => self.email,
        }
    }
}

/// A contact, or a member who is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PersonId {
    /// A contact.
    Contact(Uuid),
    /// A member.
    User(UserId),
}

names! {
    /// Whether somebody is reached in a way.
    Reach {
        /// They are.
        Reached = "reached",
        /// There is no number or address.
        NoAddress = "no_address",
        /// It was not shown to be theirs.
        Unverified = "unverified",
        /// They have not agreed to be told so.
        NoConsent = "no_consent",
        /// They said stop.
        OptedOut = "opted_out",
    }
}

/// What is known of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFacts {
    /// Which.
    pub id: SiteId,
    /// Its clocks.
    pub zone: Zone,
    /// How many units it has.
    pub units: u32,
}

/// What is known of an alert. Instants are those at which the hub wrote them down, but for `opened_at`: what it learns
/// hours later is not escalated at once to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertFacts {
    /// Its id.
    pub id: AlertId,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub site: SiteId,
    /// Of what.
    pub unit: UnitId,
    /// When the condition became true.
    pub opened_at: Timestamp,
    /// When that was written.
    pub known_at: Timestamp,
    /// When it was first written to be critical; as `known_at` for one that began so.
    pub critical_at: Option<Timestamp>,
    /// When a person acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// When it last got worse after that, or lasted past the acknowledgement: the newest event `escalated` written
    /// after it.
    pub reescalated_at: Option<Timestamp>,
    /// When its end was written.
    pub resolved_at: Option<Timestamp>,
    /// What its unit is in now.
    pub mode: Mode,
    /// Until when a snooze of it holds.
    pub snoozed_until: Option<Timestamp>,
}

impl AlertFacts {
    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> AlertStatus {
        match (self.resolved_at, self.acknowledged_at) {
            (Some(_), _) => AlertStatus::Resolved,
            (None, Some(_)) => AlertStatus::Acknowledged,
            (None, None) => AlertStatus::Active,
        }
    }
}

names! {
    /// Where a line of the ledger stands.
    IntentState {
        /// It is to be sent.
        Planned = "planned",
        /// A job has it.
        Queued = "queued",
        /// The provider is being asked.
        Sending = "sending",
        /// The provider took it.
        Sent = "sent",
        /// It arrived.
        Delivered = "delivered",
        /// It did not, and is not tried again.
        Failed = "failed",
        /// It is not to be sent, or not yet.
        Suppressed = "suppressed",
        /// Another message carries it, or there is no point in it any more.
        Superseded = "superseded",
    }
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its id.
    pub id: IntentId,
    /// What was, or is to be, told.
    pub stage: Stage,
    /// Of this alert; `None` for a message of several.
    pub alert: Option<AlertId>,
    /// Of a message of several, all it carries.
    pub members: Vec<AlertId>,
    /// Who.
    pub person: PersonId,
    /// How.
    pub channel: Channel,
    /// Where it stands.
    pub state: IntentState,
    /// The message that carries it, of a superseded one.
    pub by: Option<IntentId>,
    /// When it is to be sent, or was to be. Of one that is carried, that of the message.
    pub send_at: Timestamp,
    /// Why it is there, or not sent.
    pub reason: Reason,
    /// Until when it is suppressed, if that ends.
    pub until: Option<Timestamp>,
}

/// A message that was sent or is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// To whom.
    pub person: PersonId,
    /// How.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
}

/// How many SMS are sent at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// By an organization in any hour.
    pub sms_per_hour: u32,
}

impl Default for Caps {
    /// 500 an hour, which is trial N3's figure until the subscription names another.
    fn default() -> Self {
        Self { sms_per_hour: 500 }
    }
}
