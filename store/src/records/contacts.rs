//! Records of whom to tell, and by what policy.

use std::collections::BTreeMap;

use hub_domain::{AlertKind, OrgId, RuleLayer, Severity, Timestamp, UserId};
use uuid::Uuid;

use super::Edition;
use crate::RuleScope;

/// Somebody who can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// The member that this is, if they are one.
    pub user: Option<UserId>,
    /// What they are called.
    pub name: String,
    /// Where to write to.
    pub email: Option<String>,
    /// Where to send messages to, in the form of E.164.
    pub phone: Option<String>,
    /// In which language, as BCP 47 has it.
    pub language: String,
    /// Their IANA time zone.
    pub timezone: String,
    /// Since when.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

impl Contact {
    /// Whether they can be told that way.
    #[must_use]
    pub const fn is_reached_by(&self, channel: Channel) -> bool {
        match channel {
            Channel::Sms => self.phone.is_some(),
            Channel::Email => self.email.is_some(),
        }
    }
}

/// A way of telling somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// A short message to their phone.
    Sms,
    /// An e-mail.
    Email,
}

impl Channel {
    /// Every way.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    /// The way of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// Who is told of alerts, when, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationPolicy {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// What it is called.
    pub name: String,
    /// Of whose alerts.
    pub scope: RuleScope,
    /// Of which of them, whom, and when.
    pub plan: Plan,
    /// Since when.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

/// What a policy says of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who is told next as long as nobody acknowledges, in order of time.
    pub steps: Vec<Step>,
    /// Of these kinds of alert; `None` for every kind.
    pub kinds: Option<Vec<AlertKind>>,
    /// Of alerts at least so bad.
    pub min_severity: Severity,
    /// When to keep still.
    pub quiet_hours: Option<QuietHours>,
    /// Whether those who were told are told too when it is over.
    pub notify_on_resolve: bool,
}

impl Plan {
    /// Whether it says anything of alerts of this kind.
    #[must_use]
    pub fn takes(&self, kind: AlertKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

/// One step of an escalation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// So many minutes after the alert opened, if nobody acknowledged it before.
    pub after_minutes: u16,
    /// These contacts are told, all of them.
    pub contacts: Vec<Uuid>,
    /// In each of these ways.
    pub channels: Vec<Channel>,
    /// And told again.
    pub repeat: Option<Repeat>,
}

/// How a step is done again while nobody acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// So long between two times.
    pub every_minutes: u16,
    /// So many times after the first.
    pub times: u16,
}

/// The time of day in which nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// From this minute of the day, 0 to 1,439.
    pub from_minute: u16,
    /// To this one, not included; on the next day if it is not after the first.
    pub to_minute: u16,
    /// By the clocks of this IANA time zone.
    pub timezone: String,
    /// Whether critical alerts are told all the same.
    pub except_critical: bool,
}

/// The policies that hold for a unit: of each kind of alert, those of the nearest scope that has any for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// Every policy that holds for some kind, nearest scope first.
    pub policies: Vec<NotificationPolicy>,
    /// By kind of alert: from where, and which. A kind of which nobody is told is not there.
    pub by_kind: BTreeMap<AlertKind, (RuleLayer, Vec<Uuid>)>,
}
