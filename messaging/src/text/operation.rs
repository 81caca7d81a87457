//! What is told about telling.

use hub_domain::Timestamp;
use minijinja::{Value, context};

use super::measure::View;
use super::message::Room;

/// A cap is reached; more comes another way.
#[derive(Clone)]
pub struct Overflow {
    /// Whose.
    pub organization: String,
    /// The cap, in short messages an hour.
    pub limit: u32,
    /// Alerts that are open.
    pub count: u32,
    /// Until when.
    pub until: Timestamp,
    /// When this is written.
    pub at: Timestamp,
    /// The alerts on screen.
    pub view_url: Option<String>,
    /// How the reader sees it.
    pub view: View,
}

/// Something of ours keeps messages from going out.
#[derive(Clone)]
pub struct SetupBroken {
    /// Whose messages.
    pub organization: String,
    /// `SMS` or `e-mail`.
    pub channel: &'static str,
    /// The provider's code.
    pub code: String,
    /// The provider's words.
    pub detail: String,
    /// How many have failed.
    pub failures: u32,
    /// Since when.
    pub since: Timestamp,
    /// When this is written.
    pub at: Timestamp,
    /// How the reader sees it.
    pub view: View,
}

impl Overflow {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            organization => room.name(&self.organization),
            limit => self.limit,
            count => self.count,
            until => self.view.time(self.until, self.at),
            until_long => self.view.time_long(self.until),
            view_url => self.view_url.clone(),
            unsubscribe_url => None::<String>,
        }
    }
}

impl SetupBroken {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            organization => room.name(&self.organization),
            channel => self.channel,
            code => room.name(&self.code),
            detail => room.name(&self.detail),
            failures => self.failures,
            since => self.view.time(self.since, self.at),
            since_long => self.view.time_long(self.since),
            unsubscribe_url => None::<String>,
        }
    }
}
