//! What has to happen now and then, whoever is connected.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use super::Shared;

/// How often an organization may get a new summary of a site.
const SUMMARY_EVERY: Duration = Duration::from_millis(250);

/// After so many summaries the metrics are told.
const TICKS_A_REPORT: u32 = 4;

/// After so many summaries histories are aged.
const TICKS_AN_AGEING: u32 = 120;

/// How often it is asked whether those who hear an organization are members still: another process may have
/// removed them. With what is remembered of memberships it stays under a second until they hear nothing.
const MEMBERS_EVERY: Duration = Duration::from_millis(400);

/// Starts the tasks. They end when nothing else holds `shared`.
pub(crate) fn start(shared: &Arc<Shared>) {
    tokio::spawn(run(Arc::downgrade(shared)));
    tokio::spawn(watch_members(Arc::downgrade(shared)));
}

async fn watch_members(shared: Weak<Shared>) {
    let mut ticks = interval(MEMBERS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        end_outdated(&shared).await;
        let heard: Vec<_> = shared.sessions.heard().into_iter().collect();
        if heard.is_empty() {
            continue;
        }
        let Ok(members) = shared.access.members_among(heard.clone()).await else { continue };
        for (user, org) in heard.into_iter().filter(|pair| !members.contains(pair)) {
            shared.sessions.revoke(org, user);
        }
    }
}

/// Closes the sockets of people whose tokens were ended: another process may have changed the password.
async fn end_outdated(shared: &Shared) {
    let users = shared.sessions.signed_in_here();
    if users.is_empty() {
        return;
    }
    if let Ok(generations) = shared.access.token_generations(users).await {
        shared.sessions.close_outdated(&generations);
    }
}

async fn run(shared: Weak<Shared>) {
    let mut ticks = interval(SUMMARY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 0_u32.. {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.channels.tick();
        if tick.is_multiple_of(TICKS_A_REPORT) {
            report(&shared);
        }
        if tick.is_multiple_of(TICKS_AN_AGEING) {
            shared.channels.age();
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts stay below 2^53")]
fn report(shared: &Shared) {
    let stats = shared.channels.stats();
    metrics::gauge!("hub_sockets_open").set(shared.sessions.open() as f64);
    metrics::gauge!("hub_subscriptions").set(stats.subscriptions as f64);
    metrics::gauge!("hub_outbox_bytes").set(stats.outbox_bytes as f64);
    metrics::counter!("hub_publications_total").absolute(stats.publications);
    metrics::counter!("hub_deliveries_total").absolute(stats.deliveries);
    metrics::counter!("hub_conflated_total").absolute(stats.conflated);
    metrics::counter!("hub_outboxes_overflowed_total").absolute(stats.too_slow);
}
