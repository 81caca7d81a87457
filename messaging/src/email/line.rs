//! One line to the mail server, and on it one message at a time.
//!
//! lettre has a transport that does all of this at once, and then says of a lost line only that it was lost. Whether
//! the message was on it by then decides whether it may be sent again, so its steps are taken one by one here. Nor
//! does that transport bound how long it waits for a reply.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use tokio::time::timeout;

use super::mailer::Timeouts;
use super::refusal::{Stage, refused};
use super::server::{Security, Server};
use crate::SendError;

/// A line that is signed in.
pub(super) struct Line(AsyncSmtpConnection);

impl Line {
    /// Connects, keeps the line secret as the settings want it, and signs in.
    pub(super) async fn open(server: &Server, timeouts: Timeouts) -> Result<Self, SendError> {
        let wrapped = match &server.security {
            Security::Wrapped(tls) => Some(tls.clone()),
            _ => None,
        };
        let address = (server.host.as_str(), server.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(
            address,
            Some(timeouts.connect),
            &server.hello,
            wrapped,
            None,
        );
        // the greeting is waited for here, too
        let line = within(timeouts.connect + timeouts.reply, connecting).await;
        let mut line = Self(line.map_err(|lost| lost.before(Stage::Opening))?);
        line.secure(server, timeouts.reply).await?;
        line.sign_in(server, timeouts.reply).await?;
        Ok(line)
    }

    async fn secure(&mut self, server: &Server, limit: Duration) -> Result<(), SendError> {
        let tls = match &server.security {
            Security::Required(tls) => tls,
            Security::Opportunistic(tls) if self.0.can_starttls() => tls,
            _ => return Ok(()),
        };
        if !self.0.can_starttls() {
            return Err(SendError::our_setup("no_starttls", "the server offers no STARTTLS"));
        }
        let secured = within(limit, self.0.starttls(tls.clone(), &server.hello)).await;
        secured.map_err(|lost| lost.before(Stage::Opening))
    }

    async fn sign_in(&mut self, server: &Server, limit: Duration) -> Result<(), SendError> {
        let Some(credentials) = &server.credentials else { return Ok(()) };
        let signed_in = within(limit, self.0.auth(DEFAULT_MECHANISMS, credentials)).await;
        signed_in.map(drop).map_err(|lost| lost.before(Stage::Opening))
    }

    /// Whether somebody is still at the other end.
    pub(super) async fn is_alive(&mut self, limit: Duration) -> bool {
        timeout(limit, self.0.test_connected()).await.unwrap_or(false)
    }

    /// Hands one message over. After an error the line is of no more use.
    pub(super) async fn send(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        timeouts: Timeouts,
    ) -> Result<(), SendError> {
        let sender = Mail::new(envelope.from().cloned(), Vec::new()); // ours are plain ASCII throughout
        self.say(Stage::Sender, sender, timeouts.reply).await?;
        for recipient in envelope.to() {
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            self.say(Stage::Recipient, recipient, timeouts.reply).await?;
        }
        self.say(Stage::Content, Data, timeouts.reply).await?;
        let taken = within(timeouts.content, self.0.message(message)).await;
        taken.map(drop).map_err(Lost::after)
    }

    async fn say(
        &mut self,
        stage: Stage,
        command: impl std::fmt::Display,
        limit: Duration,
    ) -> Result<(), SendError> {
        let said = within(limit, self.0.command(command)).await;
        said.map(drop).map_err(|lost| lost.before(stage))
    }

    /// Says goodbye, if that does not take long.
    pub(super) async fn close(mut self) {
        timeout(Duration::from_secs(1), self.0.quit()).await.ok();
    }
}

/// What went wrong on the line.
enum Lost {
    /// No reply in time.
    Late,
    /// What lettre says.
    Broken(Error),
}

impl Lost {
    /// Seen before the message was on the line: nothing was taken, whatever it was.
    fn before(self, stage: Stage) -> SendError {
        let Self::Broken(error) = self else { return SendError::unreachable("no reply in time") };
        if let Some(refusal) = refusal(stage, &error) {
            return refusal;
        }
        if error.is_tls() || is_of_tls(&error) {
            return SendError::our_setup("tls", root(&error));
        }
        if error.is_client() {
            return SendError::our_setup("smtp", root(&error)); // no way to sign in that both know
        }
        SendError::unreachable(root(&error))
    }

    /// Seen when the message was, or may have been, on the line.
    fn after(self) -> SendError {
        match self {
            Self::Late => SendError::unclear("no reply in time"),
            Self::Broken(error) => {
                refusal(Stage::Content, &error).unwrap_or_else(|| SendError::unclear(root(&error)))
            }
        }
    }
}

fn refusal(stage: Stage, error: &Error) -> Option<SendError> {
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    error.status().map(|code| refused(stage, code.into(), &words))
}

fn root(error: &Error) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Whether TLS itself said no, as it does to a certificate that it does not trust. lettre calls it a lost line.
fn is_of_tls(error: &Error) -> bool {
    chain(error).any(|it| {
        let inside = it.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inside.is_some_and(|it| it.is::<rustls::Error>())
    })
}

fn chain(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error as _), |it: &&(dyn std::error::Error + 'static)| it.source())
}

async fn within<T>(limit: Duration, it: impl Future<Output = Result<T, Error>>) -> Result<T, Lost> {
    match timeout(limit, it).await {
        Ok(done) => done.map_err(Lost::Broken),
        Err(_) => Err(Lost::Late),
    }
}
