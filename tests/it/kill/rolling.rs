//! Two hubs that are ended in order and started again, one after the other, under load: whoever asks again once at the
//! other one notices nothing, and sockets are told to come back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use chrono::Utc;
use hub_testkit::{api::Api, socket::Socket};
use serde_json::json;
use tokio::time::sleep;

use super::{pair::Pair, shown};
use crate::{promises::text, trials::Size};

/// What their unit is called.
pub(crate) const ASKED: &str = "Asked";

/// Senders beside the others, each of which asks fifty times a second, by turns at both nodes.
const ASKING: usize = 4;
const EVERY: Duration = Duration::from_millis(20);

/// Of so many requests one may fail though it is asked again once.
const ONE_OF: usize = 10_000;

/// The code of a socket that is closed since its hub ends.
const COME_BACK: u16 = 3001;

#[tokio::test(flavor = "multi_thread")]
async fn both_nodes_may_be_ended_and_started_one_after_the_other() {
    let size = Size::asked();
    let mut pair = Pair::begin(|node, _| node).await;
    let story = &pair.run.story;
    let apis = [story.api.clone(), story.api.clone().at(pair.second.url())];
    let unit = story.api.create_unit(&story.site, ASKED).await;
    // at a test's size, beside other tests, a machine may be too busy for either hub, and both say so
    let tries = size.of(4, 2);
    let (tally, token) = (Tally::default(), story.token.clone());
    let rolling = async {
        for _ in 0..size.of(1, 10) {
            for which in 0..2 {
                let hub = if which == 0 { &mut pair.second } else { &mut pair.run.story.hub };
                let mut socket =
                    Socket::connect(&hub.socket_url(), &token).await.expect("it opens");
                let begun = Instant::now();
                let (closed, ended) =
                    tokio::join!(socket.closed(Duration::from_secs(10)), hub.terminate());
                assert_eq!(closed.expect("it is closed"), COME_BACK);
                assert!(ended.expect("it ends"), "in order");
                assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
                sleep(Duration::from_secs(1)).await;
                hub.restart().await.expect("it starts again");
                sleep(Duration::from_secs(4)).await;
            }
        }
        tally.is_over.store(true, Relaxed);
    };
    let asking = futures_util::future::join_all(
        (0..ASKING).map(|turn| tally.ask(&apis, &unit, turn, tries)),
    );
    tokio::join!(rolling, asking);
    let (asked, again, failed) =
        (tally.asked.load(Relaxed), tally.again.load(Relaxed), tally.failed.load(Relaxed));
    eprintln!("{asked} requests, {again} asked again, {failed} failed");
    assert!(again > 0, "nobody noticed anything: no trial");
    assert!(failed <= asked / ONE_OF, "{failed} of {asked}");
    pair.until_right().await;
    let complaints = pair.complaints().await;
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), shown(&complaints));
}

/// What became of requests.
#[derive(Default)]
struct Tally {
    asked: AtomicUsize,
    again: AtomicUsize,
    failed: AtomicUsize,
    is_over: AtomicBool,
}

impl Tally {
    /// Asks by turns at both, and at the other one where that is not answered.
    async fn ask(&self, apis: &[Api; 2], unit: &str, mut turn: usize, tries: usize) {
        while !self.is_over.load(Relaxed) {
            sleep(EVERY).await;
            turn += 1;
            let at = text(Utc::now());
            let reading = json!([{ "unitId": unit, "recordedAt": at, "temperature": 3.0 }]);
            self.asked.fetch_add(1, Relaxed);
            let mut refused = Vec::new();
            for tried in 0..tries {
                match asked(&apis[(turn + tried) % 2], &reading).await {
                    Ok(()) => break,
                    Err(reason) => refused.push(reason),
                }
            }
            self.again.fetch_add(usize::from(!refused.is_empty()), Relaxed);
            if refused.len() == tries {
                self.failed.fetch_add(1, Relaxed);
                eprintln!("{at}: {}", refused.join("; then "));
            }
        }
    }
}

/// What came instead of an answer, if none did.
async fn asked(api: &Api, reading: &serde_json::Value) -> Result<(), String> {
    match api.try_ingest(reading).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("{} {}", answer.status, answer.body)),
        Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
    }
}
