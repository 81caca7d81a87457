//! The register of sockets: who is here, what each hears, and how some of them are told to leave.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hub_actors::{
    Channels,
    channel::{ChannelName, Position, STAY_AWAY, SUBSCRIBE_AGAIN, Subscriber, Subscription},
};
use hub_domain::{OrgId, UserId};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};

use super::{
    codes::{Close, Refused},
    membership::Memberships,
    settings::SocketSettings,
};
use crate::auth::Identity;

/// At a shutdown so many sockets are closed in one step, with a pause after each: their clients come back with
/// jitter of their own, and the node that takes them over is spared the rest of the peak.
const CLOSED_A_STEP: usize = 250;
const STEP_PAUSE: Duration = Duration::from_millis(25);

/// The sockets of this process. Clones share them.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    channels: Channels,
    limits: Limits,
    memberships: Memberships,
    register: Mutex<Register>,
    left: Notify,
}

#[derive(Clone, Copy)]
struct Limits {
    per_user: usize,
    per_organization: usize,
    all: usize,
}

#[derive(Default)]
struct Register {
    all: HashMap<u64, Arc<Listener>>,
    of_users: BTreeMap<(UserId, u64), Arc<Listener>>,
    users: HashMap<UserId, usize>,
    organizations: HashMap<OrgId, usize>,
    is_closing: bool,
}

/// One socket as the register knows it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) subscriber: Arc<Subscriber>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    user: Option<UserId>,
    /// Of which generation of the user's tokens the last one shown was, if it was of the hub's own sign-in.
    generation: Option<i64>,
    channels: Vec<(ChannelName, OrgId)>,
    organizations: Vec<OrgId>,
}

/// A socket's place in the register, given back when it is dropped.
pub(crate) struct Seat {
    sessions: Sessions,
    listener: Arc<Listener>,
}

/// Why nothing was subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsubscribed {
    /// The command is refused.
    Refused(Refused),
    /// The socket is one too many for the organization.
    TooMany,
    /// Memberships were edited since they were looked up, or the channel's owner is gone: look again.
    Again,
    /// The channel is not live.
    NotLive,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("open", &self.open()).finish_non_exhaustive()
    }
}

impl Sessions {
    pub(crate) fn new(channels: Channels, settings: &SocketSettings) -> Self {
        let limits = Limits {
            per_user: settings.sockets_per_user,
            per_organization: settings.sockets_per_organization,
            all: settings.sockets,
        };
        Self(Arc::new(Inner {
            channels,
            limits,
            memberships: Memberships::default(),
            register: Mutex::default(),
            left: Notify::new(),
        }))
    }

    /// How many sockets are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.register().all.len()
    }

    /// Ends what a removed member hears of the organization, at once and for good.
    pub fn revoke(&self, org: OrgId, user: UserId) {
        self.end(org, user, STAY_AWAY);
    }

    /// Ends what anybody hears of the organization, at once and for good.
    pub fn revoke_all(&self, org: OrgId) {
        self.0.memberships.edited(); // also for those whose subscription is under way
        for (user, _) in self.heard().into_iter().filter(|(_, heard)| *heard == org) {
            self.revoke(org, user);
        }
    }

    /// Ends what a member hears of the organization; the client subscribes again and is judged by its new role.
    pub fn role_changed(&self, org: OrgId, user: UserId) {
        self.end(org, user, SUBSCRIBE_AGAIN);
    }

    /// Who hears which organization.
    pub(crate) fn heard(&self) -> HashSet<(UserId, OrgId)> {
        let mut heard = HashSet::new();
        for (user, listener) in self.signed_in() {
            heard.extend(listener.held().channels.iter().map(|(_, org)| (user, *org)));
        }
        heard
    }

    /// Whose sockets there are that a token of the hub's own sign-in opened.
    pub(crate) fn signed_in_here(&self) -> Vec<UserId> {
        let mut users: Vec<UserId> = self
            .signed_in()
            .into_iter()
            .filter(|(_, listener)| listener.held().generation.is_some())
            .map(|(user, _)| user)
            .collect();
        users.dedup();
        users
    }

    /// Closes the sockets whose token is of an earlier generation than their user's are by now: whoever has a good one
    /// comes back with it.
    pub(crate) fn close_outdated(&self, generations: &HashMap<UserId, i64>) {
        for (user, listener) in self.signed_in() {
            let shown = listener.held().generation;
            if shown.zip(generations.get(&user)).is_some_and(|(shown, now)| shown < *now) {
                listener.subscriber.close(Close::EXPIRED.0);
            }
        }
    }

    /// The sockets that are signed in, in order of their users.
    fn signed_in(&self) -> Vec<(UserId, Arc<Listener>)> {
        let register = self.register();
        let signed_in = register.of_users.iter();
        signed_in.map(|((user, _), listener)| (*user, Arc::clone(listener))).collect()
    }

    /// Closes all sockets with 3001 and waits until they are gone, but not longer than `within`. No new ones are
    /// taken from now on.
    pub async fn close_all(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let open: Vec<_> = {
            let mut register = self.register();
            register.is_closing = true;
            register.all.values().cloned().collect()
        };
        for step in open.chunks(CLOSED_A_STEP) {
            step.iter().for_each(|listener| listener.subscriber.close(Close::SHUTDOWN.0));
            sleep(STEP_PAUSE.min(deadline.saturating_duration_since(Instant::now()))).await;
        }
        drop(open); // each holds its connection
        loop {
            let left = self.0.left.notified();
            if self.open() == 0 || timeout_at(deadline, left).await.is_err() {
                return;
            }
        }
    }

    /// A place for one more socket; `None` when there is none.
    pub(crate) fn seat(&self) -> Option<Seat> {
        let mut register = self.register();
        if register.is_closing || register.all.len() >= self.0.limits.all {
            return None;
        }
        let subscriber = self.0.channels.subscriber();
        let listener = Arc::new(Listener { subscriber, held: Mutex::default() });
        register.all.insert(listener.subscriber.id(), Arc::clone(&listener));
        drop(register);
        Some(Seat { sessions: self.clone(), listener })
    }

    fn end(&self, org: OrgId, user: UserId, code: u16) {
        self.0.memberships.edited(); // first of all: a subscription whose check is under way is checked again
        let listeners: Vec<_> = {
            let register = self.register();
            register
                .of_users
                .range((user, 0)..=(user, u64::MAX))
                .map(|(_, listener)| Arc::clone(listener))
                .collect()
        };
        for listener in listeners {
            let mut held = listener.held();
            held.channels.retain(|(channel, of)| {
                if *of == org {
                    self.0.channels.expel(*channel, &listener.subscriber, code);
                }
                *of != org
            });
        }
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.0.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub(crate) fn subscriber(&self) -> &Subscriber {
        &self.listener.subscriber
    }

    /// Notes whose socket this is; false when the user has too many.
    pub(crate) fn sign_in(&self, identity: &Identity) -> bool {
        let user = identity.user;
        let mut register = self.sessions.register();
        let count = register.users.entry(user).or_default();
        if *count >= self.sessions.0.limits.per_user {
            return false;
        }
        *count += 1;
        register.of_users.insert((user, self.subscriber().id()), Arc::clone(&self.listener));
        let mut held = self.listener.held();
        (held.user, held.generation) = (Some(user), identity.generation);
        true
    }

    /// Notes that the user has shown another token.
    pub(crate) fn renew(&self, identity: &Identity) {
        self.listener.held().generation = identity.generation;
    }

    /// Memberships that were just looked up.
    pub(crate) fn memberships(&self) -> &Memberships {
        &self.sessions.0.memberships
    }

    /// Whether the socket holds the channel.
    pub(crate) fn holds(&self, channel: ChannelName) -> bool {
        self.listener.held().channels.iter().any(|(known, _)| *known == channel)
    }

    /// How many channels the socket holds.
    pub(crate) fn held(&self) -> usize {
        self.listener.held().channels.len()
    }

    /// Subscribes, if no membership was edited since `edits`.
    pub(crate) fn subscribe(
        &self,
        channel: ChannelName,
        org: OrgId,
        since: Option<Position>,
        edits: u64,
    ) -> Result<Subscription, Unsubscribed> {
        if !self.enter(org) {
            return Err(Unsubscribed::TooMany);
        }
        let mut held = self.listener.held();
        if self.memberships().edits() != edits {
            return Err(Unsubscribed::Again);
        }
        self.subscriber().forget(channel); // an earlier end of it that was not yet written is of no interest now
        let begun = self.sessions.0.channels.subscribe(channel, &self.listener.subscriber, since);
        let subscription = begun.map_err(Unsubscribed::from)?;
        held.channels.push((channel, org));
        Ok(subscription)
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&self, channel: ChannelName) {
        let mut held = self.listener.held();
        held.channels.retain(|(known, _)| *known != channel);
        self.sessions.0.channels.unsubscribe(channel, &self.listener.subscriber);
    }

    /// Notes that a channel has ended a subscription.
    pub(crate) fn ended(&self, channel: ChannelName) {
        self.listener.held().channels.retain(|(known, _)| *known != channel);
    }

    /// Counts the socket among those that hear the organization; false when there are too many.
    fn enter(&self, org: OrgId) -> bool {
        let mut register = self.sessions.register();
        let mut held = self.listener.held();
        if held.organizations.contains(&org) {
            return true;
        }
        let count = register.organizations.entry(org).or_default();
        let fits = *count < self.sessions.0.limits.per_organization;
        if fits {
            *count += 1;
            held.organizations.push(org);
        }
        fits
    }
}

impl From<hub_actors::channel::SubscribeError> for Unsubscribed {
    fn from(error: hub_actors::channel::SubscribeError) -> Self {
        match error {
            hub_actors::channel::SubscribeError::NotLive => Self::NotLive,
            hub_actors::channel::SubscribeError::Already => {
                Self::Refused(Refused::AlreadySubscribed)
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let held = std::mem::take(&mut *self.listener.held());
        for (channel, _) in held.channels {
            self.sessions.0.channels.unsubscribe(channel, &self.listener.subscriber);
        }
        let mut register = self.sessions.register();
        let id = self.listener.subscriber.id();
        register.all.remove(&id);
        if let Some(user) = held.user {
            register.of_users.remove(&(user, id));
            decrement(&mut register.users, &user);
        }
        for org in held.organizations {
            decrement(&mut register.organizations, &org);
        }
        drop(register);
        self.sessions.0.left.notify_waiters();
    }
}

fn decrement<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
