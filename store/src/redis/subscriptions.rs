//! What is to be heard, on whichever connection.

use std::{collections::HashSet, sync::Arc, time::Duration};

use fred::interfaces::{ClientLike as _, EventInterface as _, PubsubInterface as _};
use tokio::sync::{broadcast::error::RecvError, mpsc, oneshot};

use super::{Redis, RedisError};

/// What could not be subscribed to is tried again so much later.
const TRIES_AGAIN: Duration = Duration::from_millis(500);

/// The most wishes that are seen to at once.
const TOGETHER: usize = 256;

/// What is asked of the subscriptions.
pub(super) enum Wish {
    Listen(String, oneshot::Sender<()>),
    Leave(String),
}

impl Redis {
    /// Sees to it that all is heard that is wished for, on each connection anew.
    pub(super) async fn subscribe(self: Arc<Self>, mut wishes: mpsc::UnboundedReceiver<Wish>) {
        let mut connections = self.client.reconnect_rx();
        let mut heard = Channels::new(self.beats.clone());
        let mut taken = Vec::new();
        let mut tries = tokio::time::interval(TRIES_AGAIN);
        tries.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                count = wishes.recv_many(&mut taken, TOGETHER) => {
                    if count == 0 {
                        return; // nobody can wish any more
                    }
                    let left = heard.take(taken.drain(..));
                    if !left.is_empty() && self.is_connected() {
                        self.unhear(left).await.ok(); // heard in vain until the next connection
                    }
                }
                connection = connections.recv() => match connection {
                    Ok(_) | Err(RecvError::Lagged(_)) => heard.forget(),
                    Err(RecvError::Closed) => return,
                },
                _ = tries.tick() => {}
            }
            let unheard = heard.unheard();
            if unheard.is_empty() || !self.is_connected() {
                continue;
            }
            match self.hear(unheard.clone()).await {
                Ok(()) => heard.hears(unheard),
                Err(error) => tracing::warn!(%error, "Redis does not let hear; tried again"),
            }
        }
    }

    async fn hear(&self, channels: Vec<String>) -> Result<(), RedisError> {
        if !self.client.is_clustered() {
            return Ok(self.client.subscribe(channels).await?);
        }
        for channel in channels {
            self.client.ssubscribe(channel).await?; // each may be another shard's
        }
        Ok(())
    }

    async fn unhear(&self, channels: Vec<String>) -> Result<(), RedisError> {
        if !self.client.is_clustered() {
            return Ok(self.client.unsubscribe(channels).await?);
        }
        for channel in channels {
            self.client.sunsubscribe(channel).await?;
        }
        Ok(())
    }
}

/// What is to be heard, and what is.
struct Channels {
    wanted: HashSet<String>,
    heard: HashSet<String>,
    waiting: Vec<(String, oneshot::Sender<()>)>,
}

impl Channels {
    fn new(always: String) -> Self {
        Self { wanted: HashSet::from([always]), heard: HashSet::new(), waiting: Vec::new() }
    }

    /// Takes wishes; gives what is not to be heard any more.
    fn take(&mut self, wishes: impl Iterator<Item = Wish>) -> Vec<String> {
        for wish in wishes {
            match wish {
                Wish::Listen(channel, listens) => self.want(channel, listens),
                Wish::Leave(channel) => {
                    self.wanted.remove(&channel);
                }
            }
        }
        let left: Vec<String> = self.heard.difference(&self.wanted).cloned().collect();
        self.heard.retain(|channel| self.wanted.contains(channel));
        left
    }

    fn want(&mut self, channel: String, listens: oneshot::Sender<()>) {
        self.waiting.retain(|(_, listens)| !listens.is_closed());
        if self.heard.contains(&channel) {
            listens.send(()).ok(); // nobody waits
        } else {
            self.waiting.push((channel.clone(), listens));
        }
        self.wanted.insert(channel);
    }

    fn unheard(&self) -> Vec<String> {
        self.wanted.difference(&self.heard).cloned().collect()
    }

    fn hears(&mut self, channels: Vec<String>) {
        self.heard.extend(channels);
        for (_, listens) in self.waiting.extract_if(.., |(channel, _)| self.heard.contains(channel))
        {
            listens.send(()).ok(); // nobody waits
        }
    }

    /// On another connection, nothing is heard yet.
    fn forget(&mut self) {
        self.heard.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(channel: &str) -> (Wish, oneshot::Receiver<()>) {
        let (listens, ready) = oneshot::channel();
        (Wish::Listen(channel.to_owned(), listens), ready)
    }

    #[test]
    fn what_is_wished_for_is_heard_until_it_is_left_or_the_connection_is_another() {
        let mut channels = Channels::new("beats".to_owned());
        let (wish, mut ready) = listen("site");
        assert!(channels.take([wish].into_iter()).is_empty());
        let mut unheard = channels.unheard();
        unheard.sort();
        assert_eq!(unheard, ["beats", "site"]);
        assert!(ready.try_recv().is_err(), "not before it is heard");
        channels.hears(unheard);
        assert!(ready.try_recv().is_ok());
        assert!(channels.unheard().is_empty());

        channels.forget();
        assert_eq!(channels.unheard().len(), 2);
        channels.hears(channels.unheard());

        let leave = || Wish::Leave("site".to_owned());
        assert_eq!(channels.take([leave()].into_iter()), ["site"]);
        let (wish, _ready) = listen("site");
        assert!(channels.take([leave(), wish].into_iter()).is_empty(), "it came again");
        assert_eq!(channels.unheard(), ["site"]);
    }
}
