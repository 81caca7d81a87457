//! A mail as it goes over the line.

use std::time::{Duration, SystemTime};

use hub_domain::Timestamp;
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use reqwest::Url;
use uuid::Uuid;

use super::EmailAddress;
use crate::text::inert;
use crate::{SendError, SetupError};

/// A mail to be sent.
#[derive(Clone)]
pub struct EmailOut {
    /// To whom.
    pub to: EmailAddress,
    /// What it is about; line breaks and marks of direction are taken out.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
    /// What it says, as a page.
    pub html: String,
    /// The attempt, which gives the mail its `Message-ID`: one that comes twice can be recognised.
    pub attempt: Uuid,
    /// What it belongs to, such as an alert: mails of one are shown together.
    pub thread: Option<Uuid>,
    /// Where one click ends such mails (RFC 8058): it takes a `POST` without a session, and has a secret of its own.
    pub unsubscribe_url: Option<String>,
    /// When it was written.
    pub at: Timestamp,
}

impl std::fmt::Debug for EmailOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmailOut").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// Whom mails come from, and in whose name their ids are made.
#[derive(Clone)]
pub(super) struct Author {
    mailbox: Mailbox,
    domain: String,
}

/// A mail ready for the line.
pub(super) struct Composed {
    pub(super) message_id: String,
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

impl Author {
    /// Reads `FreshTrack <alerts@example.org>` or the address alone.
    pub(super) fn parse(text: &str) -> Result<Self, SetupError> {
        let mailbox: Mailbox = text.parse().map_err(|_| BAD_FROM)?;
        let address = EmailAddress::parse(mailbox.email.as_ref()).ok_or(BAD_FROM)?;
        Ok(Self { mailbox, domain: address.domain().to_owned() })
    }

    fn id(&self, id: Uuid) -> String {
        format!("<{id}@{}>", self.domain)
    }
}

const BAD_FROM: SetupError =
    SetupError::BadSender("one such as FreshTrack <alerts@example.org>, or the address alone");

/// Puts a mail together. Every header is either ours or encoded: what people are called cannot end one.
pub(super) fn compose(mail: &EmailOut, from: &Author) -> Result<Composed, SendError> {
    let message_id = from.id(mail.attempt);
    let mut message = Message::builder()
        .from(from.mailbox.clone())
        .to(Mailbox::new(None, mail.to.address()))
        .subject(inert(&mail.subject))
        .message_id(Some(message_id.clone()))
        .date(date(mail.at))
        // answering machines leave it alone (RFC 3834)
        .raw_header(ours("Auto-Submitted", "auto-generated".to_owned()));
    if let Some(thread) = mail.thread {
        message = message.in_reply_to(from.id(thread)).references(from.id(thread));
    }
    if let Some(url) = &mail.unsubscribe_url {
        message = message
            .raw_header(ours("List-Unsubscribe", format!("<{}>", one_line_url(url)?)))
            .raw_header(ours("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    let parts = MultiPart::alternative()
        .boundary(format!("part-{}", mail.attempt.simple()))
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(SinglePart::html(mail.html.clone()));
    let message = message
        .multipart(parts)
        .map_err(|error| SendError::our_setup("bad_message", error.to_string()))?;
    Ok(Composed { message_id, envelope: message.envelope().clone(), bytes: message.formatted() })
}

/// A header whose value is ours, ASCII and one line. lettre would fold a long address, which some readers then lose.
fn ours(name: &'static str, value: String) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value)
}

/// An address of the web as it may stand between pointed brackets; its parser leaves neither blanks nor brackets.
fn one_line_url(url: &str) -> Result<String, SendError> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url
        .map(String::from)
        .filter(|url| url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,".contains(&byte)));
    url.ok_or_else(|| SendError::our_setup("bad_message", "the address to unsubscribe at is none"))
}

fn date(at: Timestamp) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default());
    SystemTime::UNIX_EPOCH + since
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> EmailOut {
        EmailOut {
            to: EmailAddress::parse("anna@example.org").unwrap(),
            subject: "Cooler".into(),
            text: "9.1 °C".into(),
            html: "<p>9.1 °C</p>".into(),
            attempt: Uuid::from_u128(7),
            thread: None,
            unsubscribe_url: None,
            at: Timestamp::from_millis(1_764_432_000_000),
        }
    }

    fn composed(mail: &EmailOut) -> String {
        let from = Author::parse("FreshTrack <alerts@example.com>").unwrap();
        let composed = compose(mail, &from).unwrap();
        assert!(composed.bytes.is_ascii());
        String::from_utf8(composed.bytes).unwrap()
    }

    /// The lines of the header, unfolded.
    fn header(mail: &EmailOut) -> Vec<String> {
        let composed = composed(mail);
        let header = composed.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        header.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_mail_has_an_id_of_its_attempt_and_a_thread_and_one_click_ends_them() {
        let thread = Some(Uuid::from_u128(9));
        let unsubscribe_url = Some("https://hub.example.com/u/abc?x=1&y=ä".to_owned());
        let header = header(&EmailOut { thread, unsubscribe_url, ..mail() }).join("\n");
        insta::assert_snapshot!(header, @r#"
        From: FreshTrack <alerts@example.com>
        To: anna@example.org
        Subject: Cooler
        Message-ID: <00000000-0000-0000-0000-000000000007@example.com>
        Date: Sat, 29 Nov 2025 16:00:00 +0000
        Auto-Submitted: auto-generated
        In-Reply-To: <00000000-0000-0000-0000-000000000009@example.com>
        References: <00000000-0000-0000-0000-000000000009@example.com>
        List-Unsubscribe: <https://hub.example.com/u/abc?x=1&y=%C3%A4>
        List-Unsubscribe-Post: List-Unsubscribe=One-Click
        MIME-Version: 1.0
        Content-Type: multipart/alternative; boundary="part-00000000000000000000000000000007"
        "#);
    }

    #[test]
    fn no_subject_makes_a_header_of_its_own() {
        let usual: Vec<String> = header(&mail());
        let names = |lines: &[String]| -> Vec<String> {
            lines.iter().map(|it| it.split(':').next().unwrap().to_owned()).collect()
        };
        for hostile in [
            "a\r\nBcc: eve@example.org",
            "a\nBcc: eve@example.org",
            "a\rBcc: eve@example.org",
            "a\u{2028}Bcc: eve@example.org",
            "a\u{85}Bcc: eve@example.org",
            "a\0\r\n\r\n<html>",
            "=?utf-8?q?=0D=0ABcc:_eve?=",
            &"ä\r\n".repeat(300),
            "\u{202e}gpj.exe",
            "<img src=x onerror=alert(1)>",
        ] {
            let made = header(&EmailOut { subject: hostile.to_owned(), ..mail() });
            assert_eq!(names(&made), names(&usual), "{hostile:?}: {made:#?}");
        }
    }

    #[test]
    fn an_address_to_unsubscribe_at_is_one_of_the_web() {
        let from = Author::parse("alerts@example.com").unwrap();
        for bad in ["", "mailto:a@b.co", "javascript:alert(1)", "/u/abc", "https://a.b/c,d"] {
            let mail = EmailOut { unsubscribe_url: Some(bad.to_owned()), ..mail() };
            assert!(compose(&mail, &from).is_err(), "{bad}");
        }
        let header = header(&EmailOut {
            unsubscribe_url: Some("https://a.b/c>\r\nBcc: eve@example.org".into()),
            ..mail()
        });
        assert!(!header.iter().any(|line| line.starts_with("Bcc")), "{header:#?}");
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        assert!(Author::parse("alerts@example.com").is_ok());
        assert!(Author::parse("\"Fresh, Track\" <alerts@example.com>").is_ok());
        for bad in ["", "FreshTrack", "a@b@c", "FreshTrack <>", "älert@example.com"] {
            assert!(Author::parse(bad).is_err(), "{bad}");
        }
    }
}
