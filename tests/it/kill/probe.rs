//! One unit that reports twenty times a second while something is done to the servers: how it is answered, and when it is
//! shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use hub_testkit::api::Api;
use hub_testkit::ledger::instant;
use hub_testkit::socket::{Event, Socket};
use hub_testkit::wait;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::promises::text;

/// What its unit is called.
pub(crate) const PROBE: &str = "Probe";

/// How far apart its readings are.
const EVERY: Duration = Duration::from_millis(50);

/// A probe at work, until it is dropped.
pub(crate) struct Probe {
    seen: Arc<Mutex<Seen>>,
    work: [JoinHandle<()>; 2],
}

/// How a reading was answered: the status, or none where there was no answer; and how long that took.
pub(crate) type Answer = (Option<u16>, Duration);

#[derive(Default)]
struct Seen {
    answers: Vec<Answer>,
    /// When each was sent, by its instant.
    sent: HashMap<i64, Instant>,
    /// When the newest was sent that was shown.
    shown: Option<Instant>,
    /// How long each took from sending to being shown.
    delays: Vec<Duration>,
}

impl Probe {
    /// Reports of a unit by `api`, and looks at `socket`.
    pub(crate) fn start(api: &Api, unit: &str, socket: &str, token: &str) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let sending = tokio::spawn(send(api.clone(), unit.to_owned(), Arc::clone(&seen)));
        let channel = format!("unit:{unit}");
        let (socket, token) = (socket.to_owned(), token.to_owned());
        let looking = tokio::spawn(look(socket, token, channel, Arc::clone(&seen)));
        Self { seen, work: [sending, looking] }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// The answers since this was last asked.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.seen().answers)
    }

    /// How long readings took to be shown, since this was last asked.
    pub(crate) fn delays(&self) -> Vec<Duration> {
        std::mem::take(&mut self.seen().delays)
    }

    /// Waits until what is sent from now on is shown; gives how long that took.
    pub(crate) async fn until_shown(&self, within: Duration) -> Duration {
        let begun = Instant::now();
        wait::until("a reading to be shown", within, async || {
            self.seen().shown.is_some_and(|sent| sent >= begun).then_some(())
        })
        .await;
        begun.elapsed()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.work.iter().for_each(JoinHandle::abort);
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(api: Api, unit: String, seen: Arc<Mutex<Seen>>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (at, begun) = (Utc::now(), Instant::now());
        lock(&seen).sent.insert(at.timestamp_millis(), begun);
        let reading = json!([{ "unitId": unit, "recordedAt": text(at), "temperature": 3.0 }]);
        let answer = api.try_ingest(&reading).await.ok().map(|answer| answer.status.as_u16());
        lock(&seen).answers.push((answer, begun.elapsed()));
    }
}

async fn look(url: String, token: String, channel: String, seen: Arc<Mutex<Seen>>) {
    loop {
        if let Ok(mut socket) = Socket::connect(&url, &token).await
            && socket.subscribe(&channel).await.is_ok()
        {
            while let Ok(event) = socket.next_within(Duration::from_secs(60)).await {
                match event {
                    Event::Publication(told) => note(&seen, &told.data["unit"]["recordedAt"]),
                    // its sequence is broken: it is taken up anew
                    Event::Other(push) if !push["push"]["unsubscribe"].is_null() => break,
                    Event::Other(_) => {}
                    Event::Closed(_) => break,
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn note(seen: &Mutex<Seen>, recorded_at: &serde_json::Value) {
    if recorded_at.is_null() {
        return;
    }
    let mut seen = lock(seen);
    if let Some(sent) = seen.sent.remove(&instant(recorded_at).as_millis()) {
        seen.shown = seen.shown.max(Some(sent));
        seen.delays.push(sent.elapsed());
    }
}

/// The 99th of a hundred.
pub(crate) fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}
