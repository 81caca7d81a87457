//! The manual log region: whether a person's reading is wanted.

use crate::{Rule, Timestamp, alert::names, link::LinkState};

names! {
    /// Whether a person's reading is wanted.
    ManualLogState {
        /// No.
        NotDue = "not_due",
        /// Yes.
        Due = "due",
        /// Yes, and it has been for too long.
        Overdue = "overdue",
    }
}

/// The manual log of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManualLog {
    /// Where it stands.
    pub state: ManualLogState,
    /// The newest manual reading's own time, or the instant a cadence began.
    pub newest_at: Option<Timestamp>,
}

impl ManualLog {
    /// A unit nobody was asked to log.
    pub const NOT_DUE: Self = Self { state: ManualLogState::NotDue, newest_at: None };

    /// The next instant at which a log becomes due or overdue, and which.
    ///
    /// While the sensors are offline (last heard at `heard_at`) a log is due at once, and overdue
    /// [`Rule::manual_overdue_secs`] after the newest reading of any kind. With a cadence it is due that long
    /// after the last log, sensors or not, and overdue as much later again.
    #[must_use]
    pub fn next_demand(
        &self,
        link: LinkState,
        heard_at: Option<Timestamp>,
        rule: &Rule,
    ) -> Option<(Timestamp, ManualLogState)> {
        let silence = heard_at
            .filter(|_| link == LinkState::Offline)
            .map(|heard| heard.max(self.newest_or(heard)));
        let silent = silence.map(|newest| {
            (self.due_in_silence(newest, rule), newest.plus_secs(rule.manual_overdue_secs))
        });
        let demands = [silent, self.cadence(rule)].into_iter().flatten();
        match self.state {
            ManualLogState::NotDue => demands.map(|(due, _)| (due, ManualLogState::Due)).min(),
            ManualLogState::Due => {
                demands.map(|(_, overdue)| (overdue, ManualLogState::Overdue)).min()
            }
            ManualLogState::Overdue => None,
        }
    }

    /// A person's log satisfies a silence for a while: the next is due when that one is overdue.
    fn due_in_silence(&self, newest: Timestamp, rule: &Rule) -> Timestamp {
        let logged_last = self.newest_at == Some(newest);
        if logged_last { newest.plus_secs(rule.manual_overdue_secs / 2) } else { newest }
    }

    fn newest_or(&self, other: Timestamp) -> Timestamp {
        self.newest_at.unwrap_or(other)
    }

    /// Takes over a person's log; true if it was wanted.
    pub(crate) fn logged(&mut self, recorded_at: Timestamp) -> bool {
        self.newest_at = self.newest_at.max(Some(recorded_at));
        let was_wanted = self.state != ManualLogState::NotDue;
        self.state = ManualLogState::NotDue;
        was_wanted
    }

    /// Takes back what silence alone had asked for; what the cadence asks for at `at` stays.
    pub(crate) fn calm(&mut self, at: Timestamp, rule: &Rule) {
        let by_cadence = match self.cadence(rule) {
            Some((_, overdue_at)) if overdue_at <= at => ManualLogState::Overdue,
            Some((due_at, _)) if due_at <= at => ManualLogState::Due,
            Some(_) | None => ManualLogState::NotDue,
        };
        self.state = self.state.min(by_cadence);
    }

    /// Keeps to the rule's cadence as it is at `now`; true if that changed anything. A cadence begins when it is
    /// first seen while the sensors check in or never did (in a silence a log is wanted already), and one that
    /// the rule no longer has asks for nothing.
    pub(crate) fn keep_cadence(&mut self, link: LinkState, rule: &Rule, now: Timestamp) -> bool {
        let before = *self;
        match (rule.manual_cadence_secs, link) {
            (Some(_), LinkState::Online | LinkState::NeverSeen) => {
                self.newest_at = self.newest_at.or(Some(now))
            }
            (None, LinkState::Online | LinkState::NeverSeen | LinkState::Late) => {
                self.state = ManualLogState::NotDue
            }
            (Some(_), LinkState::Late | LinkState::Offline) | (None, LinkState::Offline) => {}
        }
        before != *self
    }

    /// When the next log is due and overdue by cadence.
    fn cadence(&self, rule: &Rule) -> Option<(Timestamp, Timestamp)> {
        let due_at = self.newest_at?.plus_secs(rule.manual_cadence_secs?);
        Some((due_at, due_at.plus_secs(rule.manual_overdue_secs)))
    }
}
