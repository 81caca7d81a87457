//! Two hubs that lose sight of each other again and again, though both see the database: nothing is judged twice or not at all,
//! and dashboards at both are right soon after.
//!
//! The link is cut by a relay that falls silent and keeps what was said, which is worse than a link that is down: what was
//! handed on arrives after it was judged elsewhere.

use std::time::Duration;

use hub_testkit::{ports, relay::Relay};
use tokio::time::sleep;

use super::{pair::Pair, shown};
use crate::trials::Size;

/// How long a reading may take of which its node says nothing: the other one's patience, and its own way.
const ANSWERED_WITHIN: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn the_link_between_nodes_may_be_cut() {
    let size = Size::asked();
    eprintln!("the link is cut by a relay");
    let ports = [0; 2].map(|_| ports::free().expect("a port is free"));
    let links = ports.map(Relay::to);
    let pair = Pair::begin(|node, number| {
        let seen_at = format!("http://127.0.0.1:{}", links[number].port());
        node.port(ports[number]).env("HUB_NODE_URL", seen_at)
    })
    .await;
    let (mut slowest, mut answered, mut refused) = (Duration::ZERO, 0, 0);
    for cut in 0..size.of(2, 10) {
        links.iter().for_each(Relay::hang);
        // from 5 s to 60 s
        sleep(Duration::from_secs(5 + size.of(0, 55 * cut / 9))).await;
        links.iter().for_each(Relay::pass);
        pair.until_right().await;
        for (status, took) in pair.answers() {
            // what the nodes take from each other too often is to be sent again
            assert!(matches!(status, Some(200 | 503)), "{status:?}");
            (slowest, answered) = (slowest.max(took), answered + 1);
            refused += usize::from(status == Some(503));
        }
        sleep(Duration::from_secs(1)).await;
    }
    eprintln!(
        "{answered} answers of the probes, {refused} of them 503, the slowest after {slowest:?}"
    );
    assert!(slowest < ANSWERED_WITHIN, "{slowest:?}");
    let complaints = pair.complaints().await;
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), shown(&complaints));
}
