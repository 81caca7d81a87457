//! One sender: a batch at a time, on a schedule, each resent until it is answered.

use std::time::Duration;

use hub_domain::Timestamp;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Entry, Fate, Ledger, Script, Sent};
use crate::api::Api;

/// How long a sender waits before it tries again.
const PAUSE: Duration = Duration::from_millis(25);

/// How far apart the readings of a unit are, in ms.
const APART_MS: i64 = 100;

/// Out of so many batches one is held back, one is sent twice, and, where no answer came, one is given up.
const ODDS: u32 = 20;
const ODDS_OF_GIVING_UP: u32 = 4;

/// A sender and its units. No other lane has any of them, so that the order of sending is the order of arrival.
#[derive(Debug)]
pub struct Lane {
    api: Api,
    units: Vec<(String, Script)>,
    per_unit: i64,
    draw: Xoshiro256PlusPlus,
    held: Option<(Vec<Sent>, u32)>,
    ledger: Ledger,
}

impl Lane {
    /// A sender for `units`; each batch holds the last `per_unit` readings of each.
    #[must_use]
    pub fn new(api: Api, units: Vec<(String, Script)>, per_unit: i64, seed: u64) -> Self {
        let draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { api, units, per_unit, draw, held: None, ledger: Ledger::default() }
    }

    /// Sends from `first` on, each unit's readings 100 ms apart, until `stop` says so or is gone; what fell behind
    /// while the hub was away is sent as fast as it answers. Gives what was sent.
    ///
    /// # Panics
    /// When the hub refuses a batch.
    pub async fn run(mut self, first: Timestamp, stop: watch::Receiver<bool>) -> Ledger {
        let every_ms = APART_MS * self.per_unit;
        let begun = Instant::now();
        let mut tick: u32 = 0;
        while !*stop.borrow() && stop.has_changed().is_ok() {
            let due = Duration::from_millis(every_ms.unsigned_abs()) * (tick + 1);
            sleep_until(begun + due).await;
            let batch = self.batch(first.plus_millis(i64::from(tick) * every_ms));
            self.send_or_hold(batch).await;
            tick += 1;
        }
        if let Some((batch, _)) = self.held.take() {
            self.send(batch).await;
        }
        self.ledger
    }

    /// What was sent so far.
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    fn batch(&mut self, from: Timestamp) -> Vec<Sent> {
        let instants = (0..self.per_unit).map(|step| from.plus_millis(step * APART_MS));
        let mut batch = Vec::new();
        for recorded_at in instants {
            batch.extend(self.units.iter_mut().map(|(unit, script)| Sent {
                unit: unit.clone(),
                recorded_at,
                temperature: script.at(recorded_at),
            }));
        }
        batch
    }

    /// Sends the batch; or holds it back, to send it once it is late; or sends it twice.
    async fn send_or_hold(&mut self, batch: Vec<Sent>) {
        if self.held.is_none() && self.draw.random_ratio(1, ODDS) {
            self.held = Some((batch, self.draw.random_range(1..5)));
            return;
        }
        if self.draw.random_ratio(1, ODDS) {
            self.send(batch.clone()).await;
        }
        self.send(batch).await;
        match self.held.take() {
            Some((late, 0)) => self.send(late).await,
            Some((late, left)) => self.held = Some((late, left - 1)),
            None => {}
        }
    }

    /// Sends a batch of one's own until it is answered, or given up because nobody knows.
    ///
    /// # Panics
    /// When the hub refuses it.
    pub async fn send(&mut self, batch: Vec<Sent>) {
        let body: Value = batch.iter().map(Sent::body).collect();
        let (mut attempts, mut fate) = (0, None);
        while fate.is_none() {
            attempts += 1;
            fate = self.attempt(&body).await;
        }
        self.ledger.note(Entry { readings: batch, fate: fate.unwrap_or(Fate::Unknown), attempts });
    }

    /// Tries once; `None` asks for another try.
    async fn attempt(&mut self, body: &Value) -> Option<Fate> {
        match self.api.try_ingest(body).await {
            Ok(answer) if answer.status == 200 => {
                assert_whole(body, &answer.body);
                return Some(Fate::Answered);
            }
            Ok(answer) => {
                assert!([429, 503].contains(&answer.status.as_u16()), "refused: {}", answer.body)
            }
            // the hub that may have had it is gone: a connection refused says that this one was never sent
            Err(error) if !error.is_connect() && !error.is_timeout() => {
                if self.draw.random_ratio(1, ODDS_OF_GIVING_UP) {
                    return Some(Fate::Unknown);
                }
            }
            Err(_) => {}
        }
        sleep(PAUSE).await;
        None
    }
}

/// Every reading has its verdict, and none is refused.
fn assert_whole(body: &Value, answer: &Value) {
    let sent = body.as_array().map_or(0, Vec::len) as u64;
    let counted =
        answer["accepted"].as_u64().unwrap_or(0) + answer["duplicates"].as_u64().unwrap_or(0);
    let refused = answer["rejected"].as_array().is_none_or(|refused| !refused.is_empty());
    assert!(counted == sent && !refused, "of {sent} readings: {answer}");
}
