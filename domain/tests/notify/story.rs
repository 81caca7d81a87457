//! A story: what happens to alerts, line by line, and who is told then.
//!
//! The story keeps the ledger and sends what is due, as the hub does. It looks at an alert when planning asked for it,
//! and when something happens to it, and never else; whoever is told at a time of which no line speaks fails it.

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::{
    AlertId, AlertKind, Mode, OrgId, Role, RuleLayer, Severity, SiteId, Timestamp, UnitId, Zone,
    notify::{
        AlertFacts, Caps, Channel, Intent, IntentId, IntentState, Line, Person, PersonId, Plan,
        Planned, Policy, Reach, Sent, SiteFacts, Situation, Stage, Step, Told, plan,
    },
};
use uuid::Uuid;

pub(crate) const SITE: SiteId = SiteId(Uuid::from_u128(0x51));
pub(crate) const ORG: OrgId = OrgId(Uuid::from_u128(0x0f));

/// 2026-03-02T00:00:00Z, a Monday.
const DAY: i64 = 1_772_409_600_000;

/// `HH:MM` or `HH:MM:SS` of the story's day; hours go on past 24.
pub(crate) fn at(text: &str) -> Timestamp {
    let parts: Vec<i64> =
        text.split(':').map(|part| part.parse().expect("a story is well told")).collect();
    let secs = parts[0] * 3_600 + parts[1] * 60 + parts.get(2).unwrap_or(&0);
    Timestamp::from_millis(DAY + secs * 1_000)
}

fn clock(at: Timestamp) -> String {
    let secs = (at.as_millis() - DAY) / 1_000;
    format!("{:02}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60)
}

/// The id of a person, by their first letter.
pub(crate) fn contact(name: &str) -> Uuid {
    Uuid::from_u128(0xc000 + u128::from(name.as_bytes()[0]))
}

pub(crate) fn person(name: &str, role: Option<Role>, sms: Reach, email: Reach) -> Person {
    Person { id: PersonId::Contact(contact(name)), role, sms, email }
}

/// Ann owns the place, Bob is an admin; Cid has a phone, Dee an e-mail address, Eve both.
pub(crate) fn people() -> Vec<Person> {
    use Reach::{NoAddress, Reached};
    vec![
        person("ann", Some(Role::Owner), Reached, Reached),
        person("bob", Some(Role::Admin), Reached, Reached),
        person("cid", None, Reached, NoAddress),
        person("dee", None, NoAddress, Reached),
        person("eve", Some(Role::Staff), Reached, Reached),
    ]
}

/// A step so many minutes in: `cid sms`, `cid+dee sms+email`, `@manager email`.
pub(crate) fn step(after_minutes: u16, whom: &str) -> Step {
    let (who, how) = whom.split_once(' ').expect("a story is well told");
    let names = || who.split('+');
    let roles = names().filter_map(|name| name.strip_prefix('@'));
    Step {
        after_minutes,
        contacts: names().filter(|name| !name.starts_with('@')).map(contact).collect(),
        roles: roles.map(|role| Role::parse(role).expect("a story is well told")).collect(),
        channels: how
            .split('+')
            .map(|way| Channel::parse(way).expect("a story is well told"))
            .collect(),
        repeat: None,
    }
}

/// A plan of these steps, of every alert.
pub(crate) fn steps(steps: impl IntoIterator<Item = Step>) -> Plan {
    let steps = steps.into_iter().collect();
    Plan { steps, min_severity: Some(Severity::Warning), ..Plan::default() }
}

/// A policy of the whole organization.
pub(crate) fn policy(plan: Plan) -> Policy {
    Policy { id: Uuid::from_u128(1), layer: RuleLayer::Organization, scope_id: ORG.0, plan }
}

/// Plays a story by one policy.
#[track_caller]
pub(crate) fn check(plan: Plan, lines: &str) {
    Story::of([policy(plan)]).play(lines);
}

pub(crate) struct Story {
    pub(crate) situation: Situation,
    /// Every SMS and e-mail to them is lost.
    pub(crate) unreached: BTreeSet<(PersonId, Channel)>,
    due: BTreeMap<AlertId, Timestamp>,
    names: BTreeMap<AlertId, String>,
}

impl Story {
    pub(crate) fn of(policies: impl IntoIterator<Item = Policy>) -> Self {
        let situation = Situation {
            org: ORG,
            now: at("00:00"),
            policies: policies.into_iter().collect(),
            people: people(),
            sites: vec![SiteFacts { id: SITE, zone: Zone::UTC, units: 100 }],
            alerts: Vec::new(),
            told: Vec::new(),
            sent: Vec::new(),
            caps: Caps::default(),
            back_at: None,
        };
        let (unreached, due, names) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self { situation, unreached, due, names }
    }

    /// Plays lines of three columns: when, what happens, who is told or why not; `-` for nothing.
    #[track_caller]
    pub(crate) fn play(&mut self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let columns: Vec<&str> =
                line.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect();
            let [when, what, said] = columns[..] else { panic!("three columns: {line}") };
            let now = at(when);
            self.let_pass(now);
            let before = self.due.clone();
            what.split(", ").filter(|what| *what != "-").for_each(|what| self.happens(what, now));
            let told = self.look(now);
            let mut expected: Vec<&str> =
                said.split(' ').filter(|it| !it.is_empty() && *it != "-").collect();
            expected.sort_unstable();
            assert_eq!(told, expected, "{line}\n(was due: {before:?})");
        }
    }

    /// Lets time pass until just before `until`: nobody is told meanwhile.
    #[track_caller]
    fn let_pass(&mut self, until: Timestamp) {
        while let Some(next) = self.due.values().min().copied().filter(|next| *next < until) {
            assert!(next > self.situation.now, "looked at {} again and again", clock(next));
            let told = self.look(next);
            assert!(told.is_empty(), "nobody spoke of {}: {told:?}", clock(next));
        }
        self.send(until);
    }

    /// Plans at an instant, writes it down, and says it in words.
    #[track_caller]
    pub(crate) fn look(&mut self, now: Timestamp) -> Vec<String> {
        let before = self.situation.told.clone();
        let planned = self.plan_at(now);
        words(&planned, &before, now)
    }

    /// Plans at an instant, and writes it down.
    #[track_caller]
    pub(crate) fn plan_at(&mut self, now: Timestamp) -> Planned {
        self.send(now);
        self.situation.now = now;
        let planned = plan(&self.situation);
        self.write(&planned);
        let again = plan(&self.situation);
        let said = words(&again, &self.situation.told, now);
        assert_eq!(said, Vec::<String>::new(), "planned twice at {}", clock(now));
        for (before, after) in planned.look_again_at.iter().zip(&again.look_again_at) {
            let is_late = after.1.is_some_and(|after| before.1.is_none_or(|before| before > after));
            assert!(!is_late, "looks too late: {before:?}, {after:?} at {}", clock(now));
        }
        let due = planned.look_again_at.iter();
        self.due = due.filter_map(|(id, at)| Some((*id, (*at)?))).collect();
        planned
    }

    /// When planning asked to be asked again.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.values().min().copied()
    }

    fn happens(&mut self, what: &str, now: Timestamp) {
        let words: Vec<&str> = what.split(' ').collect();
        match words[..] {
            [name, kind, "opens"] => self.open(name, kind, Severity::Warning, now),
            [name, kind, "alarms"] => self.open(name, kind, Severity::Critical, now),
            ["people", "change"] => {}
            [name, deed] => self.each(name, |alert| match deed {
                "worsens" => (alert.severity, alert.critical_at) = (Severity::Critical, Some(now)),
                "acknowledged" => alert.acknowledged_at = Some(now),
                "again" => alert.reescalated_at = Some(now),
                "resolved" => alert.resolved_at = Some(now),
                "normal" => alert.mode = Mode::Normal,
                "commissioning" => alert.mode = Mode::Commissioning,
                _ => panic!("{what}"),
            }),
            [name, deed, until] => self.each(name, |alert| match deed {
                "maintenance" => {
                    alert.mode =
                        Mode::Maintenance { until: at(until), by: None, reason: "".into() };
                }
                "defrosting" => alert.mode = Mode::Defrosting { until: at(until) },
                "snoozed" => alert.snoozed_until = Some(at(until)),
                _ => panic!("{what}"),
            }),
            _ => panic!("{what}"),
        }
    }

    /// `a` or `a..f`.
    fn range(names: &str) -> Vec<String> {
        match names.split_once("..") {
            None => vec![names.to_owned()],
            Some((from, to)) => {
                let (from, to) = (from.as_bytes()[0], to.as_bytes()[0]);
                (from..=to).map(|letter| char::from(letter).to_string()).collect()
            }
        }
    }

    fn each(&mut self, names: &str, change: impl Fn(&mut AlertFacts)) {
        let names = Self::range(names);
        let mut found = 0;
        for alert in &mut self.situation.alerts {
            if names.contains(&self.names[&alert.id]) {
                change(alert);
                found += 1;
            }
        }
        assert_eq!(found, names.len(), "{names:?}");
    }

    fn open(&mut self, names: &str, kind: &str, severity: Severity, now: Timestamp) {
        let kind = match kind {
            "hot" => AlertKind::TemperatureHigh,
            "silent" => AlertKind::MonitoringInterrupted,
            "battery" => AlertKind::LowBattery,
            "door" => AlertKind::DoorOpen,
            _ => panic!("{kind}"),
        };
        for name in Self::range(names) {
            let number = u128::from(name.as_bytes()[0]);
            let id = AlertId(Uuid::from_u128(0xa1e7_0000 + number));
            self.names.insert(id, name);
            let unit = UnitId(Uuid::from_u128(number));
            self.add(alert(id, kind, severity, unit, now));
        }
    }

    pub(crate) fn add(&mut self, alert: AlertFacts) {
        self.names.entry(alert.id).or_insert_with(|| alert.id.to_string());
        self.situation.alerts.push(alert);
    }

    /// Sends what is due: it arrives, unless it is lost.
    fn send(&mut self, now: Timestamp) {
        for line in &mut self.situation.told {
            if line.state == IntentState::Planned && line.send_at <= now {
                let is_lost = self.unreached.contains(&(line.person, line.channel));
                line.state = if is_lost { IntentState::Sent } else { IntentState::Delivered };
            }
        }
    }

    fn write(&mut self, planned: &Planned) {
        let told = &mut self.situation.told;
        let mut put = |line: Told| {
            told.retain(|known| known.id != line.id);
            told.push(line);
        };
        for intent in &planned.intents {
            let members = intent.members.clone();
            put(Told { members, ..told_of(&intent.line, IntentState::Planned, intent.send_at) });
        }
        for carried in &planned.carried {
            let by = Some(carried.by);
            put(Told { by, ..told_of(&carried.line, IntentState::Superseded, carried.send_at) });
        }
        let now = self.situation.now;
        for exclusion in &planned.untold {
            let until = exclusion.until;
            put(Told { until, ..told_of(&exclusion.line, IntentState::Suppressed, now) });
        }
        for carried in &planned.carried {
            let alert = carried.line.alert.expect("a story is well told");
            let carrier =
                told.iter_mut().find(|line| line.id == carried.by).expect("a story is well told");
            if !carrier.members.contains(&alert) {
                carrier.members.push(alert);
            }
        }
        for line in told.iter_mut() {
            if planned.superseded.iter().any(|it| it.id == line.id) {
                assert_eq!(line.state, IntentState::Planned);
                line.state = IntentState::Superseded;
            }
        }
        let sent = |intent: &Intent| {
            let Line { person, channel, .. } = intent.line;
            Sent { person, channel, at: intent.send_at }
        };
        self.situation.sent.extend(planned.intents.iter().map(sent));
    }
}

/// What was planned, as words: `ann.sms`, `ann.email.resolved`, `ann.sms.group[3]@08:01:00`, `cid.sms!no_phone`,
/// `cid.sms-acknowledged` for what is taken back, `ann.sms+2` for two that join what was on the ledger before.
fn words(planned: &Planned, before: &[Told], now: Timestamp) -> Vec<String> {
    let mut words: Vec<String> = planned.intents.iter().map(|intent| word(intent, now)).collect();
    for exclusion in &planned.untold {
        words.push(format!("{}!{}", who(&exclusion.line), exclusion.line.reason));
    }
    for superseded in &planned.superseded {
        let line =
            before.iter().find(|line| line.id == superseded.id).expect("a story is well told");
        words.push(format!("{}-{}", name_of(line.person, line.channel), superseded.reason));
    }
    let is_old = |by: IntentId| before.iter().any(|line| line.id == by);
    let mut joined: BTreeMap<String, u32> = BTreeMap::new();
    for carried in planned.carried.iter().filter(|carried| is_old(carried.by)) {
        *joined.entry(who(&carried.line)).or_default() += 1;
    }
    words.extend(joined.into_iter().map(|(who, many)| format!("{who}+{many}")));
    words.sort_unstable();
    words
}

fn word(intent: &Intent, now: Timestamp) -> String {
    let who = who(&intent.line);
    let (stage, many) = (intent.line.stage, intent.members.len());
    let late =
        if intent.send_at == now { String::new() } else { format!("@{}", clock(intent.send_at)) };
    match stage {
        Stage::Due { .. } => format!("{who}{late}"),
        Stage::Resolved => format!("{who}.{stage}{late}"),
        _ => format!("{who}.{stage}[{many}]{late}"),
    }
}

pub(crate) fn alert(
    id: AlertId,
    kind: AlertKind,
    severity: Severity,
    unit: UnitId,
    now: Timestamp,
) -> AlertFacts {
    AlertFacts {
        id,
        kind,
        severity,
        site: SITE,
        unit,
        opened_at: now,
        known_at: now,
        critical_at: (severity == Severity::Critical).then_some(now),
        acknowledged_at: None,
        reescalated_at: None,
        resolved_at: None,
        mode: Mode::Normal,
        snoozed_until: None,
    }
}

fn told_of(line: &Line, state: IntentState, send_at: Timestamp) -> Told {
    Told {
        id: line.id,
        stage: line.stage,
        alert: line.alert,
        members: Vec::new(),
        person: line.person,
        channel: line.channel,
        state,
        by: None,
        send_at,
        reason: line.reason,
        until: None,
    }
}

fn who(line: &Line) -> String {
    name_of(line.person, line.channel)
}

fn name_of(person: PersonId, channel: Channel) -> String {
    let PersonId::Contact(id) = person else { panic!("{person}") };
    let names = ["ann", "bob", "cid", "dee", "eve", "fay", "zed"];
    let name = names.into_iter().find(|name| contact(name) == id).unwrap_or("?");
    format!("{name}.{channel}")
}
