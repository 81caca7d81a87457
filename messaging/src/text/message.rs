//! Messages, and how they become texts.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::sources::{FILES, Language};
use super::{
    AlertText, Digest, EmailVerification, Group, Invitation, Outage, OutageOver, Overflow, Page,
    PasswordReset, PhoneCode, ReplyText, Resolved, SetupBroken, TestAlert, inert,
};
use crate::sms::{fit, length, shorten};

/// So many units are named in a short message at most; the rest are counted.
const MOST_LISTED: usize = 12;

/// Names are cut to this before fewer of them are listed.
const LISTED_NAME: usize = 14;

/// What is told.
///
/// Not [`Debug`] in full: messages hold names, links and codes.
#[derive(Clone)]
pub enum Message {
    /// An alert of one unit: opened, confirmed, escalated, not acknowledged yet.
    Alert(AlertText),
    /// It is over.
    Resolved(Resolved),
    /// Several alerts at once.
    Group(Group),
    /// Many units of one site fell silent.
    Outage(Outage),
    /// They are heard again.
    OutageOver(OutageOver),
    /// A cap is reached; more comes another way.
    Overflow(Overflow),
    /// How an alert would come.
    Test(TestAlert),
    /// A code that proves a phone. Short message alone.
    PhoneCode(PhoneCode),
    /// An invitation to an organization. E-mail alone.
    Invitation(Invitation),
    /// A link to set a new password. E-mail alone.
    PasswordReset(PasswordReset),
    /// A link that proves an address. E-mail alone.
    EmailVerification(EmailVerification),
    /// What a day or a week was like. E-mail alone.
    Digest(Digest),
    /// Something of ours keeps messages from going out.
    SetupBroken(SetupBroken),
    /// The answer to a reply. Short message alone.
    Reply(ReplyText),
}

/// A mail's parts.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailText {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// A page.
    pub html: String,
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The message is not told in that way.
    #[error("{message} has no text in the form {form}")]
    NoSuchForm {
        /// The message.
        message: &'static str,
        /// `sms` or `email`.
        form: &'static str,
    },
    /// A file of texts is not well-formed, or wants a value that it does not get: a fault of ours.
    #[error("a text cannot be written")]
    Template(#[source] minijinja::Error),
}

/// How much room there is for what people and places are called.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Characters of a name.
    name: usize,
    /// Names in a list.
    pub(super) listed: usize,
    /// Whether it is a short message.
    pub(super) is_sms: bool,
}

impl Room {
    const MAIL: Self = Self { name: 120, listed: usize::MAX, is_sms: false };

    const fn sms(name: usize, listed: usize) -> Self {
        Self { name, listed, is_sms: true }
    }

    /// What something is called, made harmless, as long as there is room.
    pub(super) fn name(self, text: &str) -> String {
        shorten(&inert(text), self.name)
    }

    /// The same of what need not be there.
    pub(super) fn maybe(self, text: Option<&String>) -> Option<String> {
        text.map(|text| self.name(text))
    }
}

impl Message {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Alert(_) => "alert",
            Self::Resolved(_) => "resolved",
            Self::Group(_) => "group",
            Self::Outage(_) => "outage",
            Self::OutageOver(_) => "outage_over",
            Self::Overflow(_) => "overflow",
            Self::Test(_) => "test",
            Self::PhoneCode(_) => "phone_code",
            Self::Invitation(_) => "invitation",
            Self::PasswordReset(_) => "password_reset",
            Self::EmailVerification(_) => "email_verification",
            Self::Digest(_) => "digest",
            Self::SetupBroken(_) => "setup_broken",
            Self::Reply(_) => "reply",
        }
    }

    /// How many units it lists.
    fn listed(&self) -> usize {
        match self {
            Self::Group(group) => group.items.len(),
            Self::Outage(outage) => outage.units.len(),
            Self::Reply(reply) => reply.listed(),
            _ => 1,
        }
    }

    fn values(&self, room: Room) -> Value {
        match self {
            Self::Alert(it) => it.values(room),
            Self::Resolved(it) => it.values(room),
            Self::Group(it) => it.values(room),
            Self::Outage(it) => it.values(room),
            Self::OutageOver(it) => it.values(room),
            Self::Overflow(it) => it.values(room),
            Self::Test(it) => it.values(room),
            Self::PhoneCode(it) => it.values(room),
            Self::Invitation(it) => it.values(room),
            Self::PasswordReset(it) => it.values(),
            Self::EmailVerification(it) => it.values(),
            Self::Digest(it) => it.values(room),
            Self::SetupBroken(it) => it.values(room),
            Self::Reply(it) => it.values(room),
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Message").field(&self.name()).finish()
    }
}

impl std::fmt::Debug for EmailText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmailText").finish_non_exhaustive()
    }
}

/// A line with nothing but a block on it leaves no line.
fn lines() -> SyntaxConfig {
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    syntax.unwrap_or_default() // the delimiters are the usual ones, of which nothing can be wrong
}

/// Every text, read once.
#[derive(Debug)]
pub struct Texts {
    environment: Environment<'static>,
}

impl Texts {
    /// Reads every text.
    ///
    /// # Errors
    /// When one is not well-formed, which the tests rule out.
    pub fn new() -> Result<Self, TextError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(lines());
        for (name, source) in FILES {
            environment.add_template(name, source).map_err(TextError::Template)?;
        }
        Ok(Self { environment })
    }

    /// The text of a short message: one segment where it can be, and then with as many units and as much of each name
    /// as there is room for.
    ///
    /// # Errors
    /// When the message is not told in short messages.
    pub fn sms(&self, message: &Message, language: Language) -> Result<String, TextError> {
        let name = format!("{}/{}.sms.txt", language.folder(), message.name());
        let write = |room| {
            let text = self.write(&name, &message.values(room), message.name(), "sms")?;
            Ok(text.trim().to_owned())
        };
        let mut listed = message.listed().clamp(1, MOST_LISTED);
        while listed > 1 && length(&write(Room::sms(LISTED_NAME, listed))?).segments > 1 {
            listed -= 1;
        }
        fit(|longest| write(Room::sms(longest, listed)))
    }

    /// The text of a mail.
    ///
    /// # Errors
    /// When the message is not told by e-mail.
    pub fn email(&self, message: &Message, language: Language) -> Result<EmailText, TextError> {
        let values = message.values(Room::MAIL);
        let write = |form: &str| {
            let name = format!("{}/{}.{form}", language.folder(), message.name());
            self.write(&name, &values, message.name(), "email")
        };
        let subject = inert(&write("subject.txt")?);
        let text = write("txt")?.trim().to_owned() + "\n";
        Ok(EmailText { subject, text, html: write("html")? })
    }

    /// A page that a link in a mail opens.
    ///
    /// # Errors
    /// When it cannot be written, which the tests rule out.
    pub fn page(&self, page: &Page, language: Language) -> Result<String, TextError> {
        let file = format!("{}/{}.html", language.folder(), page.name());
        self.write(&file, &page.values(Room::MAIL), page.name(), "html")
    }

    fn write(
        &self,
        file: &str,
        values: &Value,
        message: &'static str,
        form: &'static str,
    ) -> Result<String, TextError> {
        let template = self.environment.get_template(file).map_err(|error| match error.kind() {
            ErrorKind::TemplateNotFound => TextError::NoSuchForm { message, form },
            _ => TextError::Template(error),
        })?;
        template.render(values.clone()).map_err(TextError::Template)
    }
}
