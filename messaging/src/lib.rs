//! Telnyx and SMTP behind two small interfaces, and the texts of messages.
//!
//! Nothing here knows a database, the environment or the time of day: whoever calls says what to send, to whom and as
//! of when, and is told in one of three ways what came of it (see [`SendError`]): refused, unclear, or not reached.
//! Neither client ever tries again by itself, since a second try may be a second message; that is the ledger's to
//! decide.

pub mod email;
mod masked;
mod outcome;
pub mod sms;
pub mod standard_webhooks;
pub mod telnyx;
pub mod text;

pub use masked::masked;
pub use outcome::{Accepted, FailureClass, Refusal, SendError, SetupError};
