//! What came of an attempt to send.

use std::time::Duration;

/// A partner has taken a message over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The message's id: Telnyx's own, or the `Message-ID` of a mail.
    pub message_id: String,
}

/// What a failure means for what is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Worth another try, later.
    Retry,
    /// Not to this number or address: it does not exist, or cannot take such a message. Another channel at once.
    GiveUp,
    /// Its owner wants no messages from us. Consent is withdrawn; another channel at once.
    OptedOut,
    /// Ours to mend: a key, a sender, a balance. Whoever runs the hub is told; another channel at once.
    OurSetup,
}

impl FailureClass {
    /// The stable name, as in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::GiveUp => "give_up",
            Self::OptedOut => "opted_out",
            Self::OurSetup => "our_setup",
        }
    }
}

/// A partner's "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it means for what is done next.
    pub class: FailureClass,
    /// The partner's code: Telnyx's (`40300`), `http_503`, or SMTP's (`550 5.1.1`, `550`).
    pub code: String,
    /// Whether the code was one we know. An unknown one is [`FailureClass::Retry`], and is to be reported.
    pub is_known: bool,
    /// In the partner's words, numbers and addresses masked; fit to be stored and shown.
    pub detail: String,
    /// How long the partner wants to be left alone, at most an hour.
    pub retry_after: Option<Duration>,
}

/// Why a message was not, or may not have been, taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing was accepted, and the partner said why.
    #[error("refused with {}: {}", .0.code, .0.detail)]
    Refused(Refusal),
    /// It may have been accepted. Wait for a word of it before trying again, and mark what is sent then as a possible
    /// duplicate.
    #[error("sent, and the answer was lost: {why}")]
    Unclear {
        /// What is known of it.
        why: String,
    },
    /// Certainly nothing was accepted: the partner was not reached, or the line was lost before the message was on it.
    #[error("not reached: {why}")]
    Unreachable {
        /// What is known of it.
        why: String,
    },
}

impl SendError {
    /// What it means for what is done next.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Refused(refusal) => refusal.class,
            Self::Unclear { .. } | Self::Unreachable { .. } => FailureClass::Retry,
        }
    }

    /// A stable code: the partner's, `answer_lost` or `unreachable`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::Unclear { .. } => "answer_lost",
            Self::Unreachable { .. } => "unreachable",
        }
    }

    /// What happened, as a sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Refused(Refusal { class, code, detail, .. }) => {
                let meaning = match class {
                    FailureClass::Retry => "The provider could not take it now",
                    FailureClass::GiveUp => "It cannot be delivered to this number or address",
                    FailureClass::OptedOut => "The recipient has asked for no more messages",
                    FailureClass::OurSetup => "The hub's own account or settings need attention",
                };
                format!("{meaning} ({code}: {detail}).")
            }
            Self::Unclear { why } => {
                format!(
                    "It was handed over, but the answer was lost; it may have been sent ({why})."
                )
            }
            Self::Unreachable { why } => {
                format!("The provider could not be reached; nothing was sent ({why}).")
            }
        }
    }

    /// A refusal that is ours to mend.
    pub(crate) fn our_setup(code: impl Into<String>, detail: impl AsRef<str>) -> Self {
        Self::Refused(Refusal {
            class: FailureClass::OurSetup,
            code: code.into(),
            is_known: true,
            detail: crate::masked(detail.as_ref()),
            retry_after: None,
        })
    }

    pub(crate) fn unclear(why: impl AsRef<str>) -> Self {
        Self::Unclear { why: crate::masked(why.as_ref()) }
    }

    pub(crate) fn unreachable(why: impl AsRef<str>) -> Self {
        Self::Unreachable { why: crate::masked(why.as_ref()) }
    }
}

/// Why a client cannot be made of its settings. Nothing of a setting's value is told: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The address of the service is none.
    #[error("the address of the service is not {0}")]
    BadUrl(&'static str),
    /// The key cannot stand in a header.
    #[error("the key has characters that no key has")]
    BadKey,
    /// The sender is none.
    #[error("the sender is not {0}")]
    BadSender(&'static str),
    /// A public key is none.
    #[error("a public key is not 32 bytes in base64")]
    BadPublicKey,
    /// A secret is none.
    #[error("a secret is not base64 of 24 to 64 bytes, after whsec_")]
    BadSecret,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}
