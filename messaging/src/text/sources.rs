//! The files of texts, and the languages that there are.

/// A language that messages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
}

impl Language {
    /// The language that comes nearest to what somebody asked for (BCP 47: `en`, `de-AT`). English for one that
    /// nothing is written in yet.
    #[must_use]
    pub fn nearest(_tag: &str) -> Self {
        Self::English // one more language: its folder in `texts/`, its files in `FILES`, its variant here
    }

    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::English => "en",
        }
    }
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Every file, by its name in `texts/`.
        pub(super) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../texts/", $name)))),*];
    };
}

files! {
    "en/words.txt",
    "en/footer.txt",
    "en/base.html",
    "en/parts.html",
    "en/alert.sms.txt",
    "en/alert.subject.txt",
    "en/alert.txt",
    "en/alert.html",
    "en/resolved.sms.txt",
    "en/resolved.subject.txt",
    "en/resolved.txt",
    "en/resolved.html",
    "en/group.sms.txt",
    "en/group.subject.txt",
    "en/group.txt",
    "en/group.html",
    "en/outage.sms.txt",
    "en/outage.subject.txt",
    "en/outage.txt",
    "en/outage.html",
    "en/outage_over.sms.txt",
    "en/outage_over.subject.txt",
    "en/outage_over.txt",
    "en/outage_over.html",
    "en/overflow.sms.txt",
    "en/overflow.subject.txt",
    "en/overflow.txt",
    "en/overflow.html",
    "en/test.sms.txt",
    "en/test.subject.txt",
    "en/test.txt",
    "en/test.html",
    "en/phone_code.sms.txt",
    "en/invitation.subject.txt",
    "en/invitation.txt",
    "en/invitation.html",
    "en/password_reset.subject.txt",
    "en/password_reset.txt",
    "en/password_reset.html",
    "en/email_verification.subject.txt",
    "en/email_verification.txt",
    "en/email_verification.html",
    "en/digest.subject.txt",
    "en/digest.txt",
    "en/digest.html",
    "en/setup_broken.sms.txt",
    "en/setup_broken.subject.txt",
    "en/setup_broken.txt",
    "en/setup_broken.html",
    "en/reply.sms.txt",
    "en/page_acknowledge.html",
    "en/page_unsubscribe.html",
    "en/page_account.html",
    "en/page_refused.html",
}
