//! Silences that belong together: told once as an outage, with the units that it is of.
//!
//! A silence is gathered for a minute. If by then most of a site is silent, it is the site's link or power, not a
//! sensor. After the hub itself was away, every silence that it finds is gathered for the whole organization until the
//! units had time to be heard again: what is left then is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    desk::{Desk, Wish},
    escalation::Course,
    intent::{IntentId, Reason, Round, Stage},
    sentences,
    situation::{AlertFacts, PersonId, Situation},
};
use crate::{AlertId, AlertKind, SiteId, Timestamp};

/// How long silences, and their ends, are gathered: a minute.
pub(super) const GATHER_SECS: u32 = 60;
/// The same after the hub was away: 10 minutes (trial A4).
const AWAY_SECS: u32 = 600;
/// An outage has so many units at least, and half of its site's.
const FEWEST_UNITS: usize = 3;

/// What is known of silences.
pub(super) struct Outages {
    /// When the escalation of a silence begins, once it is gathered.
    began_at: BTreeMap<AlertId, Timestamp>,
    /// What was found as the hub came back.
    found: BTreeSet<AlertId>,
    /// The sites most of which is silent.
    wide: BTreeSet<SiteId>,
}

/// Messages to one person in one way that are sent as one, the most urgent first.
pub(super) struct Bundle<'a> {
    pub(super) wishes: Vec<Wish<'a>>,
    /// As what, if as one.
    pub(super) stage: Option<Stage>,
}

impl Outages {
    pub(super) fn of(desk: &Desk<'_>) -> Self {
        let situation = desk.situation;
        let open: Vec<&AlertFacts> = situation
            .alerts
            .iter()
            .filter(|alert| is_silence(alert) && alert.resolved_at.is_none())
            .collect();
        let found = situation.alerts.iter().filter(|it| is_silence(it) && is_found(situation, it));
        let mut outages = Self {
            began_at: BTreeMap::new(),
            found: found.map(|alert| alert.id).collect(),
            wide: wide(situation, &open),
        };
        outages.gather(situation, &open);
        outages
    }

    /// An escalation as it is once its alert is gathered.
    pub(super) fn gathered(&self, alert: &AlertFacts, course: Course) -> Course {
        let began_at = self.began_at.get(&alert.id).copied().unwrap_or(course.began_at);
        Course { began_at, ..course }
    }

    fn gather(&mut self, situation: &Situation, open: &[&AlertFacts]) {
        let mut by_site: BTreeMap<(SiteId, Round), Vec<(Timestamp, AlertId)>> = BTreeMap::new();
        for alert in open {
            let Some(course) = alert.course() else { continue };
            let own = course.began_at.plus_secs(GATHER_SECS);
            match situation.back_at.filter(|_| self.found.contains(&alert.id)) {
                Some(back_at) => {
                    self.began_at.insert(alert.id, own.max(back_at.plus_secs(AWAY_SECS)));
                }
                None => {
                    by_site.entry((alert.site, course.round)).or_default().push((own, alert.id))
                }
            }
        }
        for ((site, _), mut silences) in by_site {
            silences.sort_unstable();
            // of an outage, those that came within the minute are told with the first
            let mut first = Timestamp::EARLIEST;
            for (own, alert) in silences {
                let is_within = own.millis_since(first) <= i64::from(GATHER_SECS) * 1_000;
                first = if is_within && self.wide.contains(&site) { first } else { own };
                self.began_at.insert(alert, first);
            }
        }
    }

    /// What is sent as one message, and what alone; all of one channel.
    pub(super) fn bundle<'a>(&self, wishes: Vec<Wish<'a>>) -> Vec<Bundle<'a>> {
        let mut together: BTreeMap<(Option<SiteId>, PersonId, bool), Vec<Wish<'a>>> =
            BTreeMap::new();
        let mut bundles = Vec::new();
        for wish in wishes {
            let is_over = wish.line.stage == Stage::Resolved;
            if is_silence(wish.alert) && (is_over || self.is_wide(wish.alert)) {
                let site = (!self.found.contains(&wish.alert.id)).then_some(wish.alert.site);
                together.entry((site, wish.line.person, is_over)).or_default().push(wish);
            } else {
                bundles.push(Bundle { wishes: vec![wish], stage: None });
            }
        }
        for ((site, _, is_over), mut wishes) in together {
            let fewest = if site.is_some() { FEWEST_UNITS } else { 2 };
            let stage = if is_over { Stage::OutageOver } else { Stage::Outage };
            wishes.sort_by_key(Wish::urgency);
            if wishes.len() >= fewest {
                bundles.push(Bundle { wishes, stage: Some(stage) });
            } else {
                let alone = |wish| Bundle { wishes: vec![wish], stage: None };
                bundles.extend(wishes.into_iter().map(alone));
            }
        }
        bundles.sort_by_key(|bundle| bundle.wishes.iter().map(Wish::urgency).min());
        bundles
    }

    fn is_wide(&self, alert: &AlertFacts) -> bool {
        self.found.contains(&alert.id) || self.wide.contains(&alert.site)
    }
}

impl Bundle<'_> {
    /// The id of the message that carries it, and why it is one, if it is one.
    pub(super) fn carrier(&self) -> Option<(IntentId, Stage, Reason, &'static str)> {
        let stage = self.stage?;
        let (reason, sentence) = if stage == Stage::OutageOver {
            (Reason::Over, sentences::OUTAGE_OVER)
        } else {
            (Reason::Outage, sentences::OUTAGE)
        };
        let id = IntentId::carrying(self.wishes.first()?.line.id, stage);
        Some((id, stage, reason, sentence))
    }
}

fn is_silence(alert: &AlertFacts) -> bool {
    alert.kind == AlertKind::MonitoringInterrupted
}

/// Whether a silence was found in the first minutes after the hub came back.
fn is_found(situation: &Situation, alert: &AlertFacts) -> bool {
    situation.back_at.is_some_and(|back_at| {
        let found_at = alert.first_course().began_at;
        (back_at..back_at.plus_secs(AWAY_SECS)).contains(&found_at)
    })
}

/// The sites of which at least three units and half of all are silent.
fn wide(situation: &Situation, open: &[&AlertFacts]) -> BTreeSet<SiteId> {
    let silent = |site: SiteId| {
        let units = open.iter().filter(|alert| alert.site == site).map(|alert| alert.unit);
        units.collect::<BTreeSet<_>>().len()
    };
    let is_wide = |units: u32, silent: usize| {
        silent >= FEWEST_UNITS && u32::try_from(silent * 2).unwrap_or(u32::MAX) >= units
    };
    let sites = situation.sites.iter().filter(|site| is_wide(site.units, silent(site.id)));
    sites.map(|site| site.id).collect()
}
