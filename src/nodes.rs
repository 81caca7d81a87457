//! The hubs that share a database: this one says that it is there, sees who else is, and asks them.
//!
//! Who looks after which site follows from who is there (`domain/src/placement.rs`); what becomes of it when that changes
//! is in `actors/src/units/nodes.rs`. Nothing here decides who is right: commits do (ADR 15).

pub(crate) mod door;
mod looks;
mod wire;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::future::{BoxFuture, join_all};
use hub_actors::{Peers, UnitAnswer, UnitBatch};
use hub_domain::{NodeId, SiteId, Timestamp};
use hub_store::{Node, Store, StoreError};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::looks::Looks;
use crate::{app::Hub, auth::fresh_secret};

/// Where nodes are asked for readings. Its number rises when what is said there changes: a node of another version is then
/// one that does not answer.
const READINGS: &str = "/internal/nodes/1/readings";

/// Where nodes are told that a rule was edited.
const RULES: &str = "/internal/nodes/1/rules";

/// Where nodes are told to look around.
const LOOK: &str = "/internal/nodes/1/look";

/// The most that is said at once, in bytes: 5,000 readings of at most 100 bytes, and as much again.
const LARGEST: usize = 1024 * 1024;

/// How often a node says that it is there, and looks around. One that is silent for 3 s counts no more.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks that are so far apart, in milliseconds, have a gap between them.
const GAP_MILLIS: i64 = 1_500;

/// How long another node may take to answer. After that its site is taken from it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// How long it may take to be reached.
const REACHED_WITHIN: Duration = Duration::from_millis(500);

/// How long it may take to say goodbye.
const LEAVES_WITHIN: Duration = Duration::from_secs(1);

/// How long it may take to let its sites go. What is left ends with the units.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);

/// How long it waits for the others to see that it has left.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

/// For so long at least it goes on to answer, by when a balancer that asks each second knows as well.
const ANSWERS_ON: Duration = Duration::from_millis(1_200);

/// The nodes, as this one sees them.
pub struct Nodes {
    me: Node,
    client: reqwest::Client,
    others: RwLock<HashMap<NodeId, Node>>,
    looks: Looks,
}

impl Nodes {
    /// This process as a node that others reach at `said`, or else at what it listens on.
    ///
    /// # Errors
    /// When no client of HTTP can be made.
    pub fn new(listens_on: SocketAddr, said: Option<String>) -> reqwest::Result<Self> {
        let own = (!listens_on.ip().is_unspecified()).then(|| format!("http://{listens_on}"));
        let machine = hostname::get().unwrap_or_default();
        let me = Node {
            id: NodeId(Uuid::now_v7()),
            place: format!("{}/{listens_on}", machine.to_string_lossy()),
            address: said.or(own),
            secret: fresh_secret(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let client =
            reqwest::Client::builder().no_proxy().connect_timeout(REACHED_WITHIN).build()?;
        Ok(Self { me, client, others: RwLock::default(), looks: Looks::default() })
    }

    /// This process.
    #[must_use]
    pub const fn me(&self) -> &Node {
        &self.me
    }

    /// Says that this node is there, and looks around. Gives who is there, and what was taken over since.
    ///
    /// # Errors
    /// When the database does not say.
    pub async fn look_around(
        &self,
        store: &Store,
        hearing: &mut Hearing,
    ) -> Result<Seen, StoreError> {
        let around = store.look_around(&self.me, hearing.last).await?;
        let nodes = hearing.hear(around.at, around.nodes);
        let ids = nodes.iter().map(|node| node.id).collect();
        let others = nodes.into_iter().filter(|node| node.id != self.me.id);
        let others = others.map(|node| (node.id, node)).collect();
        *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
        Ok(Seen { nodes: ids, claims: around.claims })
    }

    fn other(&self, node: NodeId) -> Option<Node> {
        self.others.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    fn others(&self) -> Vec<Node> {
        self.others.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Has the others look which rules were edited, and tell their units. One that does not answer finds out by itself
    /// ([`crate::rule_changes`]).
    pub(crate) async fn tell_of_rules(&self) {
        let unseen = "another node is not told of an edited rule; it will see it";
        self.tell_all(RULES, ANSWERS_WITHIN, unseen).await;
    }

    /// Has the others see that this node has left, and waits until they have. One that does not answer sees it by itself.
    async fn tell_of_leaving(&self) {
        let unseen = "another node is not told that this one leaves; it will see it";
        self.tell_all(LOOK, SEEN_WITHIN, unseen).await;
    }

    async fn tell_all(&self, path: &str, within: Duration, unseen: &str) {
        let told = self.others().into_iter().map(|other| async move {
            if let Err(error) = self.post(&other, path, within, Vec::new()).await {
                failed(&other, &error, unseen);
            }
        });
        join_all(told).await;
    }

    /// Asks another node, and gives what it answers in time.
    async fn post(
        &self,
        other: &Node,
        path: &str,
        within: Duration,
        body: Vec<u8>,
    ) -> anyhow::Result<Bytes> {
        let address = other.address.as_ref().ok_or_else(|| {
            anyhow::anyhow!("it does not say where it is reached (HUB_NODE_URL): {}", other.place)
        })?;
        let asked = self.client.post(format!("{address}{path}")).bearer_auth(&other.secret);
        Ok(asked.timeout(within).body(body).send().await?.error_for_status()?.bytes().await?)
    }

    async fn ask(&self, other: &Node, batches: &[UnitBatch]) -> anyhow::Result<Vec<UnitAnswer>> {
        let said = wire::write_batches(batches)?;
        let said = self.post(other, READINGS, ANSWERS_WITHIN, said).await?;
        Ok(wire::read_answers(&said)?)
    }
}

impl Peers for Nodes {
    fn ingest(
        &self,
        node: NodeId,
        batches: Vec<UnitBatch>,
    ) -> BoxFuture<'_, Option<Vec<UnitAnswer>>> {
        Box::pin(async move {
            let other = self.other(node)?; // it is not there any more
            let readings = batches.iter().map(|batch| batch.readings.len() as u64).sum();
            metrics::counter!("hub_readings_forwarded_total").increment(readings);
            let told = self.ask(&other, &batches).await;
            if told.as_ref().is_err_and(is_leaving) {
                self.others.write().unwrap_or_else(PoisonError::into_inner).remove(&node);
                return None;
            }
            let judged_here = "another node does not answer for its units; they are judged here";
            told.inspect_err(|error| failed(&other, error, judged_here)).ok()
        })
    }
}

/// Whether another node answered that it is to leave.
fn is_leaving(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref().and_then(reqwest::Error::status);
    status == Some(reqwest::StatusCode::GONE)
}

fn failed(other: &Node, error: &anyhow::Error, what: &str) {
    metrics::counter!("hub_node_failures_total").increment(1);
    tracing::warn!(node.id = %other.id, error = format!("{error:#}"), "{what}");
}

/// What this node has heard of the others.
///
/// One that heard nothing itself for a while, since the database was away or it slept, does not take the others' silence
/// of that while for their end: all would take all sites from each other.
#[derive(Default)]
pub struct Hearing {
    /// When it last heard, by the database's clock as all instants here.
    last: Option<Timestamp>,
    /// Since when it has heard without a gap.
    since: Timestamp,
    /// Who was there when it last heard.
    there: Vec<Node>,
    /// Who was there before the gap, as long as it is not known whether they are.
    before: Vec<Node>,
}

impl Hearing {
    /// Takes note of who has spoken lately. Gives who is there.
    fn hear(&mut self, at: Timestamp, spoke: Vec<Node>) -> Vec<Node> {
        let passed = |since: Timestamp| at.as_millis() - since.as_millis();
        if self.last.is_none_or(|last| passed(last) > GAP_MILLIS) {
            self.since = at;
            self.before = std::mem::take(&mut self.there);
        }
        if passed(self.since) > hub_store::SILENT_MILLIS {
            self.before.clear();
        }
        // it has spoken itself, or whoever came in its stead
        let is_heard = |node: &Node| spoke.iter().any(|it| it.place == node.place);
        self.before.retain(|node| !is_heard(node));
        let mut nodes = [spoke, self.before.clone()].concat();
        nodes.sort_by_key(|node| node.id);
        self.last = Some(at);
        self.there.clone_from(&nodes);
        nodes
    }
}

/// What was seen around.
pub struct Seen {
    /// The nodes that are there, this one among them.
    pub nodes: Vec<NodeId>,
    /// The sites that were taken over, and the epochs under which they are held.
    pub claims: Vec<(SiteId, i64)>,
}

/// Looks around, again and again, until this node is to leave.
pub(crate) async fn look_after(hub: Hub, leave: CancellationToken) {
    if !hub.store.is_shared() {
        return;
    }
    let is_moved = Notify::new();
    tokio::select! {
        () = look_until(&leave, &hub, &is_moved) => {}
        () = settle_again_and_again(&hub, &is_moved) => {}
    }
}

/// A look that has begun is ended: the database goes on with it in any case.
async fn look_until(leave: &CancellationToken, hub: &Hub, is_moved: &Notify) {
    let mut hearing = Hearing::default();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let looks = &hub.nodes.looks;
    loop {
        tokio::select! {
            () = leave.cancelled() => return,
            _ = ticks.tick() => {}
            () = looks.are_wanted() => {}
        }
        let look = looks.begin();
        match hub.nodes.look_around(&hub.store, &mut hearing).await {
            Ok(Seen { nodes, claims }) => {
                gauge(nodes.len());
                hub.bus.iter().for_each(|bus| bus.has_others(nodes.len() > 1));
                if hub.units.meet(nodes) {
                    is_moved.notify_one();
                }
                looks.end(look);
                if !claims.is_empty() {
                    let units = hub.units.clone();
                    tokio::spawn(async move { units.taken_over(&claims).await });
                }
            }
            Err(error) => tracing::warn!(%error, "it is not known who else is there; looked again"),
        }
    }
}

/// Beside the looks: a node that is busy with what it took over would be silent for as long, and all of it be taken from it.
async fn settle_again_and_again(hub: &Hub, is_moved: &Notify) {
    loop {
        is_moved.notified().await;
        hub.units.settle().await;
    }
}

/// Says goodbye, and hands what this node looked after to the others, if there are any. Until they have seen
/// it, it goes on to answer. The last look is over first: it would say that this node is still there.
pub(crate) async fn leave(hub: &Hub, mut looks: JoinHandle<()>) {
    if timeout(LEAVES_WITHIN, &mut looks).await.is_err() {
        looks.abort();
    }
    let left = timeout(LEAVES_WITHIN, hub.store.leave(hub.nodes.me().id)).await;
    if !matches!(left, Ok(Ok(()))) {
        tracing::warn!("the other nodes are not told that this one leaves; they see it in 3 s");
    }
    let others: Vec<_> = hub.nodes.others().iter().map(|node| node.id).collect();
    if !others.is_empty() {
        let _ = hub.units.meet(others); // it was there itself until now
        let settled = timeout(SETTLES_WITHIN, hub.units.settle());
        let told = hub.nodes.tell_of_leaving();
        let (settled, (), ()) = tokio::join!(settled, told, sleep(ANSWERS_ON));
        if settled.is_err() {
            tracing::warn!("not all sites were let go in time; others take them as they are asked");
        }
    }
}

fn gauge(nodes: usize) {
    metrics::gauge!("hub_nodes").set(f64::from(u32::try_from(nodes).unwrap_or(u32::MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u128, place: &str) -> Node {
        let (address, secret, version) = (None, String::new(), String::new());
        Node {
            id: NodeId(Uuid::from_u128(number)),
            place: place.to_owned(),
            address,
            secret,
            version,
        }
    }

    fn heard(hearing: &mut Hearing, millis: i64, spoke: &[Node]) -> Vec<u128> {
        let there = hearing.hear(Timestamp::from_millis(millis), spoke.to_vec());
        there.iter().map(|node| node.id.0.as_u128()).collect()
    }

    #[test]
    fn whoever_falls_silent_while_we_hear_is_gone() {
        let (mut hearing, me, other) = (Hearing::default(), node(1, "a"), node(2, "b"));
        assert_eq!(heard(&mut hearing, 0, std::slice::from_ref(&me)), [1]);
        assert_eq!(heard(&mut hearing, 500, &[me.clone(), other]), [1, 2]);
        assert_eq!(heard(&mut hearing, 1_000, &[me]), [1]);
    }

    #[test]
    fn whoever_was_there_before_we_heard_nothing_has_time_to_speak() {
        let (mut hearing, me) = (Hearing::default(), node(1, "a"));
        let (other, dead, restarted) = (node(2, "b"), node(3, "c"), node(4, "d"));
        let all = [me.clone(), other.clone(), dead, restarted];
        assert_eq!(heard(&mut hearing, 0, &all), [1, 2, 3, 4]);
        // after ten seconds without a word
        assert_eq!(heard(&mut hearing, 10_000, std::slice::from_ref(&me)), [1, 2, 3, 4]);
        let spoke = [me, other, node(5, "d")];
        assert_eq!(heard(&mut hearing, 11_000, &spoke), [1, 2, 3, 5], "who came in its stead");
        assert_eq!(heard(&mut hearing, 12_000, &spoke), [1, 2, 3, 5]);
        assert_eq!(heard(&mut hearing, 13_000, &spoke), [1, 2, 3, 5]);
        assert_eq!(heard(&mut hearing, 13_500, &spoke), [1, 2, 5]);
    }
}
