//! What a digest says: how long units were in their limits, what was the matter, and which units want somebody.
//!
//! Time is counted to the millisecond, and every millisecond of the period is in one of four piles: inside the limits,
//! outside, unknown, and not in use. Silence is unknown, never inside.

use crate::{AlertKind, Severity, Status, Timestamp, UnitId, alert::names, notify::Reason};

names! {
    /// What a span of time is counted as.
    SpanKind {
        /// Within the limits.
        Inside = "inside",
        /// Out of them, confirmed or not.
        Outside = "outside",
        /// Nobody knows: the sensors were silent or late, or nothing was heard of the unit yet.
        Unknown = "unknown",
        /// The unit was being set up.
        Unused = "unused",
    }
}

impl SpanKind {
    /// What time is counted as in which a unit was shown so, in a mode of that name.
    #[must_use]
    pub fn of(status: Status, mode: &str) -> Self {
        if mode == crate::Mode::Commissioning.name() {
            return Self::Unused;
        }
        match status {
            Status::Excursion | Status::AlarmActive => Self::Outside,
            Status::MonitoringInterrupted | Status::Late => Self::Unknown,
            // a manual log may be due by its cadence while sensors speak
            Status::Ok | Status::Restoring | Status::ManualRequired => Self::Inside,
        }
    }
}

/// A span of time of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Since when.
    pub from: Timestamp,
    /// Until when, not included; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// What it is counted as.
    pub kind: SpanKind,
}

/// What is known of a unit in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFacts {
    /// Which.
    pub id: UnitId,
    /// Since when it is there: nothing is counted of before.
    pub since: Timestamp,
    /// What it was shown as, in any order. Where two overlap the later one holds.
    pub spans: Vec<Span>,
    /// The alerts that opened in the period.
    pub opened: Vec<(AlertKind, Severity)>,
    /// The alerts that are open at the period's end, and whether somebody acknowledged each.
    pub open: Vec<(AlertKind, Severity, bool)>,
}

/// How many alerts opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertCounts {
    /// Those that were, or became, critical.
    pub critical: u32,
    /// Those that were warnings.
    pub warning: u32,
}

names! {
    /// Why a unit wants somebody, the most urgent first.
    AttentionReason {
        /// A critical alert is open, and nobody has seen it.
        Critical = "critical",
        /// One is open that somebody has seen.
        CriticalSeen = "critical_seen",
        /// It is out of its limits.
        Outside = "outside",
        /// It is silent.
        Silent = "silent",
        /// Manual logs were missed in the period.
        MissedLogs = "missed_logs",
        /// A warning is open.
        Warning = "warning",
    }
}

/// A unit that wants somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Which.
    pub unit: UnitId,
    /// Why, the most urgent first.
    pub reasons: Vec<AttentionReason>,
}

/// What a digest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many units it is of.
    pub units: u32,
    /// Milliseconds in the limits, summed over the units.
    pub inside_millis: i64,
    /// Out of them.
    pub outside_millis: i64,
    /// Of which nobody knows.
    pub unknown_millis: i64,
    /// In which units were being set up.
    pub unused_millis: i64,
    /// The alerts that opened.
    pub opened: AlertCounts,
    /// The manual logs that were missed.
    pub missed_logs: u32,
    /// The units that want somebody, the most urgent first.
    pub attention: Vec<Attention>,
}

impl Totals {
    /// How much of the time of which anything is known was in the limits, in thousandths, rounded down so that 1,000
    /// means all of it; `None` if nothing is known.
    #[must_use]
    pub fn inside_per_mille(&self) -> Option<u16> {
        let known = self.inside_millis + self.outside_millis;
        let share = i128::from(self.inside_millis) * 1_000;
        (known > 0).then(|| u16::try_from(share / i128::from(known)).unwrap_or(1_000))
    }
}

names! {
    /// Why a digest is not sent. Its day is used up all the same.
    Skip {
        /// There are no units: none at the chosen sites, or no site any more.
        NoUnits = "no_units",
        /// The reader wants it only if there is something to say, and there is not: no alert opened, nothing is out of
        /// its limits or unknown, no log was missed and no unit wants anybody.
        NothingToSay = "nothing_to_say",
    }
}

impl Skip {
    /// As the ledger has it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::NoUnits => Reason::NoUnits,
            Self::NothingToSay => Reason::NothingToSay,
        }
    }

    /// As a sentence for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoUnits => "There are no units at the sites that the digest is of.",
            Self::NothingToSay => {
                "They want it only if there is something to say, and there was not: no alert opened, all was in its \
                 limits and known, no manual log was missed and no unit wants anybody."
            }
        }
    }
}

/// Whether a digest is not sent, and by which rule. There is no other.
#[must_use]
pub fn skip(totals: &Totals, only_if_needed: bool) -> Option<Skip> {
    if totals.units == 0 {
        return Some(Skip::NoUnits);
    }
    let is_quiet = totals.outside_millis == 0
        && totals.unknown_millis == 0
        && totals.opened == AlertCounts::default()
        && totals.missed_logs == 0
        && totals.attention.is_empty();
    (only_if_needed && is_quiet).then_some(Skip::NothingToSay)
}

/// What a digest of those units says of a period, `to` not included.
#[must_use]
pub fn totals(units: &[UnitFacts], from: Timestamp, to: Timestamp) -> Totals {
    let mut totals = Totals::default();
    for unit in units {
        totals.units += 1;
        totals.count_time(unit, from.max(unit.since), to);
        totals.count_alerts(unit);
        let reasons = reasons(unit, to);
        if !reasons.is_empty() {
            totals.attention.push(Attention { unit: unit.id, reasons });
        }
    }
    totals.sort();
    totals
}

impl Totals {
    /// These, and those of other units of the same period. So many units can be summed up a few at a time.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.units += others.units;
        self.inside_millis += others.inside_millis;
        self.outside_millis += others.outside_millis;
        self.unknown_millis += others.unknown_millis;
        self.unused_millis += others.unused_millis;
        self.opened.critical += others.opened.critical;
        self.opened.warning += others.opened.warning;
        self.missed_logs += others.missed_logs;
        self.attention.extend(others.attention);
        self.sort();
        self
    }

    fn sort(&mut self) {
        self.attention.sort_by(|a, b| (&a.reasons, a.unit).cmp(&(&b.reasons, b.unit)));
    }

    fn count_time(&mut self, unit: &UnitFacts, from: Timestamp, to: Timestamp) {
        let mut spans: Vec<&Span> = unit.spans.iter().collect();
        spans.sort_by_key(|span| span.from);
        let mut counted = from;
        for (index, span) in spans.iter().enumerate() {
            let next = spans.get(index + 1).map_or(to, |next| next.from);
            let begin = span.from.clamp(counted, to.max(counted));
            let end = span.to.unwrap_or(to).min(next).clamp(begin, to.max(begin));
            self.add(SpanKind::Unknown, begin.millis_since(counted));
            self.add(span.kind, end.millis_since(begin));
            counted = end;
        }
        self.add(SpanKind::Unknown, to.millis_since(counted).max(0));
    }

    const fn add(&mut self, kind: SpanKind, millis: i64) {
        match kind {
            SpanKind::Inside => self.inside_millis += millis,
            SpanKind::Outside => self.outside_millis += millis,
            SpanKind::Unknown => self.unknown_millis += millis,
            SpanKind::Unused => self.unused_millis += millis,
        }
    }

    fn count_alerts(&mut self, unit: &UnitFacts) {
        for (kind, severity) in &unit.opened {
            match severity {
                Severity::Critical => self.opened.critical += 1,
                Severity::Warning => self.opened.warning += 1,
            }
            self.missed_logs += u32::from(*kind == AlertKind::MissedManualEntry);
        }
    }
}

fn reasons(unit: &UnitFacts, at: Timestamp) -> Vec<AttentionReason> {
    let last = unit.spans.iter().filter(|span| span.from < at).max_by_key(|span| span.from);
    let shown = last.filter(|span| span.to.is_none_or(|to| to >= at)).map(|span| span.kind);
    let critical = |seen: bool| {
        unit.open
            .iter()
            .any(|(_, severity, is_seen)| *severity == Severity::Critical && *is_seen == seen)
    };
    let has_missed = unit.opened.iter().any(|(kind, _)| *kind == AlertKind::MissedManualEntry);
    let has_warning = unit.open.iter().any(|(_, severity, _)| *severity == Severity::Warning);
    let all = [
        (AttentionReason::Critical, critical(false)),
        (AttentionReason::CriticalSeen, critical(true)),
        (AttentionReason::Outside, shown == Some(SpanKind::Outside)),
        (AttentionReason::Silent, shown.is_none_or(|kind| kind == SpanKind::Unknown)),
        (AttentionReason::MissedLogs, has_missed),
        (AttentionReason::Warning, has_warning),
    ];
    all.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect()
}
