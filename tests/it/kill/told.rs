//! Check 3: whoever is to be told of a unit gets one message of each of its alerts, and one more at most for each try whose
//! end the hub does not know, which it marks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use hub_testkit::{
    api::{Api, id},
    hub::HubBuilder,
    mail_sink::MailSink,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::run::Found;
use crate::{
    promises::{ago, text as instant_text},
    trials::Size,
};

/// A try takes less, unless its hub is gone.
const CUT_OFF_SECS: i64 = 5;

/// Requests that make things are under way at once.
const AT_ONCE: usize = 8;

/// The mail server of a run, and what it took.
pub(crate) struct Told(MailSink);

impl Told {
    pub(crate) fn start() -> Self {
        Self(MailSink::start())
    }

    /// The hub as it is described, with this mail server.
    pub(crate) fn by(&self, hub: HubBuilder) -> HubBuilder {
        let hub = hub.env("HUB_SMTP_URL", self.0.url());
        hub.env("HUB_MAIL_FROM", "FreshTrack <alerts@example.org>")
    }

    /// Has somebody told of each unit, and of no other.
    pub(crate) async fn of_each(api: &Api, units: impl Iterator<Item = &String>) {
        let asked = stream::iter(units.enumerate()).map(|(number, unit)| async move {
            let person = json!({ "name": format!("Person {number}"), "email": format!("p{number}@example.org") });
            let person = id(&api.create("/api/v1/contacts", person).await);
            let policy = json!({
                "name": format!("Of unit {number}"), "scope": "unit", "scopeId": unit,
                "kinds": ["temperature_high", "temperature_low"], "minSeverity": "warning",
                "notifyOnResolve": false, "ackMinutes": 1_440,
                "steps": [{ "afterMinutes": 0, "contactIds": [person], "channels": ["email"] }],
            });
            api.create("/api/v1/notification-policies", policy).await;
        });
        asked.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    }

    /// Waits until nothing is on its way any more. Gives what is wrong.
    pub(crate) async fn complaints(
        &self,
        api: &Api,
        found: &HashMap<String, Found>,
    ) -> Vec<String> {
        let mut complaints: Vec<String> = until_ended(api).await.err().into_iter().collect();
        let lines = api.list("/api/v1/notifications/ledger").await;
        let mut account = Account::of(&lines, self.0.messages().iter().map(|mail| &mail.raw[..]));
        found.values().for_each(|found| account.look_at(&found.alerts));
        eprintln!("messages: {:?}", account.counts);
        if account.counts.get("sent").is_none_or(|sent| *sent < 10) {
            complaints.push("hardly a message: no trial".to_owned());
        }
        complaints.extend(account.complaints);
        complaints
    }
}

/// Waits until each alert is planned and each message has ended. At a test's size those are not waited for that were cut off in
/// the middle of a try: for a minute it may be reported what came of it, and what comes after that is a trial of its own.
async fn until_ended(api: &Api) -> Result<(), String> {
    let (begun, within) = (Instant::now(), Duration::from_secs(Size::asked().of(60, 400)));
    loop {
        let balance = api.read("/api/v1/notifications/balance").await;
        if balance["balance"] != 0 {
            return Err(format!("the ledger does not add up: {balance}"));
        }
        let is_planned = balance["unplannedAlerts"] == 0;
        if is_planned && (balance["inFlight"] == 0 || are_cut_off(api).await) {
            return Ok(());
        }
        if begun.elapsed() > within {
            return Err(format!("messages are on their way for long: {balance}"));
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Whether all that is on its way was cut off, and that is not waited for.
async fn are_cut_off(api: &Api) -> bool {
    if Size::asked() == Size::Night {
        return false;
    }
    let lines = api.list("/api/v1/notifications/ledger").await;
    lines.iter().filter(|line| is_under_way(line)).all(is_cut_off)
}

fn is_under_way(line: &Value) -> bool {
    ["planned", "queued", "sending"].contains(&text(&line["state"]))
}

/// Whether a line was tried some seconds ago, and nobody has said what came of it.
fn is_cut_off(line: &Value) -> bool {
    let tries = line["attempts"].as_array().into_iter().flatten();
    let is_old = |it: &Value| text(&it["begunAt"]) < instant_text(ago(CUT_OFF_SECS)).as_str();
    let is_open = |it: &Value| ["begun", "unclear"].contains(&text(&it["state"]));
    is_under_way(line) && tries.last().is_some_and(|last| is_open(last) && is_old(last))
}

/// The hub's ledger, against what was taken.
struct Account<'a> {
    by_id: HashMap<&'a str, &'a Value>,
    by_alert: HashMap<&'a str, Vec<&'a Value>>,
    /// How many mails there are of each alert.
    taken: HashMap<String, usize>,
    counts: BTreeMap<String, usize>,
    complaints: Vec<String>,
}

impl<'a> Account<'a> {
    fn of<'m>(lines: &'a [Value], mails: impl Iterator<Item = &'m [u8]>) -> Self {
        let mut account = Self {
            by_id: HashMap::new(),
            by_alert: HashMap::new(),
            taken: HashMap::new(),
            counts: BTreeMap::new(),
            complaints: Vec::new(),
        };
        for line in lines {
            account.by_id.insert(text(&line["id"]), line);
            account.by_alert.entry(text(&line["alertId"])).or_default().push(line);
        }
        for alert in mails.filter_map(thread_of) {
            *account.taken.entry(alert).or_default() += 1;
        }
        account
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Looks at the alerts of one unit.
    fn look_at(&mut self, alerts: &[Value]) {
        let mut all = Sum::default();
        let mut carriers = BTreeSet::new();
        let mut alone = Vec::new();
        for alert in alerts {
            let id = text(&alert["id"]);
            let lines = self.by_alert.get(id).cloned().unwrap_or_default();
            if lines.is_empty() && !alert["confirmedAt"].is_null() {
                self.complaints.push(format!("nobody is told, and no line says why: {alert}"));
            }
            let mut own = Sum { taken: self.taken.get(id).copied().unwrap_or(0), ..Sum::default() };
            for line in lines {
                self.add(line, &mut own);
                carriers.extend(line["supersededBy"].as_str());
            }
            all.add(&own);
            alone.push((id, own));
        }
        // a mail of several alerts is of one's thread, and there is no telling whose
        if carriers.is_empty() {
            alone.iter().for_each(|(id, own)| self.compare(id, own));
        }
        for carrier in carriers {
            match self.by_id.get(carrier).copied() {
                Some(line) => self.add(line, &mut all),
                None => self
                    .complaints
                    .push(format!("there is no line {carrier}, which carries others")),
            }
        }
        self.compare(alerts.first().map_or("", |alert| text(&alert["unitId"])), &all);
    }

    /// Adds what there should be by a line.
    fn add(&mut self, line: &Value, sum: &mut Sum) {
        let state = text(&line["state"]);
        let attempts = line["attempts"].as_array().map_or(0, Vec::len);
        match state {
            "sent" | "delivered" => {
                self.count(state);
                sum.sent += 1;
                if line["possibleDuplicate"] == true {
                    self.count("marked");
                    sum.more += attempts.saturating_sub(1);
                }
            }
            // it may have been tried before it was over, and the hub killed before it knew
            "superseded" | "suppressed" => {
                self.count(&format!("{state}: {}", text(&line["reasonCode"])));
                let says_so = text(&line["reason"]).contains("nobody can say whether it arrived");
                if attempts > 0 && line["attempts"][attempts - 1]["state"] == "begun" && !says_so {
                    self.complaints
                        .push(format!("it may have been told, which is not said: {line}"));
                }
                sum.more += attempts;
            }
            _ if is_cut_off(line) => {
                self.count("cut off");
                sum.more += attempts;
            }
            _ => self.complaints.push(format!("a line ended so: {line}")),
        }
    }

    fn compare(&mut self, of: &str, sum: &Sum) {
        let Sum { sent, more, taken } = *sum;
        if !(sent..=sent + more).contains(&taken) {
            self.complaints.push(format!(
                "{taken} mails of {of}, by {sent} lines and {more} tries beside them that are marked"
            ));
        }
    }
}

/// What there should be, and what there is.
#[derive(Default)]
struct Sum {
    sent: usize,
    /// Tries beyond the first of lines that are marked.
    more: usize,
    taken: usize,
}

impl Sum {
    const fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.more += other.more;
        self.taken += other.taken;
    }
}

/// The alert of whose thread a mail is.
fn thread_of(mail: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(mail);
    let line = head.lines().find_map(|line| line.strip_prefix("In-Reply-To: <"))?;
    Some(line.split('@').next()?.to_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn what_is_missing_doubled_or_passed_over_is_noticed() {
    let mail =
        |alert: &str| format!("To: a\r\nIn-Reply-To: <{alert}@example.org>\r\n\r\n").into_bytes();
    let line = |alert: &str, state: &str| json!({ "id": format!("of {alert}"), "alertId": alert, "state": state, "attempts": [{}] });
    let alerts = ["a", "b"].map(|id| json!({ "id": id, "confirmedAt": "2026-11-30T00:00:00Z" }));
    let is_well = |lines: &[Value], mails: &[&str]| {
        let mails: Vec<_> = mails.iter().map(|alert| mail(alert)).collect();
        let mut account = Account::of(lines, mails.iter().map(Vec::as_slice));
        account.look_at(&alerts);
        account.complaints.is_empty()
    };
    let sent = [line("a", "sent"), line("b", "sent")];
    assert!(is_well(&sent, &["b", "a", "of another"]));
    assert!(!is_well(&sent[..1], &["a"]), "nobody is told of one");
    assert!(!is_well(&sent, &["a"]), "it is missing");
    assert!(!is_well(&sent, &["a", "b", "b"]), "it is doubled");
    assert!(!is_well(&sent, &["b", "b"]), "one is told as the other");
    assert!(!is_well(&[line("a", "sent"), line("b", "failed")], &["a"]));
    let mut cut_off = [line("a", "sent"), line("b", "sending")];
    cut_off[1]["attempts"] = json!([{ "state": "begun", "begunAt": "2026-11-30T00:00:00.000Z" }]);
    assert!(is_well(&cut_off, &["a", "b"]) && is_well(&cut_off, &["a"]));
    assert!(!is_well(&cut_off, &["a", "b", "b"]));
    cut_off[1]["state"] = json!("queued");
    cut_off[1]["attempts"] = json!([]);
    assert!(!is_well(&cut_off, &["a"]), "it waits for nothing but its turn");
    let mut marked = sent.clone();
    marked[0]["possibleDuplicate"] = json!(true);
    marked[0]["attempts"] = json!([{}, {}]);
    assert!(is_well(&marked, &["a", "a", "b"]));
    assert!(!is_well(&marked, &["a", "a", "a", "b"]), "more than tries");
    let mut carried =
        [line("a", "sent"), line("b", "superseded"), json!({ "id": "c", "state": "sent" })];
    carried[1]["supersededBy"] = json!("c");
    assert!(is_well(&carried, &["a", "a"]));
    assert!(!is_well(&carried, &["a"]));
    assert!(!is_well(&carried[..2], &["a", "a"]));
}
