//! Readings at a steady rate, and how long each is from its answer.

use std::time::Duration;

use chrono::Utc;
use hub_testkit::api::Api;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::crowd::taken;
use crate::promises::text;

/// Those who send, by turns.
const SENDERS: u32 = 24;

/// How long things took.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that this many of a thousand do not exceed.
    ///
    /// # Panics
    /// When nothing was timed.
    pub(crate) fn at(&self, per_mille: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * per_mille).div_ceil(1_000).max(1);
        sorted[rank - 1]
    }

    pub(crate) fn max(&self) -> Duration {
        self.at(1_000)
    }
}

/// Sends good readings of units by turns, so many a second, one a request, for so long. A reading that is sent late since
/// the one before was not answered counts from when it was meant to be sent.
pub(crate) async fn send(api: &Api, units: &[String], a_second: u32, length: Duration) -> Times {
    let begins = Instant::now();
    let all = a_second * u32::try_from(length.as_secs()).expect("a trial is over some time");
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (api, units) = (api.clone(), units.to_vec());
            tokio::spawn(async move {
                let mut times = Times::default();
                for number in (sender..all).step_by(SENDERS as usize) {
                    let meant = begins + Duration::from_secs(1) * number / a_second;
                    sleep_until(meant).await;
                    let unit = &units[number as usize % units.len()];
                    let reading =
                        json!({ "unitId": unit, "temperature": 3, "recordedAt": text(Utc::now()) });
                    let sent = taken(&api, &json!([reading])).await;
                    assert_eq!(sent["rejected"], json!([]), "{sent}");
                    times.add(meant.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Times::default();
    for sender in senders {
        times.merge(sender.await.expect("every reading is taken"));
    }
    times
}

mod tests {
    use super::*;

    #[test]
    fn a_share_of_times_is_one_of_them() {
        let times = Times((1..=200).map(Duration::from_millis).collect());
        assert_eq!(times.at(500), Duration::from_millis(100));
        assert_eq!(times.at(990), Duration::from_millis(198));
        assert_eq!(times.max(), Duration::from_millis(200));
    }
}
