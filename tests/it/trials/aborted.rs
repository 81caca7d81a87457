//! O1: the transaction that opens an alert, and the one that plans who is told, are aborted at each of their statements. There
//! is no promise to tell without an alert, no alert without one, and each alert is told once in the end.

use std::{collections::BTreeMap, time::Duration};

use hub_testkit::{
    statements::{Cut, Fate, How, Statements},
    wait,
};

use super::{
    Size,
    crowd::{Company, Shape, Stand, a_moment, database, hot, server},
    judge::judge,
};
use crate::promises::Backend;

const SOON: Duration = Duration::from_secs(30);

/// What the writer's transaction begins with, and none else.
const WRITERS: &str = "BEGIN; SET LOCAL ROLE hub_writer";
/// What a plan's transaction writes first.
pub(crate) const PLANS: &str = "INSERT INTO \"organization_plans\"";

/// What a transaction has in which there is an alert, and in which there is something to send.
const ALERTS: &str = "INSERT INTO alerts";
const JOBS: &str = "INSERT INTO apalis.jobs";

/// The tables of the writer's transaction, and what it does to them.
const WRITTEN: [(&str, &str); 6] = [
    ("unit_states", "UPDATE"),
    ("readings", "INSERT"),
    ("alerts", "INSERT"),
    ("alert_events", "INSERT"),
    ("alert_plans", "INSERT"),
    ("unit_status_changes", "INSERT"),
];
/// Those of a plan's.
const PLANNED: [(&str, &str); 4] = [
    ("organization_plans", "INSERT"),
    ("alert_plans", "UPDATE"),
    ("notification_intents", "INSERT"),
    ("Jobs", "INSERT"),
];

/// Alerts without a promise to tell of them, and promises and lines without an alert.
const ASTRAY: [&str; 3] = [
    "SELECT CAST(count(*) AS TEXT) FROM alerts WHERE id NOT IN (SELECT alert_id FROM alert_plans)",
    "SELECT CAST(count(*) AS TEXT) FROM alert_plans WHERE alert_id NOT IN (SELECT id FROM alerts)",
    "SELECT CAST(count(*) AS TEXT) FROM notification_intents
        WHERE alert_id IS NOT NULL AND alert_id NOT IN (SELECT id FROM alerts)",
];

/// One e-mail a unit, and no more than ten to anybody: nothing is grouped, and what came twice was sent twice.
fn shape(units: usize) -> Shape {
    let each = (1..=10).rev().find(|each| units.is_multiple_of(*each)).unwrap_or(1);
    Shape { places: units / each, units: each, people: 1, channels: &["email"] }
}

/// Where transactions were aborted, and how often.
#[derive(Default)]
struct Covered(BTreeMap<String, usize>);

impl Covered {
    fn note(&mut self, place: String) {
        *self.0.entry(place).or_default() += 1;
    }
}

/// The next statement to be cut at: each before it is done, then each after it was.
#[derive(Clone, Copy)]
struct Next {
    first: usize,
    nth: usize,
    how: How,
}

impl Next {
    const fn from(first: usize) -> Self {
        Self { first, nth: first, how: How::Before }
    }

    const fn cut(self, mark: &'static str) -> Cut {
        Cut { mark, nth: self.nth, how: self.how }
    }

    /// Goes on to the next statement, and past the last of a whole transaction to the first, on the other side of it.
    fn go_on(&mut self, fate: Fate, what: &str, whole: &str, covered: &mut Covered) {
        let Fate::Done(said) = fate else { return };
        let is_whole = said.iter().any(|sql| sql.starts_with(whole));
        let Some(last) = said.last() else { return };
        let head: String = last.chars().take(40).filter(|c| *c != '\n').collect();
        covered.note(format!("{what}: {:?} {}, {head}", self.how, self.nth));
        self.nth += 1;
        if is_whole && last.starts_with("COMMIT") {
            let how = if self.how == How::Before { How::After } else { How::Before };
            *self = Self { nth: self.first, how, ..*self };
        }
    }
}

async fn ensure_none_astray(stand: &Stand) {
    for question in ASTRAY {
        let found = stand.rows.texts(question).await.unwrap();
        assert_eq!(found, ["0"], "{question}");
    }
}

/// Judges the end; gives the figures. Only a kill may lose the answer of a mail server.
async fn ended(stand: &Stand, companies: &[Company], covered: &Covered, kills: usize) -> String {
    ensure_none_astray(stand).await;
    stand.until_told(companies, Duration::from_secs(180)).await;
    ensure_none_astray(stand).await;
    let verdict = judge(stand, companies).await;
    verdict.ensure();
    let doubles = verdict.doubles.len();
    assert!(doubles <= kills, "{doubles} doubles by {kills} kills");
    format!(
        "{} aborts at {} places and {kills} kills; {} alerts, {} mails, {doubles} twice and marked; none astray",
        covered.0.values().sum::<usize>(),
        covered.0.len(),
        companies.iter().map(|company| company.units().count()).sum::<usize>(),
        verdict.messages,
    )
}

/// The line to the database is cut before a statement reaches it, or after it was done and before its answer.
pub(crate) async fn on_postgres(size: Size) -> Option<String> {
    let relay = Statements::to(server().port());
    let url = database(Backend::Postgres).await?;
    let relayed = relayed(&url, &relay);
    let mut stand = Stand::on(Some(url), |hub, _, _| hub.database_url(relayed)).await?;
    let mut companies = Vec::new();
    for _ in 0..size.of(1, 20) {
        companies.push(stand.company(shape(50)).await);
    }
    let mut covered = Covered::default();
    let mut next = Next::from(0);
    for company in &companies {
        for unit in company.units() {
            relay.cut(next.cut(WRITERS));
            company.heat([unit]).await;
            let fate = relay.take_fate().expect("a reading is written by the writer");
            next.go_on(fate, "alert", ALERTS, &mut covered);
            ensure_none_astray(&stand).await;
        }
    }
    let of_alerts = covered.0.len();
    assert!(of_alerts >= 16, "{:#?}", covered.0);
    // who is told is planned in a transaction of its own; where that failed, an organization is left alone for 5 s
    let mut planned = Vec::new();
    for _ in 0..7 {
        planned.push(stand.company(shape(size.of(3, 10))).await);
    }
    let mut next = Next::from(1);
    for number in 0..size.of(3, 10) {
        for company in &planned {
            relay.cut(next.cut(PLANS));
            company.heat(company.units().nth(number)).await;
            let fate = || std::future::ready(relay.take_fate());
            let fate = wait::until("a plan", SOON, fate).await;
            next.go_on(fate, "plan", JOBS, &mut covered);
            ensure_none_astray(&stand).await;
        }
    }
    companies.extend(planned);
    assert!(covered.0.len() >= of_alerts + 12, "{:#?}", covered.0);
    Some(ended(&stand, &companies, &covered, 0).await)
}

/// The same database through a relay.
pub(crate) fn relayed(url: &str, relay: &Statements) -> String {
    let name = url.rsplit('/').next().unwrap_or_default();
    format!("postgres://hub@127.0.0.1:{}/{name}", relay.port())
}

/// The database refuses to write to each table of the transaction in turn, and the hub is killed at random instants.
pub(crate) async fn on_sqlite(size: Size) -> Option<String> {
    let mut stand = Stand::begin(Backend::Sqlite, |hub, _, _| hub).await?;
    let (rounds, kills) = (size.of(2, 40), size.of(12_usize, 400));
    let company = stand.company(shape(rounds * WRITTEN.len())).await;
    let mut covered = Covered::default();
    let places = WRITTEN.iter().cycle();
    for (unit, (table, deed)) in company.units().zip(places) {
        forbid(&stand, table, deed).await;
        let refused = company.api.try_ingest(&hot([unit])).await.unwrap();
        assert_eq!(refused.status, 503, "{table}: {}", refused.body);
        covered.note(format!("alert: {deed} {table}"));
        ensure_none_astray(&stand).await;
        allow(&stand).await;
        company.heat([unit]).await;
        ensure_none_astray(&stand).await;
    }
    let plans = stand.company(shape(PLANNED.len() * size.of(1, 5))).await;
    for (unit, (table, deed)) in plans.units().zip(PLANNED.iter().cycle()) {
        let before = failed_plans(&stand).await;
        forbid(&stand, table, deed).await;
        plans.heat([unit]).await;
        let failed = || async { (failed_plans(&stand).await > before).then_some(()) };
        wait::until("a plan that fails", SOON, failed).await;
        covered.note(format!("plan: {deed} {table}"));
        ensure_none_astray(&stand).await;
        allow(&stand).await;
    }
    let mut companies = vec![company, plans];
    for number in 0..kills.div_ceil(50) {
        let many = (kills - number * 50).min(50);
        let company = stand.company(shape(many)).await;
        for unit in company.units() {
            let (api, readings) = (company.api.clone(), hot([unit]));
            let sending = tokio::spawn(async move { api.try_ingest(&readings).await.map(drop) });
            a_moment(0..25).await;
            stand.world.hub.kill9();
            sending.await.unwrap().ok(); // answered or not
            ensure_none_astray(&stand).await;
            stand.world.hub.restart().await.unwrap();
            company.heat([unit]).await;
        }
        companies.push(company);
    }
    assert_eq!(covered.0.len(), WRITTEN.len() + PLANNED.len());
    Some(ended(&stand, &companies, &covered, kills).await)
}

async fn forbid(stand: &Stand, table: &str, deed: &str) {
    let sql = format!(
        "CREATE TRIGGER trial BEFORE {deed} ON {table} BEGIN SELECT RAISE(ABORT, 'a trial'); END"
    );
    stand.rows.run(&sql).await.unwrap();
}

async fn allow(stand: &Stand) {
    stand.rows.run("DROP TRIGGER trial").await.unwrap();
}

async fn failed_plans(stand: &Stand) -> u64 {
    let url = format!("{}/metrics", stand.world.hub.url());
    let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("hub_plans_failed_total"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}
