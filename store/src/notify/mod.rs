//! Notifications: which alerts are to be planned, what planning looks at, what it comes to, and what became of it.
//!
//! Each event of an alert leaves a row in `alert_plans` in its own transaction. Whoever finds that row due plans, and
//! writes what it comes to only if neither the alert nor the organization's ledger has moved since: so any number of
//! processes may plan, and each plan is made once.

mod asked;
mod attempts;
mod delivery;
mod due;
mod facts;
mod ledger;
mod lines;
mod mail_links;
mod phones;
mod pointless;
mod receipts;
mod recipients;
mod reply_codes;
mod save;
mod setup_broken;
mod situation;
mod sweep;

pub use asked::{PHONE_CODE_MINUTES, Verified};
pub use delivery::{Begun, Delivery, Outcome, UNCLEAR_MILLIS};
pub use due::Seen;
pub use facts::{Facts, ToldAlert};
pub use ledger::{AttemptRecord, Balance, LedgerLine, LineFilter};
pub use mail_links::{MailAlert, MailTold, MailedContact};
pub use phones::{Phone, PhoneContact};
pub use receipts::Receipt;
pub use recipients::{Recipient, Recipients};
pub use reply_codes::ReplyCode;
pub use save::{MOST_ATTEMPTS, queue_of};
pub use setup_broken::SetupFacts;
pub use situation::Looked;

pub(crate) use delivery::pause_millis;
pub(crate) use due::{look_again, look_again_at_all};
pub(crate) use lines::{own, person_of, whom};
pub(crate) use pointless::pointless;
pub(crate) use save::{job_of, priority_of};
