//! Records of whom to tell, and by what policy.

use std::collections::BTreeMap;

use hub_domain::{
    AlertKind, OrgId, Timestamp, UserId,
    notify::{Channel, Plan, Policy, Terms},
};
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
    /// When the phone was shown to be theirs.
    pub phone_verified_at: Option<Timestamp>,
    /// When they agreed to get SMS there.
    pub sms_consent_at: Option<Timestamp>,
    /// When they, or their carrier, said that no more SMS are to come.
    pub sms_opted_out_at: Option<Timestamp>,
    /// When they unsubscribed from e-mails.
    pub email_opted_out_at: Option<Timestamp>,
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

impl NotificationPolicy {
    /// It, as planning looks at it.
    #[must_use]
    pub fn planned(&self) -> Policy {
        let (layer, scope_id) = (self.scope.layer(), self.scope.id());
        Policy { id: self.id, layer, scope_id, plan: self.plan.clone() }
    }
}

/// What holds for a unit: of each kind of alert, the plans of the nearest scope that has steps for it, each field from
/// the nearest scope that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// Every policy that is for it, nearest scope first.
    pub policies: Vec<NotificationPolicy>,
    /// By kind of alert, what holds.
    pub by_kind: BTreeMap<AlertKind, Vec<Terms>>,
}
