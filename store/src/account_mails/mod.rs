//! Mails of accounts: invitations, and links that set a password or prove an address.
//!
//! They are in no organization's ledger, since they are nobody's there: who lost a password may be in no organization,
//! and who is invited is in none yet. The same holds of them all the same: the row is written with what it follows from,
//! its job is a hint, a try is written before the server is asked, and each row comes to an end.

mod asking;
mod delivery;
mod sweep;

use hub_domain::Timestamp;
use serde_json::json;
use uuid::Uuid;

pub(crate) use self::asking::{NewMail, insert};
pub use self::delivery::{AccountMail, AccountMailBegun, AccountTold};
use crate::{notify::queue_of, queue::NewJob, records::LinkPurpose};

/// After so many tries a mail is given up.
const MOST_ATTEMPTS: u16 = 8;

/// Somebody waits for it, and yet an alarm goes first.
const PRIORITY: i32 = 5;

/// What a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailPurpose {
    /// An invitation to an organization.
    Invitation,
    /// A link to somebody's account.
    Link(LinkPurpose),
}

/// Whose account a mail is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailedAccount {
    /// This person's.
    User(hub_domain::UserId),
    /// Whoever's this address is, if it is anybody's. That is looked up when the mail is sent, so that it takes as long
    /// to ask for nobody's.
    Address(String),
}

/// Where the mail of an invitation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailState {
    /// `queued`, `sending`, `sent`, `failed`, or `superseded` where there was no point in it any more.
    pub state: String,
    /// How it ended, or why it is tried again.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

impl MailPurpose {
    const ALL: [Self; 3] = [
        Self::Invitation,
        Self::Link(LinkPurpose::PasswordReset),
        Self::Link(LinkPurpose::EmailVerification),
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Link(purpose) => purpose.name(),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// The job that sends a mail, given to the queue for the `generation`th time.
fn job_of(id: Uuid, mail: Uuid, generation: i64, run_at: Option<Timestamp>) -> NewJob {
    let payload = json!({ "accountMail": mail, "generation": generation });
    let queue = queue_of(hub_domain::notify::Channel::Email);
    let job = NewJob::new(id, queue, format!("{mail}:{generation}"), payload)
        .priority(PRIORITY)
        .max_attempts(MOST_ATTEMPTS);
    match run_at {
        Some(at) => job.run_at(at),
        None => job,
    }
}
