//! What people are told about their account, their phone and their address.

use hub_domain::Timestamp;
use minijinja::{Value, context};
use secrecy::{ExposeSecret as _, SecretString};

use super::alert::{Links, number};
use super::measure::View;
use super::message::Room;
use crate::sms::ShortCode;

/// How an alert would come.
#[derive(Clone)]
pub struct TestAlert {
    /// Whom it is for.
    pub name: String,
    /// The organization.
    pub organization: String,
    /// What to reply to try acknowledging.
    pub code: Option<ShortCode>,
    /// Where to go from here.
    pub links: Links,
}

/// A code that proves a phone, and with it the consent to be told there.
#[derive(Clone)]
pub struct PhoneCode {
    /// The code, of digits.
    pub secret: SecretString,
    /// Who will send alerts.
    pub organization: String,
    /// How long it is good for.
    pub minutes: u32,
}

/// An invitation to an organization.
#[derive(Clone)]
pub struct Invitation {
    /// Who invites.
    pub inviter: String,
    /// To what.
    pub organization: String,
    /// As what: `manager`.
    pub role: &'static str,
    /// Where it is accepted. It has a secret.
    pub accept_url: SecretString,
    /// Until when.
    pub until: Timestamp,
    /// How the reader sees it.
    pub view: View,
}

/// A link to set a new password.
#[derive(Clone)]
pub struct PasswordReset {
    /// Where it is set. It has a secret.
    pub reset_url: SecretString,
    /// Until when.
    pub until: Timestamp,
    /// How the reader sees it.
    pub view: View,
}

/// A link that proves an address.
#[derive(Clone)]
pub struct EmailVerification {
    /// Where it is confirmed. It has a secret.
    pub confirm_url: SecretString,
    /// Until when.
    pub until: Timestamp,
    /// How the reader sees it.
    pub view: View,
}

impl TestAlert {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            name => room.name(&self.name),
            organization => room.name(&self.organization),
            code => number(self.code),
            ..self.links.values()
        }
    }
}

impl PhoneCode {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            secret => self.secret.expose_secret(),
            organization => room.name(&self.organization),
            minutes => self.minutes,
        }
    }
}

impl Invitation {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            inviter => room.name(&without_addresses(&self.inviter)),
            organization => room.name(&without_addresses(&self.organization)),
            role => self.role,
            accept_url => self.accept_url.expose_secret(),
            until_long => self.view.time_long(self.until),
        }
    }
}

/// A name without addresses of the web: strangers get this mail, and its sender's name chooses its words.
fn without_addresses(name: &str) -> String {
    let is_address = |word: &&str| {
        let word = word.to_lowercase();
        word.contains("://") || word.starts_with("www.") || word.contains('/')
    };
    name.split_whitespace().filter(|word| !is_address(word)).collect::<Vec<_>>().join(" ")
}

impl PasswordReset {
    pub(super) fn values(&self) -> Value {
        context! {
            reset_url => self.reset_url.expose_secret(),
            until_long => self.view.time_long(self.until),
        }
    }
}

impl EmailVerification {
    pub(super) fn values(&self) -> Value {
        context! {
            confirm_url => self.confirm_url.expose_secret(),
            until_long => self.view.time_long(self.until),
        }
    }
}
