//! Sends one message of the ledger. Safe to run twice: the ledger says whether there is anything to send, and each try is
//! written before the provider is asked.

use std::{sync::Arc, time::Duration};

use hub_domain::{
    Clock, PhoneNumber, Timestamp,
    notify::{Channel, Stage},
};
use hub_messaging::{
    FailureClass, SendError,
    email::{EmailAddress, EmailOut, Mailer},
    telnyx::{SmsOut, Telnyx},
    text::{Language, Message, TextError, Texts},
};
use hub_store::{
    Store, StoreError,
    notify::{Begun, Delivery, Outcome},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{Job, JobError, wording::Wording};

/// The pause after the end of a try could not be written; it doubles with each, up to the second one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What messages are sent by. A way that is not set up refuses, and the ledger goes on to the next.
#[derive(Debug)]
pub struct Senders {
    /// Short messages.
    pub sms: Option<Telnyx>,
    /// E-mails.
    pub mail: Option<Mailer>,
    /// Every text.
    pub texts: Texts,
    /// Where people find more.
    pub wording: Wording,
}

/// What a message is sent with.
#[derive(Clone)]
pub struct Deliver {
    store: Store,
    clock: Arc<dyn Clock>,
    senders: Arc<Senders>,
}

impl std::fmt::Debug for Deliver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliver").finish_non_exhaustive()
    }
}

/// A job of the queues `send_sms` and `send_email`.
#[derive(Debug, Deserialize)]
struct DeliverJob {
    intent: Uuid,
    generation: i64,
}

impl Deliver {
    /// Sends what this store's ledger has.
    #[must_use]
    pub const fn new(store: Store, clock: Arc<dyn Clock>, senders: Arc<Senders>) -> Self {
        Self { store, clock, senders }
    }

    /// Does one attempt at a job.
    ///
    /// # Errors
    /// [`JobError::Retry`] when the ledger cannot be asked; whatever the provider says is the ledger's to go on with.
    pub async fn run(self, job: Job) -> Result<(), JobError> {
        let DeliverJob { intent, generation } = job.args()?;
        let begun = self.store.begin_delivery(intent, generation).await.map_err(unasked)?;
        let Begun::Send(delivery) = begun else { return Ok(()) };
        let outcome = self.send(&delivery).await?;
        count(&delivery, &outcome);
        until_written(|| self.store.end_attempt(delivery.attempt, &outcome)).await
    }

    async fn send(&self, delivery: &Delivery) -> Result<Outcome, JobError> {
        if let Some(words) = &delivery.words {
            return Ok(self.hand_over(delivery, words.clone()).await);
        }
        let facts = self.store.message_facts(delivery.org, delivery.intent).await;
        let facts = facts.map_err(unasked)?;
        let now = self.clock.now();
        let Some(message) = self.senders.wording.message(delivery, &facts, now) else {
            return Ok(refused("gone", "What it was about is not there any more."));
        };
        Ok(match delivery.channel {
            Channel::Sms => self.sms(delivery, &message).await,
            Channel::Email => {
                let thread = facts.alerts.first().map(|alert| alert.id.0);
                let thread = thread.filter(|_| is_threaded(delivery));
                self.email(delivery, &message, thread, now).await
            }
        })
    }

    async fn sms(&self, delivery: &Delivery, message: &Message) -> Outcome {
        match self.senders.texts.sms(message, Language::nearest("en")) {
            Ok(text) => self.hand_over(delivery, text).await,
            Err(error) => unwritten(delivery, &error),
        }
    }

    /// Hands an SMS to the provider.
    async fn hand_over(&self, delivery: &Delivery, text: String) -> Outcome {
        let Some(telnyx) = &self.senders.sms else {
            return refused("not_set_up", "This hub is not set up to send SMS.");
        };
        let Some(to) = PhoneNumber::parse(&delivery.address) else {
            return refused("bad_number", "The number is not in the form of E.164.");
        };
        let public_url = &self.senders.wording.public_url;
        let webhook_url = format!("{public_url}/api/integrations/telnyx/{}", delivery.attempt);
        let sms = SmsOut { to, text, webhook_url: Some(webhook_url) };
        match telnyx.send(&sms).await {
            Ok(taken) => Outcome::Accepted { message: Some(taken.message_id), has_receipt: true },
            Err(error) => outcome_of(delivery.intent, &error),
        }
    }

    async fn email(
        &self,
        delivery: &Delivery,
        message: &Message,
        thread: Option<Uuid>,
        at: Timestamp,
    ) -> Outcome {
        let Some(mailer) = &self.senders.mail else {
            return refused("not_set_up", "This hub is not set up to send e-mails.");
        };
        let Some(to) = EmailAddress::parse(&delivery.address) else {
            return refused("bad_address", "The address is no e-mail address.");
        };
        let written = match self.senders.texts.email(message, Language::nearest("en")) {
            Ok(written) => written,
            Err(error) => return unwritten(delivery, &error),
        };
        let mail = EmailOut {
            to,
            subject: written.subject,
            text: written.text,
            html: written.html,
            attempt: delivery.attempt,
            thread,
            unsubscribe_url: self.senders.wording.unsubscribe_url(delivery, at),
            at,
        };
        match mailer.send(&mail).await {
            Ok(taken) => Outcome::Accepted { message: Some(taken.message_id), has_receipt: false },
            Err(error) => outcome_of(delivery.intent, &error),
        }
    }
}

/// Whether a mail belongs with the others of its alert: of an outage and a group, those of the first.
const fn is_threaded(delivery: &Delivery) -> bool {
    matches!(
        delivery.stage,
        Stage::Due { .. } | Stage::Resolved | Stage::Outage | Stage::OutageOver | Stage::Group
    )
}

/// Writes down what a provider said. What is not written may be sent twice, so that this is tried for a while.
pub(crate) async fn until_written<F>(write: impl Fn() -> F) -> Result<(), JobError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match write().await {
            Ok(()) => return Ok(()),
            Err(error) if pause > LONGEST_PAUSE => return Err(unasked(error)),
            Err(error) => tracing::debug!(%error, "what came of a try is written again"),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

pub(crate) fn unasked(error: StoreError) -> JobError {
    JobError::Retry(format!("the ledger could not be asked: {error}"))
}

pub(crate) fn refused(code: &str, detail: &str) -> Outcome {
    let (code, detail) = (code.to_owned(), detail.to_owned());
    Outcome::Refused { code, detail, is_opt_out: false, is_setup: false }
}

/// A fault of ours, which another try does not mend; another way may have a text.
fn unwritten(delivery: &Delivery, error: &TextError) -> Outcome {
    tracing::error!(
        error = error as &dyn std::error::Error,
        intent.id = %delivery.intent,
        "a message could not be written"
    );
    refused("unwritten", "The hub could not write the message.")
}

pub(crate) fn outcome_of(message: Uuid, error: &SendError) -> Outcome {
    if let SendError::Refused(refusal) = error
        && (!refusal.is_known || refusal.class == FailureClass::OurSetup)
    {
        let (code, detail) = (&refusal.code, &refusal.detail);
        tracing::error!(message.id = %message, code, detail, "a provider refuses what somebody has to look at");
    }
    let (code, detail) = (error.code().to_owned(), error.sentence());
    match (error, error.class()) {
        (SendError::Unclear { .. }, _) => Outcome::Unclear { detail },
        (_, FailureClass::Retry) => Outcome::NotNow { code, detail },
        (_, class) => {
            let is_opt_out = class == FailureClass::OptedOut;
            Outcome::Refused { code, detail, is_opt_out, is_setup: class == FailureClass::OurSetup }
        }
    }
}

fn count(delivery: &Delivery, outcome: &Outcome) {
    let (channel, outcome) = (delivery.channel.name(), outcome.name());
    metrics::counter!("hub_delivery_attempts_total", "channel" => channel, "outcome" => outcome)
        .increment(1);
}
