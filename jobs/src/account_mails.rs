//! Sends one mail of an account: an invitation, or a link that sets a password or proves an address.
//!
//! Safe to run twice: the row says whether there is anything to send, each try is written before the server is asked, and each sends the
//! same link.

use std::sync::Arc;

use hub_domain::Clock;
use hub_messaging::{
    email::{EmailAddress, EmailOut},
    text::{
        EmailVerification, Invitation, Language, Message, PasswordReset, Scale, TextError, View,
    },
};
use hub_store::{
    Store,
    account_mails::{AccountMail, AccountMailBegun, AccountTold},
    notify::Outcome,
    records::LinkPurpose,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Job, JobError, Senders,
    deliver::{outcome_of, refused, unasked, until_written},
};

/// What a mail is sent with.
#[derive(Clone)]
pub struct AccountMails {
    store: Store,
    clock: Arc<dyn Clock>,
    senders: Arc<Senders>,
}

impl std::fmt::Debug for AccountMails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountMails").finish_non_exhaustive()
    }
}

/// A job of the queue `send_email` that is of no ledger.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountMailJob {
    account_mail: Uuid,
    generation: i64,
}

impl AccountMailJob {
    /// What a job says, if it is of an account's mail.
    #[must_use]
    pub fn of(job: &Job) -> Option<Self> {
        job.args().ok()
    }
}

impl AccountMails {
    /// Sends what this store has.
    #[must_use]
    pub const fn new(store: Store, clock: Arc<dyn Clock>, senders: Arc<Senders>) -> Self {
        Self { store, clock, senders }
    }

    /// Does one attempt at a job.
    ///
    /// # Errors
    /// [`JobError::Retry`] when the store cannot be asked; whatever the server says is the row's to go on with.
    pub async fn run(self, job: AccountMailJob) -> Result<(), JobError> {
        let AccountMailJob { account_mail: id, generation } = job;
        let hash = self.senders.wording.keys.secret_hash_of(id);
        let begun = self.store.begin_account_mail(id, generation, hash).await.map_err(unasked)?;
        let AccountMailBegun::Send(mail) = begun else { return Ok(()) };
        let outcome = self.send(&mail).await;
        count(&mail, &outcome);
        until_written(|| self.store.end_account_mail(id, &outcome)).await
    }

    async fn send(&self, mail: &AccountMail) -> Outcome {
        let Some(mailer) = &self.senders.mail else {
            return refused("not_set_up", "This hub is not set up to send e-mails.");
        };
        let Some(to) = EmailAddress::parse(&mail.address) else {
            return refused("bad_address", "The address is no e-mail address.");
        };
        let message = self.message(mail);
        let written = match self.senders.texts.email(&message, Language::nearest("en")) {
            Ok(written) => written,
            Err(error) => return unwritten(mail, &error),
        };
        let out = EmailOut {
            to,
            subject: written.subject,
            text: written.text,
            html: written.html,
            attempt: mail.id, // one that comes twice is the same mail
            thread: None,
            unsubscribe_url: None,
            at: self.clock.now(),
        };
        match mailer.send(&out).await {
            Ok(taken) => Outcome::Accepted { message: Some(taken.message_id), has_receipt: false },
            Err(error) => outcome_of(mail.id, &error),
        }
    }

    fn message(&self, mail: &AccountMail) -> Message {
        // whose clocks they look at is not known of somebody who is nowhere yet
        let (until, view) = (mail.until, View { scale: Scale::Celsius, zone: chrono_tz::Tz::UTC });
        match &mail.told {
            AccountTold::Invitation { inviter, organization, role } => {
                Message::Invitation(Invitation {
                    inviter: inviter.clone().unwrap_or_else(|| "Somebody".to_owned()),
                    organization: organization.clone(),
                    role: role.name(),
                    accept_url: self.link(mail),
                    until,
                    view,
                })
            }
            AccountTold::Link(LinkPurpose::PasswordReset) => {
                let reset_url = self.link(mail);
                Message::PasswordReset(PasswordReset { reset_url, until, view })
            }
            AccountTold::Link(LinkPurpose::EmailVerification) => {
                let confirm_url = self.link(mail);
                Message::EmailVerification(EmailVerification { confirm_url, until, view })
            }
        }
    }

    /// The address of the hub's own page that takes the token.
    fn link(&self, mail: &AccountMail) -> secrecy::SecretString {
        let wording = &self.senders.wording;
        let (id, secret) = (mail.link.simple(), wording.keys.secret_of(mail.id));
        format!("{}/api/mail/account/{id}_{secret}", wording.public_url).into()
    }
}

/// A fault of ours, which another try does not mend.
fn unwritten(mail: &AccountMail, error: &TextError) -> Outcome {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, mail.id = %mail.id, "a mail of an account could not be written");
    refused("unwritten", "The hub could not write the mail.")
}

fn count(mail: &AccountMail, outcome: &Outcome) {
    let purpose = match &mail.told {
        AccountTold::Invitation { .. } => "invitation",
        AccountTold::Link(purpose) => purpose.name(),
    };
    if let Outcome::Refused { code, .. } = outcome {
        tracing::warn!(mail.id = %mail.id, purpose, code, "a mail of an account was refused");
    }
    let outcome = outcome.name();
    metrics::counter!("hub_account_mails_total", "purpose" => purpose, "outcome" => outcome)
        .increment(1);
}
