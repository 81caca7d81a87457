//! Telnyx: short messages out, receipts and replies in.

mod client;
mod errors;
mod event;
mod webhook;

pub use client::{Sender, SmsOut, Telnyx, Timeouts};
pub use errors::{TelnyxError, class_of};
pub use event::{Inbound, NotAnEvent, Receipt, ReceiptStatus, TelnyxEvent};
pub use webhook::{PublicKeys, SIGNATURE_HEADER, SignatureError, TIMESTAMP_HEADER, TOLERANCE_SECS};
