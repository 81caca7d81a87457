//! What holds of any history: alerts come, worsen, are seen and end, messages get lost, and somebody looks now and then.

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::{
    AlertId, AlertKind, Mode, Severity, SiteId, Timestamp, UnitId,
    notify::{
        Caps, Channel, IntentId, IntentState, PersonId, Plan, Planned, Policy, QuietHours,
        QuietRule, Repeat, SiteFacts, Situation, Stage, Step, plan,
    },
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::story::{SITE, Story, alert, at, policy, step, steps};

/// Something that happens, so many seconds after what happened before.
#[derive(Clone, Debug)]
enum Deed {
    Open(AlertKind, Severity, u8),
    Worsen(u8),
    Acknowledge(u8),
    Again(u8),
    Resolve(u8),
    Maintain(u8, u32),
    Snooze(u8, u32),
    Lose(u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    let kind = prop::sample::select(vec![
        AlertKind::TemperatureHigh,
        AlertKind::MonitoringInterrupted,
        AlertKind::LowBattery,
    ]);
    let severity = prop::sample::select(vec![Severity::Warning, Severity::Critical]);
    prop_oneof![
        8 => (kind, severity, 0..3_u8).prop_map(|(kind, bad, site)| Deed::Open(kind, bad, site)),
        2 => any::<u8>().prop_map(Deed::Worsen),
        2 => any::<u8>().prop_map(Deed::Acknowledge),
        1 => any::<u8>().prop_map(Deed::Again),
        3 => any::<u8>().prop_map(Deed::Resolve),
        1 => (any::<u8>(), 60..4_000_u32).prop_map(|(which, secs)| Deed::Maintain(which, secs)),
        1 => (any::<u8>(), 60..4_000_u32).prop_map(|(which, secs)| Deed::Snooze(which, secs)),
        1 => (0..5_u8).prop_map(Deed::Lose),
    ]
}

fn deeds() -> impl Strategy<Value = Vec<(u32, Deed)>> {
    let wait = prop_oneof![4 => Just(0_u32), 4 => 1..20_u32, 2 => 20..900_u32];
    prop::collection::vec((wait, deed()), 1..40)
}

fn a_plan() -> impl Strategy<Value = Plan> {
    let repeat = prop::option::of((1..40_u16, 1..4_u16))
        .prop_map(|it| it.map(|(every_minutes, times)| Repeat { every_minutes, times }));
    let whom = prop::sample::select(vec![
        "cid sms",
        "eve+cid sms+email",
        "@admin+@owner sms",
        "dee+zed email",
        "@staff email+sms",
    ]);
    let a_step = (0..20_u16, whom, repeat);
    let quiet = prop::option::of((0..1_440_u16, 0..1_440_u16, any::<bool>()));
    let ack = prop::option::of(5..120_u16);
    (prop::collection::vec(a_step, 1..4), quiet, ack, any::<bool>()).prop_map(
        |(all, quiet, ack_minutes, mild)| {
            let steps_of = all.iter().enumerate().map(|(n, (gap, whom, repeat))| {
                let after = u16::try_from(n).expect("few steps") * 20 + gap;
                Step { repeat: *repeat, ..step(after, whom) }
            });
            let quiet = quiet.filter(|(from, to, _)| from != to).map(|(from, to, critical)| {
                let (from_minute, to_minute, zone) = (from, to, None);
                QuietRule::Hours(QuietHours {
                    from_minute,
                    to_minute,
                    zone,
                    except_critical: critical,
                })
            });
            let least = if mild { Severity::Warning } else { Severity::Critical };
            Plan { quiet, ack_minutes, min_severity: Some(least), ..steps(steps_of) }
        },
    )
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    prop::collection::vec(a_plan(), 0..3).prop_map(|plans| {
        let numbered = plans.into_iter().zip(1_u128..);
        numbered.map(|(plan, n)| Policy { id: Uuid::from_u128(n), ..policy(plan) }).collect()
    })
}

struct History {
    story: Story,
    opened: u128,
    /// Every SMS by itself: to whom and when it was, or is to be, sent.
    planned: Vec<(Timestamp, Planned)>,
}

impl History {
    fn of(policies: Vec<Policy>, sms_per_hour: u32, is_back: bool) -> Self {
        let mut story = Story::of(policies);
        story.situation.caps = Caps { sms_per_hour };
        story.situation.back_at = is_back.then(|| at("20:00"));
        story.situation.sites = (0..3)
            .map(|n| SiteFacts { id: site(n), units: 4, ..story.situation.sites[0].clone() })
            .collect();
        Self { story, opened: 0, planned: Vec::new() }
    }

    fn play(&mut self, deeds: &[(u32, Deed)]) {
        let mut now = at("20:00");
        for (wait, deed) in deeds {
            self.pass(now.plus_secs(*wait));
            now = now.plus_secs(*wait);
            self.story.situation.now = now;
            self.happens(deed, now);
            self.look(now);
        }
        self.pass(now.plus_secs(3 * 3_600));
    }

    /// Looks whenever planning asked for it, and no later than a minute after.
    fn pass(&mut self, until: Timestamp) {
        while let Some(next) = self.story.next_due().filter(|next| *next < until) {
            assert!(next > self.story.situation.now, "it asks for what is past");
            self.look(next);
        }
    }

    fn look(&mut self, now: Timestamp) {
        let planned = self.story.plan_at(now);
        self.planned.push((now, planned));
    }

    fn happens(&mut self, deed: &Deed, now: Timestamp) {
        if let Deed::Open(kind, severity, at_site) = deed {
            self.opened += 1;
            let (id, unit) =
                (AlertId(Uuid::from_u128(self.opened)), UnitId(Uuid::from_u128(self.opened)));
            let alert = alert(id, *kind, *severity, unit, now);
            return self
                .story
                .add(hub_domain::notify::AlertFacts { site: site(*at_site), ..alert });
        }
        if let Deed::Lose(person) = deed {
            let person = self.story.situation.people[usize::from(*person)].id;
            self.story.unreached.insert((person, Channel::Sms));
            return;
        }
        let alerts = &mut self.story.situation.alerts;
        let many = alerts.len().max(1);
        let (Deed::Worsen(n)
        | Deed::Acknowledge(n)
        | Deed::Again(n)
        | Deed::Resolve(n)
        | Deed::Maintain(n, _)
        | Deed::Snooze(n, _)) = deed
        else {
            return;
        };
        let Some(alert) = alerts.get_mut(usize::from(*n) % many) else { return };
        if alert.resolved_at.is_some() {
            return;
        }
        match deed {
            Deed::Worsen(_) if alert.severity == Severity::Warning => {
                (alert.severity, alert.critical_at) = (Severity::Critical, Some(now));
            }
            Deed::Acknowledge(_) if alert.acknowledged_at.is_none() => {
                alert.acknowledged_at = Some(now);
            }
            Deed::Again(_) if alert.acknowledged_at.is_some() => alert.reescalated_at = Some(now),
            Deed::Resolve(_) => alert.resolved_at = Some(now),
            Deed::Maintain(_, secs) => {
                let until = now.plus_secs(*secs);
                alert.mode = Mode::Maintenance { until, by: None, reason: "".into() };
            }
            Deed::Snooze(_, secs) => alert.snoozed_until = Some(now.plus_secs(*secs)),
            _ => {}
        }
    }
}

fn site(n: u8) -> SiteId {
    if n == 0 { SITE } else { SiteId(Uuid::from_u128(0x60 + u128::from(n))) }
}

/// At most three SMS and twelve e-mails a person in any five minutes, and no more SMS in an hour than the organization may
/// send.
fn caps_hold(history: &History) -> Result<(), TestCaseError> {
    let most = usize::try_from(history.story.situation.caps.sms_per_hour).expect("a small number");
    let within = |times: &[Timestamp], end: Timestamp, millis: i64| {
        times.iter().filter(|at| **at <= end && end.millis_since(**at) < millis).count()
    };
    for (channel, in_window) in [(Channel::Sms, 3), (Channel::Email, 12)] {
        let by_person = sent(history, channel);
        for times in by_person.values() {
            for end in times {
                prop_assert!(within(times, *end, 300_000) <= in_window, "{times:?}");
            }
        }
    }
    let all: Vec<Timestamp> = sent(history, Channel::Sms).into_values().flatten().collect();
    for end in &all {
        prop_assert!(within(&all, *end, 3_600_000) <= most, "more than {most} an hour");
    }
    Ok(())
}

/// When messages of a channel are sent to each.
fn sent(history: &History, channel: Channel) -> BTreeMap<PersonId, Vec<Timestamp>> {
    let mut by_person: BTreeMap<PersonId, Vec<Timestamp>> = BTreeMap::new();
    let sent = history.story.situation.told.iter().filter(|line| {
        let was_planned = !matches!(line.state, IntentState::Suppressed) && line.by.is_none();
        line.channel == channel && was_planned && line.state != IntentState::Superseded
    });
    for line in sent {
        by_person.entry(line.person).or_default().push(line.send_at);
    }
    by_person
}

/// Everybody whom a policy names has a line for each alert that is seen or over, and for each open one at whose first
/// step somebody looked.
fn nobody_is_passed_over(history: &History) -> Result<(), TestCaseError> {
    let situation = &history.story.situation;
    let lined: BTreeSet<(AlertId, PersonId)> =
        situation.told.iter().filter_map(|line| Some((line.alert?, line.person))).collect();
    for alert in &situation.alerts {
        let is_closed = alert.resolved_at.is_some() || alert.acknowledged_at.is_some();
        let steps = situation.policies.iter().flat_map(|policy| {
            let first = policy.plan.steps.iter().map(|step| step.after_minutes).min();
            policy.plan.steps.iter().filter(move |step| {
                is_closed || Some(step.after_minutes) == first && step.after_minutes == 0
            })
        });
        let is_gathered = alert.kind == AlertKind::MonitoringInterrupted && !is_closed;
        for person in steps.flat_map(|step| &step.contacts) {
            let has_line = lined.contains(&(alert.id, PersonId::Contact(*person)));
            prop_assert!(has_line || is_gathered, "{person} of {}", alert.id);
        }
    }
    Ok(())
}

/// After an acknowledgement only the end is told, and what escalates again.
fn nothing_is_told_after_an_acknowledgement(history: &History) -> Result<(), TestCaseError> {
    for (now, planned) in &history.planned {
        let intents = planned.intents.iter().map(|it| &it.line);
        for line in intents.chain(planned.carried.iter().map(|it| &it.line)) {
            let Some(alert) =
                history.story.situation.alerts.iter().find(|it| Some(it.id) == line.alert)
            else {
                continue;
            };
            let is_seen = alert.acknowledged_at.is_some_and(|at| at < *now);
            let again =
                matches!(line.stage, Stage::Due { round: hub_domain::notify::Round::Again(_), .. });
            prop_assert!(!is_seen || again || line.stage == Stage::Resolved, "{line:?} at {now:?}");
        }
    }
    Ok(())
}

/// Each id is planned once, but for what was kept back; what is carried is carried by what is on the ledger.
fn ids_are_whole(history: &History) -> Result<(), TestCaseError> {
    let mut sent = BTreeSet::new();
    for (_, planned) in &history.planned {
        let mut here: Vec<IntentId> = planned.intents.iter().map(|it| it.line.id).collect();
        here.extend(planned.carried.iter().map(|it| it.line.id));
        for id in &here {
            prop_assert!(sent.insert(*id), "{id} is told twice");
        }
        here.extend(planned.untold.iter().map(|it| it.line.id));
        let many = here.len();
        here.sort_unstable();
        here.dedup();
        prop_assert_eq!(many, here.len());
    }
    Ok(())
}

fn shuffled(situation: &Situation, seed: usize) -> Situation {
    let mut other = situation.clone();
    let turn = |many: usize| if many == 0 { 0 } else { seed % many };
    other.alerts.reverse();
    let by = turn(other.alerts.len());
    other.alerts.rotate_left(by);
    other.people.reverse();
    other.policies.reverse();
    other.sites.reverse();
    let by = turn(other.told.len());
    other.told.rotate_left(by);
    other.sent.reverse();
    other
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn of_any_history(
        policies in policies(),
        deeds in deeds(),
        sms_per_hour in prop_oneof![Just(500_u32), 0..30_u32],
        is_back in any::<bool>(),
    ) {
        let mut history = History::of(policies, sms_per_hour, is_back);
        // planning again at once is asserted to plan nothing by the story
        history.play(&deeds);
        caps_hold(&history)?;
        nobody_is_passed_over(&history)?;
        nothing_is_told_after_an_acknowledgement(&history)?;
        ids_are_whole(&history)?;
    }

    #[test]
    fn neither_order_nor_an_early_look_changes_anything(
        policies in policies(),
        deeds in deeds(),
        seed in any::<usize>(),
        early in 0..1_000_i64,
    ) {
        let mut history = History::of(policies, 40, false);
        history.play(&deeds);
        let mut situation = history.story.situation.clone();
        prop_assert_eq!(plan(&situation), plan(&shuffled(&situation, seed)));
        // nothing new is planned before the nearest instant that was asked for
        if let Some(next) = history.story.next_due() {
            let wait = next.millis_since(situation.now) * early / 1_000;
            situation.now = situation.now.plus_millis(wait);
            let planned = plan(&situation);
            prop_assert!(planned.intents.is_empty() && planned.carried.is_empty() && planned.untold.is_empty());
        }
        // and looked at afresh, as if nothing had been written, it is the same in any order too
        situation.told.clear();
        situation.sent.clear();
        prop_assert_eq!(plan(&situation), plan(&shuffled(&situation, seed)));
    }
}
