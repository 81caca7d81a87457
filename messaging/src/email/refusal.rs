//! What a mail server's "no" means for what is done next.

use crate::{FailureClass, Refusal, SendError, masked};

/// Where in the conversation the server said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Greeting, hello, TLS, sign-in.
    Opening,
    /// The sender.
    Sender,
    /// The recipient.
    Recipient,
    /// The message.
    Content,
}

/// A server's reply as a refusal. `words` begins with the enhanced status (RFC 3463) where the server gives one.
///
/// Of codes without one, RFC 5321 says what they are; where that leaves it open, what is refused at the recipient is
/// about the recipient, and anything else about us.
pub(super) fn refused(stage: Stage, code: u16, words: &str) -> SendError {
    let enhanced = enhanced(words);
    let class = match (code, enhanced) {
        (400..500, _) => FailureClass::Retry,
        // syntax, sign-in and encryption are never about whom it is for
        (500..=504 | 521 | 523 | 530 | 534 | 535 | 538 | 554..=555, None)
            if stage != Stage::Recipient =>
        {
            FailureClass::OurSetup
        }
        (500..=504 | 530 | 534 | 535 | 538, _) => FailureClass::OurSetup,
        (_, Some((1, 7 | 8) | (3 | 5 | 7, _))) => FailureClass::OurSetup,
        (_, Some((1 | 2 | 4, _))) if stage != Stage::Sender => FailureClass::GiveUp,
        _ if stage == Stage::Recipient => FailureClass::GiveUp,
        _ => FailureClass::OurSetup,
    };
    let status = enhanced.map_or(String::new(), |_| {
        format!(" {}", words.split_whitespace().next().unwrap_or_default())
    });
    SendError::Refused(Refusal {
        class,
        code: format!("{code}{status}"),
        is_known: (400..600).contains(&code),
        detail: masked(words.strip_prefix(status.trim()).unwrap_or(words)),
        retry_after: None,
    })
}

/// Subject and detail of an enhanced status: (1, 1) of `5.1.1`.
fn enhanced(words: &str) -> Option<(u16, u16)> {
    let mut parts = words.split_whitespace().next()?.split('.');
    let mut next = || parts.next()?.parse::<u16>().ok().filter(|part| *part < 1000);
    let class = next()?;
    let (subject, detail) = (next()?, next()?);
    (matches!(class, 2 | 4 | 5) && parts.next().is_none()).then_some((subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureClass::{GiveUp, OurSetup, Retry};
    use Stage::{Content, Opening, Recipient, Sender};

    #[test]
    fn replies_mean_what_the_table_says() {
        for (stage, code, words, class, shown) in [
            (Opening, 421, "4.3.2 shutting down", Retry, "421 4.3.2"),
            (Opening, 454, "4.7.0 cannot authenticate now", Retry, "454 4.7.0"),
            (Opening, 535, "5.7.8 bad credentials", OurSetup, "535 5.7.8"),
            (Opening, 535, "no", OurSetup, "535"),
            (Opening, 554, "go away", OurSetup, "554"),
            (Sender, 530, "5.7.0 authentication required", OurSetup, "530 5.7.0"),
            (Sender, 550, "5.1.8 no such sender", OurSetup, "550 5.1.8"),
            (Sender, 553, "not your address", OurSetup, "553"),
            (Sender, 550, "5.1.0 sender rejected", OurSetup, "550 5.1.0"),
            (Recipient, 450, "4.2.0 greylisted", Retry, "450 4.2.0"),
            (Recipient, 452, "too many", Retry, "452"),
            (Recipient, 550, "5.1.1 no such user", GiveUp, "550 5.1.1"),
            (Recipient, 550, "no such user", GiveUp, "550"),
            (Recipient, 552, "5.2.2 mailbox full", GiveUp, "552 5.2.2"),
            (Recipient, 550, "5.4.1 no such domain", GiveUp, "550 5.4.1"),
            (Recipient, 554, "this user has no account", GiveUp, "554"),
            (Recipient, 554, "5.7.1 relaying denied", OurSetup, "554 5.7.1"),
            (Recipient, 530, "authenticate first", OurSetup, "530"),
            (Recipient, 501, "syntax", OurSetup, "501"),
            (Content, 451, "try later", Retry, "451"),
            (Content, 550, "5.1.1 no such user", GiveUp, "550 5.1.1"),
            (Content, 550, "5.7.1 looks like spam", OurSetup, "550 5.7.1"),
            (Content, 552, "5.3.4 too big", OurSetup, "552 5.3.4"),
            (Content, 554, "refused", OurSetup, "554"),
        ] {
            let SendError::Refused(refusal) = refused(stage, code, words) else {
                panic!("{words}")
            };
            assert_eq!(
                (refusal.class, refusal.code.as_str()),
                (class, shown),
                "{stage:?} {code} {words}"
            );
            assert!(refusal.is_known);
        }
    }

    #[test]
    fn the_recipient_is_not_quoted() {
        let error = refused(Recipient, 550, "5.1.1 <anna@example.org>: unknown");
        assert_eq!(error.to_string(), "refused with 550 5.1.1: … unknown");
    }

    #[test]
    fn what_only_looks_like_a_status_is_none() {
        for words in ["", "5.1", "5.1.x no", "10.0.0.1 is listed", "3.1.1 hm", "5.1.1.1 hm"] {
            assert_eq!(enhanced(words), None, "{words}");
        }
        assert_eq!(enhanced("5.7.26 unauthenticated"), Some((7, 26)));
    }
}
