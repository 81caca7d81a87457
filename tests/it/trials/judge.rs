//! Check 3: for each alert, recipient and channel the partners accepted exactly one message; for each answer that was lost at
//! most one more, and it is marked as doubtful.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::crowd::{Company, Stand};

/// Somebody is told of a unit: by a number or by an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Told {
    pub(crate) address: String,
    pub(crate) unit: String,
}

/// What partners accepted, and how often.
pub(crate) type Counts = BTreeMap<Told, usize>;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) messages: usize,
    pub(crate) doubles: Counts,
    /// Lines that the hub marks as doubtful.
    pub(crate) marked: usize,
    complaints: Vec<String>,
}

/// The unit that a text names: `Unit-000012`.
pub(crate) fn unit_in(text: &str) -> Option<String> {
    let at = text.find("Unit-")?;
    text.get(at..at + 11).map(str::to_owned)
}

/// The messages that partners accepted so far.
pub(crate) async fn accepted(stand: &Stand) -> Counts {
    let mut counts = Counts::new();
    for entry in stand.world.telnyx.accepted("POST", "/v2/messages").await {
        let text = |field: &str| entry.body[field].as_str().unwrap_or_default().to_owned();
        if let Some(unit) = unit_in(&text("text")) {
            *counts.entry(Told { address: text("to"), unit }).or_default() += 1;
        }
    }
    for mail in stand.world.mail.messages() {
        if let Some(unit) = mail.text().as_deref().and_then(unit_in) {
            *counts.entry(Told { address: mail.to[0].clone(), unit }).or_default() += 1;
        }
    }
    counts
}

/// The lines of a company's ledger, by what they tell to whom.
async fn lines(company: &Company) -> HashMap<Told, Value> {
    let names: HashMap<&str, &str> =
        company.units().map(|unit| (unit.id.as_str(), unit.name.as_str())).collect();
    let alerts = company.api.list("/api/v1/alerts?kind=temperature_high").await;
    let of_alert: HashMap<&str, &str> = alerts
        .iter()
        .filter_map(|alert| Some((alert["id"].as_str()?, *names.get(alert["unitId"].as_str()?)?)))
        .collect();
    let people = company.places.iter().flat_map(|place| &place.people);
    let people: HashMap<&str, _> = people.map(|person| (person.id.as_str(), person)).collect();
    let mut lines = HashMap::new();
    for line in company.api.list("/api/v1/notifications/ledger").await {
        let unit = line["alertId"].as_str().and_then(|alert| of_alert.get(alert));
        let person = line["recipient"]["id"].as_str().and_then(|id| people.get(id));
        let (Some(unit), Some(person)) = (unit, person) else { continue };
        let is_sms = line["channel"] == "sms";
        let address = if is_sms { person.phone.clone() } else { person.email.clone() };
        let told = Told { address, unit: (*unit).to_owned() };
        let before = lines.insert(told, line);
        assert!(before.is_none(), "two lines of one thing: {before:?}");
    }
    lines
}

/// Judges what was told by everybody's units being too warm.
pub(crate) async fn judge(stand: &Stand, companies: &[Company]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut counts = accepted(stand).await;
    verdict.messages = counts.values().sum();
    for company in companies {
        let lines = lines(company).await;
        for told in company.expected() {
            let count = counts.remove(&told).unwrap_or(0);
            match lines.get(&told) {
                Some(line) => verdict.look_at(told, count, line),
                None => verdict.complaints.push(format!("no line: {told:?}")),
            }
        }
    }
    verdict.complaints.extend(counts.keys().map(|told| format!("nobody asked for {told:?}")));
    verdict
}

impl Verdict {
    fn look_at(&mut self, told: Told, count: usize, line: &Value) {
        let is_marked = line["possibleDuplicate"] == true;
        self.marked += usize::from(is_marked);
        let attempts = line["attempts"].as_array().map_or(0, Vec::len);
        if count == 0 {
            self.complaints.push(format!("missing: {told:?}: {line}"));
        }
        if count > attempts {
            self.complaints.push(format!("{count} messages by {attempts} tries: {told:?}"));
        }
        if count > 1 {
            if !is_marked {
                self.complaints.push(format!("{count} messages, and no mark: {line}"));
            }
            self.doubles.insert(told, count);
        }
    }

    /// Fails unless all was well.
    #[track_caller]
    pub(crate) fn ensure(&self) {
        let few: Vec<&String> = self.complaints.iter().take(10).collect();
        assert!(few.is_empty(), "{} complaints: {few:#?}", self.complaints.len());
    }
}
