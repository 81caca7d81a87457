//! A subscriber of one site that loses its connection, comes back with its position, and keeps account.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub_domain::{AlertEventKind, AlertKind};
use hub_testkit::api::Api;
use hub_testkit::ledger::instant;
use hub_testkit::ledger::judge::{self, Told};
use hub_testkit::socket::{Event, Publication, Socket, recovered};
use hub_testkit::wait;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::probe::PROBE;
use super::rolling::ASKED;
use super::run::Found;
use crate::promises::SOON;

/// A subscriber at work.
pub(crate) struct Watcher {
    watch: Arc<Mutex<Watch>>,
    work: JoinHandle<()>,
}

/// All that a subscriber was told.
pub(crate) struct Watch {
    site: String,
    /// Whether it hears another hub than the one that is asked: each counts by itself what it shows.
    is_elsewhere: bool,
    /// From one snapshot to the next.
    stretches: Vec<Stretch>,
    /// Epoch and offset.
    position: Option<(String, u64)>,
    /// How often it took up where it had been.
    recoveries: usize,
    wrongs: Vec<String>,
}

/// A snapshot and what came after it without a break.
struct Stretch {
    /// What the subscriber shows: units and open alerts by id.
    units: BTreeMap<String, Value>,
    alerts: BTreeMap<String, Value>,
    /// The snapshot's own, as it was.
    units_before: BTreeMap<String, Value>,
    alerts_before: BTreeMap<String, Value>,
    /// Alert events by unit and kind.
    told: HashMap<(String, AlertKind), Vec<Told>>,
}

impl Watcher {
    pub(crate) fn start(
        (url, is_elsewhere): (&str, bool),
        token: &str,
        site: &str,
        seed: u64,
    ) -> Self {
        let watch = Watch::new(site.to_owned(), is_elsewhere, Vec::new());
        let watch = Arc::new(Mutex::new(watch));
        let (url, token, shared) = (url.to_owned(), token.to_owned(), Arc::clone(&watch));
        let draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        let work = tokio::spawn(async move { keep_watching(&url, &token, &shared, draw).await });
        Self { watch, work }
    }

    fn difference(
        &self,
        units: &BTreeMap<String, Value>,
        alerts: &BTreeMap<String, Value>,
    ) -> Option<String> {
        lock(&self.watch).difference(units, alerts)
    }

    /// Waits until the subscriber shows what the interface says, and gives its account.
    pub(crate) async fn end(self, api: &Api) -> Watch {
        let site = lock(&self.watch).site.clone();
        let units = api.list(&format!("/api/v1/units?siteId={site}")).await;
        let units = by_id(units.into_iter().map(|unit| unit["live"].clone()));
        let alerts = api.list(&format!("/api/v1/alerts?siteId={site}&status=open")).await;
        let alerts = by_id(alerts.into_iter().map(as_published));
        let alike = || async { self.difference(&units, &alerts).is_none().then_some(()) };
        if tokio::time::timeout(SOON, wait::until("one picture", 2 * SOON, alike)).await.is_err() {
            let difference = self.difference(&units, &alerts);
            panic!("a subscriber shows something else: {}", difference.unwrap_or_default());
        }
        self.work.abort();
        self.work.await.expect_err("it works until it is told to stop");
        Arc::into_inner(self.watch)
            .expect("its work is over")
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An alert as sockets show it: what people wrote down beside it is for those who ask.
fn as_published(mut alert: Value) -> Value {
    for aside in ["needsAction", "snoozedUntil"] {
        let fields = alert.as_object_mut().expect("an alert is an object");
        fields.remove(aside).expect("the interface says it");
    }
    alert
}

fn by_id(objects: impl Iterator<Item = Value>) -> BTreeMap<String, Value> {
    objects
        .map(|object| (object["id"].as_str().expect("it has an id").to_owned(), object))
        .collect()
}

/// Connects, listens for a moment or until the hub is gone, and connects again.
async fn keep_watching(url: &str, token: &str, watch: &Mutex<Watch>, mut draw: Xoshiro256PlusPlus) {
    loop {
        let stay = Duration::from_millis(draw.random_range(200..4_000));
        if let Ok(socket) = Socket::connect(url, token).await {
            tokio::time::timeout(stay, listen(socket, watch)).await.ok(); // gone, or left by ourselves
        } else {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn listen(mut socket: Socket, watch: &Mutex<Watch>) {
    let (channel, position) = {
        let watch = lock(watch);
        (format!("site:{}", watch.site), watch.position.clone())
    };
    let reply = match &position {
        Some((epoch, offset)) => socket.recover(&channel, epoch, *offset).await,
        None => socket.subscribe(&channel).await,
    };
    let Ok(reply) = reply else { return };
    lock(watch).subscribed(&channel, &reply);
    while let Ok(Event::Publication(publication)) =
        socket.next_within(Duration::from_secs(60)).await
    {
        lock(watch).take(&publication);
    }
}

impl Watch {
    fn new(site: String, is_elsewhere: bool, stretches: Vec<Stretch>) -> Self {
        let (position, recoveries, wrongs) = (None, 0, Vec::new());
        Self { site, is_elsewhere, stretches, position, recoveries, wrongs }
    }

    fn subscribed(&mut self, channel: &str, reply: &Value) {
        let epoch = reply["epoch"].as_str().unwrap_or_default().to_owned();
        let offset = reply["offset"].as_u64().unwrap_or(0);
        if reply["recovered"] == true {
            return self.recovered(&epoch, offset, &recovered(channel, reply));
        }
        if !reply["data"].is_object() {
            return self.wrongs.push(format!("neither recovered nor a snapshot: {reply}"));
        }
        let stretch = Stretch::new(&reply["data"]);
        if let Some(before) = self.stretches.last() {
            self.wrongs.extend(before.turned_back(&stretch));
        }
        self.stretches.push(stretch);
        self.position = Some((epoch, offset));
    }

    fn recovered(&mut self, epoch: &str, offset: u64, missed: &[Publication]) {
        let Some((known, from)) = self.position.clone() else {
            return self.wrongs.push("recovered without having asked".to_owned());
        };
        if known != epoch {
            self.wrongs.push(format!("recovered from epoch {known} in epoch {epoch}"));
        }
        self.recoveries += 1;
        let offsets: Vec<u64> = missed.iter().map(|publication| publication.offset).collect();
        let expected: Vec<u64> = (from + 1..=offset).collect();
        self.wrongs.extend(judge::difference("recovered offsets", &expected, &offsets));
        missed.iter().for_each(|publication| self.take(publication));
    }

    fn take(&mut self, publication: &Publication) {
        let Some((_, last)) = &mut self.position else { return };
        if publication.offset <= *last {
            self.wrongs.push(format!("offset {} after {last}", publication.offset));
        }
        *last = publication.offset;
        let stretch = self.stretches.last_mut().expect("a position comes with a snapshot");
        self.wrongs.extend(stretch.take(&publication.data));
    }

    /// Where the picture differs from this one, if it does.
    fn difference(
        &self,
        units: &BTreeMap<String, Value>,
        alerts: &BTreeMap<String, Value>,
    ) -> Option<String> {
        let Some(last) = self.stretches.last() else {
            return Some("it never subscribed".to_owned());
        };
        let list =
            |objects: &BTreeMap<String, Value>| objects.values().cloned().collect::<Vec<_>>();
        let counted = |units: &BTreeMap<String, Value>| {
            let mut units = list(units);
            if self.is_elsewhere {
                units.iter_mut().for_each(|unit| unit["seq"] = Value::Null);
            }
            units
        };
        judge::difference("units", &counted(units), &counted(&last.units))
            .or_else(|| judge::difference("alerts", &list(alerts), &list(&last.alerts)))
    }

    /// Check 4: every alert event once and in order, but for those that a snapshot stands for.
    pub(crate) fn complaints(
        &self,
        found: &HashMap<String, Found>,
        snapshots: usize,
    ) -> Vec<String> {
        let mut complaints = self.wrongs.clone();
        let (resets, told) =
            (self.stretches.len(), self.stretches.iter().map(Stretch::count).sum::<usize>());
        eprintln!(
            "a subscriber: {resets} snapshots, {} recoveries, {told} alert events",
            self.recoveries
        );
        if resets < snapshots || self.recoveries < 2 || told == 0 {
            complaints
                .push(format!("no trial: {resets} snapshots, {} recoveries", self.recoveries));
        }
        for (unit, shown) in self.stretches.last().into_iter().flat_map(|stretch| &stretch.units) {
            if [PROBE, ASKED].iter().any(|name| shown["name"] == *name) {
                continue; // no sender's, and in no ledger
            }
            for kind in [AlertKind::TemperatureHigh, AlertKind::TemperatureLow] {
                let all = judge::told(&found[unit].alerts, kind);
                let wrong = self.wrong_of(unit, kind, &all);
                complaints.extend(wrong.map(|wrong| format!("subscriber, unit {unit}: {wrong}")));
            }
        }
        complaints
    }

    fn wrong_of(&self, unit: &str, kind: AlertKind, all: &[Told]) -> Option<String> {
        let mut position = 0;
        for (number, stretch) in self.stretches.iter().enumerate() {
            let what = format!("{kind} after snapshot {number}");
            let from = stretch.position(unit, kind, all);
            if from < position {
                return Some(format!("{what}: shows {from} events, {position} were told before"));
            }
            let is_open = from > 0 && all[from - 1].0 != AlertEventKind::Resolved;
            if is_open != stretch.alert_before(unit, kind).is_some() {
                return Some(format!("{what}: an open alert should be there: {is_open}"));
            }
            let told = stretch.told.get(&(unit.to_owned(), kind)).map_or(&[][..], Vec::as_slice);
            position = (from + told.len()).min(all.len());
            let wrong = judge::difference(&what, &all[from..position], told);
            if wrong.is_some() {
                return wrong;
            }
        }
        judge::difference(&format!("{kind} at the end"), all, &all[..position])
    }
}

impl Stretch {
    fn new(snapshot: &Value) -> Self {
        let list = |name: &str| by_id(snapshot[name].as_array().into_iter().flatten().cloned());
        let (units, alerts) = (list("units"), list("alerts"));
        let (units_before, alerts_before) = (units.clone(), alerts.clone());
        Self { units, alerts, units_before, alerts_before, told: HashMap::new() }
    }

    fn count(&self) -> usize {
        self.told.values().map(Vec::len).sum()
    }

    /// Takes in a publication; gives what is wrong with it.
    fn take(&mut self, data: &Value) -> Option<String> {
        match data["type"].as_str() {
            Some("unit") => self.take_unit(&data["unit"]),
            Some("alert") => self.take_alert(&data["event"], &data["alert"]),
            _ => Some(format!("an unknown publication: {data}")),
        }
    }

    fn take_unit(&mut self, unit: &Value) -> Option<String> {
        let id = unit["id"].as_str()?;
        let before = self.units.insert(id.to_owned(), unit.clone());
        let rises = before.is_none_or(|before| seq(&before) < seq(unit));
        (!rises).then(|| format!("unit {id}: seq {} came again or late", seq(unit)))
    }

    fn take_alert(&mut self, event: &Value, alert: &Value) -> Option<String> {
        let (id, unit) = (alert["id"].as_str()?.to_owned(), alert["unitId"].as_str()?.to_owned());
        let kind = alert["kind"].as_str().and_then(AlertKind::parse)?;
        let event = judge::event_kind(event);
        let at = match event {
            AlertEventKind::Opened => &alert["openedAt"],
            AlertEventKind::Confirmed => &alert["confirmedAt"],
            AlertEventKind::Resolved => &alert["resolvedAt"],
            other => return Some(format!("nobody did this to an alert: {other}")),
        };
        self.told.entry((unit, kind)).or_default().push((event, instant(at)));
        if event == AlertEventKind::Resolved {
            self.alerts.remove(&id);
        } else {
            self.alerts.insert(id, alert.clone());
        }
        None
    }

    /// The snapshot's open alert of a unit and kind.
    fn alert_before(&self, unit: &str, kind: AlertKind) -> Option<&Value> {
        self.alerts_before
            .values()
            .find(|alert| alert["unitId"] == unit && alert["kind"] == kind.name())
    }

    /// How many of the events of a unit the snapshot stands for. What is judged by readings is known up to the newest
    /// of them; what a timer did is known from the alert itself.
    fn position(&self, unit: &str, kind: AlertKind, all: &[Told]) -> usize {
        let heard =
            self.units_before.get(unit).map(|unit| &unit["recordedAt"]).filter(|at| !at.is_null());
        let confirmed = self
            .alert_before(unit, kind)
            .map(|alert| &alert["confirmedAt"])
            .filter(|at| !at.is_null());
        let until = heard.into_iter().chain(confirmed).map(instant).max();
        all.iter().take_while(|(_, at)| Some(*at) <= until).count()
    }

    /// Units of which a later snapshot shows less than this stretch told.
    fn turned_back(&self, later: &Self) -> Vec<String> {
        let known =
            self.units.iter().filter_map(|(id, unit)| Some((id, unit, later.units.get(id)?)));
        let back = known
            .filter(|(_, unit, later)| recorded(later) < recorded(unit) || seq(later) < seq(unit));
        back.map(|(id, unit, later)| format!("unit {id} turned back from {unit} to {later}"))
            .collect()
    }
}

fn seq(unit: &Value) -> u64 {
    unit["seq"].as_u64().unwrap_or(0)
}

fn recorded(unit: &Value) -> Option<hub_domain::Timestamp> {
    (!unit["recordedAt"].is_null()).then(|| instant(&unit["recordedAt"]))
}

/// The account itself bites.
mod tests {
    use hub_domain::Timestamp;
    use hub_testkit::ledger::text;
    use serde_json::json;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_763_000_000_000 + secs * 1000)
    }

    fn snapshot(heard: i64, alerts: &[Value]) -> Stretch {
        let unit = json!({ "id": "u", "recordedAt": text(at(heard)), "seq": heard });
        Stretch::new(&json!({ "units": [unit], "alerts": alerts }))
    }

    fn alert(opened: i64, resolved: Option<i64>) -> Value {
        let resolved = resolved.map(|secs| text(at(secs)));
        let kind = AlertKind::TemperatureHigh.name();
        json!({ "id": format!("a{opened}"), "unitId": "u", "kind": kind, "openedAt": text(at(opened)),
            "confirmedAt": null, "resolvedAt": resolved })
    }

    fn publication(event: &str, alert: &Value) -> Value {
        json!({ "type": "alert", "event": event, "alert": alert })
    }

    fn told() -> [Told; 4] {
        use AlertEventKind::{Opened, Resolved};
        [(Opened, at(1)), (Resolved, at(2)), (Opened, at(5)), (Resolved, at(6))]
    }

    fn wrong(mut stretches: Vec<Stretch>, publications: &[Value]) -> Option<String> {
        for publication in publications {
            assert_eq!(stretches[0].take(publication), None);
        }
        let watch = Watch::new("s".to_owned(), false, stretches);
        watch.wrong_of("u", AlertKind::TemperatureHigh, &told())
    }

    #[test]
    fn events_once_and_in_order_are_well() {
        let events = [
            publication("opened", &alert(1, None)),
            publication("resolved", &alert(1, Some(2))),
            publication("opened", &alert(5, None)),
            publication("resolved", &alert(5, Some(6))),
        ];
        assert_eq!(wrong(vec![snapshot(0, &[])], &events), None);
        // a snapshot stands for what happened in between
        assert_eq!(wrong(vec![snapshot(0, &[]), snapshot(7, &[])], &events[..1]), None);
    }

    #[test]
    fn an_event_left_out_doubled_or_told_again_is_noticed() {
        let opened = publication("opened", &alert(1, None));
        let resolved = publication("resolved", &alert(1, Some(2)));
        let later = publication("opened", &alert(5, None));
        let empty = || vec![snapshot(0, &[])];
        assert!(
            wrong(empty(), &[opened.clone(), resolved.clone()]).is_some(),
            "the end is missing"
        );
        assert!(wrong(empty(), &[opened.clone(), later]).is_some(), "one is left out");
        assert!(wrong(empty(), &[opened.clone(), opened.clone()]).is_some(), "one is doubled");
        let back = vec![snapshot(0, &[]), snapshot(1, &[alert(1, None)])];
        assert!(wrong(back, &[opened, resolved]).is_some(), "a snapshot shows less than was told");
        let hollow = vec![snapshot(5, &[])];
        assert!(wrong(hollow, &[]).is_some(), "a snapshot without the open alert");
    }
}
