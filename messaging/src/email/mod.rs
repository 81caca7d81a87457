//! E-mail by SMTP.

mod address;
mod compose;
mod line;
mod links;
mod mailer;
mod refusal;
mod server;

pub use address::EmailAddress;
pub use compose::EmailOut;
pub use links::{LinkDeed, LinkKeys, MailLink};
pub use mailer::{Mailer, Timeouts};
