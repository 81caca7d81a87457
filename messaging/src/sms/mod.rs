//! Short messages: how long they are, how they are made to fit, and what people answer.

mod decide;
mod fit;
mod length;
mod reply;
mod words;

pub use decide::{Answer, CodeState, Decision, KnownCode, SNOOZE_MINUTES, Situation, decide};
pub use fit::{fit, shorten};
pub use length::{Encoding, Length, length};
pub use reply::{Reply, ShortCode, parse};
