//! How a customer stands, and what that lets them do.
//!
//! Whatever the state: readings are taken and judged, and alarms are told, by SMS too. A customer who has not paid has
//! food in their fridge. [`Subscription::allows`] is the one place that says so.

use crate::{Plan, Timestamp};

/// How long a new customer tries the hub out.
pub const TRIAL_DAYS: u32 = 14;

/// How long everything goes on as if it were paid after it was to be: long enough for Stripe's own retries of a card,
/// and for somebody to come back from a holiday.
pub const GRACE_DAYS: u32 = 14;

/// The seconds of a day.
const DAY_SECS: u32 = 86_400;

/// Where a subscription is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// Being tried out, until it is to be paid.
    Trial,
    /// Paid.
    Active,
    /// A payment has failed.
    PastDue,
    /// Ended.
    Canceled,
    /// Set aside: a trial that ended without a card.
    Paused,
}

/// What one may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Readings are taken and judged.
    Readings,
    /// Alerts are told by e-mail.
    Alarms,
    /// Alerts are told by SMS.
    AlarmSms,
    /// Anything else comes by SMS: digests and the like.
    Sms,
    /// Reports are made.
    Reports,
    /// Another sensor is taken on.
    MoreSensors,
}

/// How a customer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What they pay for.
    pub plan: Plan,
    /// Where it is in its life.
    pub state: SubscriptionState,
    /// When that began.
    pub since: Timestamp,
    /// The end of the trial, or of what is paid.
    pub until: Option<Timestamp>,
}

/// Why no other sensor is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// It is not paid for; paying is what helps.
    Unpaid,
    /// The plan holds so many, and they are there; a larger plan is what helps.
    Full(u32),
}

impl SubscriptionState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Trial, Self::Active, Self::PastDue, Self::Canceled, Self::Paused];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Canceled => "canceled",
            Self::Paused => "paused",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether days in it are paid for.
    #[must_use]
    pub const fn is_billed(self) -> bool {
        matches!(self, Self::Active | Self::PastDue)
    }
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 6] =
        [Self::Readings, Self::Alarms, Self::AlarmSms, Self::Sms, Self::Reports, Self::MoreSensors];
}

impl Subscription {
    /// A trial that begins now.
    #[must_use]
    pub const fn trial(now: Timestamp) -> Self {
        let until = now.plus_secs(TRIAL_DAYS * DAY_SECS);
        Self { plan: Plan::TRIED, state: SubscriptionState::Trial, since: now, until: Some(until) }
    }

    /// Whether a customer who stands so may do that now.
    #[must_use]
    pub fn allows(&self, feature: Feature, now: Timestamp) -> bool {
        let terms = self.plan.terms();
        let is_held = match feature {
            Feature::Readings | Feature::Alarms | Feature::AlarmSms => return true,
            Feature::Sms => terms.sms,
            Feature::Reports => terms.reports,
            Feature::MoreSensors => true,
        };
        is_held && self.ends_at().is_none_or(|end| now < end)
    }

    /// Since when it is no more paid for; `None` while it is, as far as can be said.
    #[must_use]
    pub const fn lapses_at(&self) -> Option<Timestamp> {
        match (self.state, self.until) {
            (SubscriptionState::Active, _) => None,
            (SubscriptionState::Trial, Some(until)) => Some(until),
            (SubscriptionState::Canceled, Some(until))
                if until.as_millis() > self.since.as_millis() =>
            {
                Some(until)
            }
            (
                SubscriptionState::Trial
                | SubscriptionState::PastDue
                | SubscriptionState::Canceled
                | SubscriptionState::Paused,
                _,
            ) => Some(self.since),
        }
    }

    /// When the grace is over and what the plan holds beyond alarms ends.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.lapses_at().map(|at| at.plus_secs(GRACE_DAYS * DAY_SECS))
    }

    /// Goes on only if one more sensor may be taken on beside the `present` ones.
    ///
    /// # Errors
    /// [`NoRoom`], which says what would help.
    pub fn room(&self, present: u64, now: Timestamp) -> Result<(), NoRoom> {
        if !self.allows(Feature::MoreSensors, now) {
            return Err(NoRoom::Unpaid);
        }
        match self.plan.terms().sensors {
            Some(limit) if present >= u64::from(limit) => Err(NoRoom::Full(limit)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn day(number: u32) -> Timestamp {
        BEGIN.plus_secs(number * DAY_SECS)
    }

    /// A line is a plan, a state that began on day 0, what is paid until which day (or `-`), a day, and what is allowed.
    #[track_caller]
    fn check(table: &str) {
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let standing = Subscription {
                plan: Plan::named(cells[0]).unwrap(),
                state: SubscriptionState::named(cells[1]).unwrap(),
                since: BEGIN,
                until: cells[2].parse().ok().map(day),
            };
            let now = day(cells[3].parse().unwrap());
            let mut allowed = Vec::new();
            for (feature, name) in Feature::ALL.into_iter().zip(NAMES) {
                allowed.extend(standing.allows(feature, now).then_some(name));
            }
            assert_eq!(allowed, cells[4..], "{line}");
        }
    }

    const NAMES: [&str; 6] = ["readings", "alarms", "alarm_sms", "sms", "reports", "sensors"];

    #[test]
    fn the_grace_never_silences_alarms() {
        check(
            "
            plan       state     until  day  allowed
            pro        trial     14     13   readings alarms alarm_sms sms sensors
            pro        trial     14     27   readings alarms alarm_sms sms sensors
            pro        trial     14     28   readings alarms alarm_sms
            starter    active    30     29   readings alarms alarm_sms sensors
            starter    active    30     900  readings alarms alarm_sms sensors
            haccp      active    30     1    readings alarms alarm_sms sms reports sensors
            enterprise active    -      1    readings alarms alarm_sms sms reports sensors
            haccp      past_due  30     13   readings alarms alarm_sms sms reports sensors
            haccp      past_due  30     14   readings alarms alarm_sms
            haccp      past_due  30     999  readings alarms alarm_sms
            haccp      canceled  20     33   readings alarms alarm_sms sms reports sensors
            haccp      canceled  20     34   readings alarms alarm_sms
            haccp      canceled  -      13   readings alarms alarm_sms sms reports sensors
            haccp      canceled  -      14   readings alarms alarm_sms
            haccp      paused    -      13   readings alarms alarm_sms sms reports sensors
            haccp      paused    -      400  readings alarms alarm_sms
            ",
        );
    }

    #[test]
    fn no_plan_state_or_time_silences_an_alarm() {
        for plan in Plan::ALL {
            for state in SubscriptionState::ALL {
                for until in [None, Some(day(1)), Some(day(400))] {
                    let standing = Subscription { plan, state, since: BEGIN, until };
                    for now in [0, 13, 14, 28, 365, 3_650].map(day) {
                        for feature in [Feature::Readings, Feature::Alarms, Feature::AlarmSms] {
                            assert!(standing.allows(feature, now), "{standing:?} {feature:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_last_sensor_that_a_plan_holds_is_taken_and_no_other() {
        let of = |plan, state| Subscription { plan, state, since: BEGIN, until: None };
        let starter = of(Plan::Starter, SubscriptionState::Active);
        assert_eq!(starter.room(4, BEGIN), Ok(()));
        assert_eq!(starter.room(5, BEGIN), Err(NoRoom::Full(5)));
        assert_eq!(starter.room(6, BEGIN), Err(NoRoom::Full(5)));
        let enterprise = of(Plan::Enterprise, SubscriptionState::Active);
        assert_eq!(enterprise.room(1_000_000, BEGIN), Ok(()));
        let late = of(Plan::Pro, SubscriptionState::PastDue);
        assert_eq!(late.room(1, day(13)), Ok(()));
        assert_eq!(late.room(1, day(14)), Err(NoRoom::Unpaid));
    }

    #[test]
    fn a_trial_is_two_weeks_of_the_plan_that_is_tried() {
        let trial = Subscription::trial(BEGIN);
        assert_eq!((trial.plan, trial.until), (Plan::Pro, Some(day(14))));
        assert_eq!(trial.ends_at(), Some(day(28)));
    }
}
