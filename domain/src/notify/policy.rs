//! Notification policies: what is said at each scope, and what it comes to for an alert.
//!
//! As with rules, the nearest scope that says a field wins: unit, site, organization, the hub's default. The steps
//! are one field, and each policy of the scope that says them is a plan of its own.

use uuid::Uuid;

use super::quiet_hours::QuietHours;
use crate::{AlertKind, Role, RuleLayer, Severity, SiteId, UnitId, alert::names};

names! {
    /// A way of telling somebody.
    Channel {
        /// A short message to their phone.
        Sms = "sms",
        /// An e-mail.
        Email = "email",
    }
}

impl Channel {
    /// The other way.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sms => Self::Email,
            Self::Email => Self::Sms,
        }
    }
}

/// A policy and whose alerts it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its id. Of two of one scope the lesser one, which is the older, is asked first.
    pub id: Uuid,
    /// Organization, site or unit.
    pub layer: RuleLayer,
    /// Which one.
    pub scope_id: Uuid,
    /// What it says.
    pub plan: Plan,
}

impl Policy {
    /// Whether it is for alerts of this kind there.
    #[must_use]
    pub fn takes(&self, site: SiteId, unit: UnitId, kind: AlertKind) -> bool {
        let is_there = match self.layer {
            RuleLayer::Unit => self.scope_id == unit.0,
            RuleLayer::Site => self.scope_id == site.0,
            RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => true,
        };
        is_there && self.plan.takes(kind)
    }
}

/// What a policy says of an alert. What it leaves unsaid, a wider scope says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Who is told next as long as nobody acknowledges, in order of time. Empty: a wider scope's.
    pub steps: Vec<Step>,
    /// Of these kinds of alert; `None` for every kind.
    pub kinds: Option<Vec<AlertKind>>,
    /// Of alerts at least so bad.
    pub min_severity: Option<Severity>,
    /// When to keep still.
    pub quiet: Option<QuietRule>,
    /// Whether those who were told are told too when it is over.
    pub notify_on_resolve: Option<bool>,
    /// How long somebody has to acknowledge, 1 to 1,440 minutes: so long after the last step, and again each time so
    /// long after that, the owners are told.
    pub ack_minutes: Option<u16>,
}

impl Plan {
    /// Whether it says anything of alerts of this kind.
    #[must_use]
    pub fn takes(&self, kind: AlertKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

/// One step of an escalation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// So many minutes after the alert opened, or became critical, if nobody acknowledged it before.
    pub after_minutes: u16,
    /// These contacts are told, all of them.
    pub contacts: Vec<Uuid>,
    /// And all members that have one of these roles.
    pub roles: Vec<Role>,
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

/// What a policy says of quiet hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuietRule {
    /// There are none, whatever a wider scope says.
    Never,
    /// These.
    Hours(QuietHours),
}

/// What holds for an alert by one policy, each field from the nearest scope that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The policy whose steps these are; `None` for the hub's own.
    pub policy: Option<Uuid>,
    /// From where the steps are.
    pub from: RuleLayer,
    /// Who is told next.
    pub steps: Vec<Step>,
    /// Of alerts at least so bad.
    pub min_severity: Severity,
    /// When to keep still.
    pub quiet_hours: Option<QuietHours>,
    /// Whether the end is told.
    pub notify_on_resolve: bool,
    /// How long somebody has to acknowledge, if a policy says so.
    pub ack_minutes: Option<u16>,
}

/// What holds for alerts of `kind` there: the plans of the nearest scope that has steps for it, or else the hub's own,
/// so that nobody is left untold.
#[must_use]
pub fn effective(policies: &[Policy], site: SiteId, unit: UnitId, kind: AlertKind) -> Vec<Terms> {
    let mut near: Vec<&Policy> = policies.iter().filter(|p| p.takes(site, unit, kind)).collect();
    near.sort_by_key(|policy| (policy.layer, policy.id));
    let has_steps = |policy: &&&Policy| !policy.plan.steps.is_empty();
    let Some(layer) = near.iter().find(has_steps).map(|policy| policy.layer) else {
        let (steps, from) = (own_steps(), RuleLayer::Default);
        return vec![Terms { steps, from, ..terms_of(&near, None, kind) }];
    };
    let tells = near.iter().filter(has_steps).filter(|policy| policy.layer == layer);
    tells.map(|policy| terms_of(&near, Some(policy), kind)).collect()
}

/// The terms of one policy: a nearer scope's word, its own, then that of its own scope and of wider ones.
fn terms_of(near: &[&Policy], policy: Option<&Policy>, kind: AlertKind) -> Terms {
    let mut asked: Vec<&Plan> = Vec::with_capacity(near.len() + 1);
    let is_nearer = |other: &&&Policy| policy.is_some_and(|policy| other.layer < policy.layer);
    asked.extend(near.iter().filter(is_nearer).map(|policy| &policy.plan));
    asked.extend(policy.map(|policy| &policy.plan));
    // another policy with steps of the same scope speaks for itself alone
    let is_beside = |other: &&Policy| {
        policy.is_some_and(|p| other.layer == p.layer) && !other.plan.steps.is_empty()
    };
    asked.extend(near.iter().filter(|other| !is_beside(other)).map(|policy| &policy.plan));
    let quiet = asked.iter().find_map(|plan| plan.quiet.as_ref());
    Terms {
        policy: policy.map(|policy| policy.id),
        from: policy.map_or(RuleLayer::Default, |policy| policy.layer),
        steps: policy.map(|policy| policy.plan.steps.clone()).unwrap_or_default(),
        min_severity: asked
            .iter()
            .find_map(|plan| plan.min_severity)
            .unwrap_or(own_severity(policy.is_some(), kind)),
        quiet_hours: quiet.and_then(|quiet| match quiet {
            QuietRule::Never => None,
            QuietRule::Hours(hours) => Some(hours.clone()),
        }),
        notify_on_resolve: asked.iter().find_map(|plan| plan.notify_on_resolve).unwrap_or(true),
        ack_minutes: asked.iter().find_map(|plan| plan.ack_minutes),
    }
}

/// Where nobody made a policy: owners and admins at once, in both ways.
fn own_steps() -> Vec<Step> {
    vec![Step {
        roles: vec![Role::Owner, Role::Admin],
        channels: vec![Channel::Sms, Channel::Email],
        ..Step::default()
    }]
}

/// Without a policy, what becomes critical by itself if it lasts is told once it is: a warning that is over in minutes
/// wakes nobody who did not ask for it. A kind that is never worse than a warning is told as one.
const fn own_severity(has_policy: bool, kind: AlertKind) -> Severity {
    if has_policy {
        return Severity::Warning;
    }
    match kind {
        AlertKind::TemperatureHigh
        | AlertKind::TemperatureLow
        | AlertKind::MonitoringInterrupted
        | AlertKind::DoorOpen
        | AlertKind::SuspectedCoolingFailure => Severity::Critical,
        AlertKind::MissedManualEntry
        | AlertKind::LowBattery
        | AlertKind::SensorFault
        | AlertKind::CalibrationDue => Severity::Warning,
    }
}
