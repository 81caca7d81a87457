//! E-mail by SMTP.

mod address;
mod compose;
mod line;
mod mailer;
mod refusal;
mod server;

pub use address::EmailAddress;
pub use compose::EmailOut;
pub use mailer::{Mailer, Timeouts};
