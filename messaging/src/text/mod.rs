//! What messages say: one file of `texts/LANGUAGE/` for each message and form, filled in from typed values.
//!
//! Pages are escaped, texts of short messages are made to fit, and what people and places are called is made harmless
//! (see [`inert()`]) before it goes in anywhere. A value that a text wants and does not get is an error, not a gap.

mod account;
mod alert;
mod digest;
mod inert;
mod measure;
mod message;
mod operation;
mod page;
mod reply;
mod sources;
#[cfg(test)]
mod tests;

pub use account::{EmailVerification, Invitation, PasswordReset, PhoneCode, TestAlert};
pub use alert::{
    AlertStage, AlertText, Group, GroupItem, Links, Outage, OutageOver, Place, Resolved,
};
pub use digest::{Digest, DigestPeriod, DigestSite, DigestUnit};
pub use inert::inert;
pub use measure::{Scale, View};
pub use message::{EmailText, Message, TextError, Texts};
pub use operation::{Overflow, SetupBroken};
pub use page::{
    AccountDeed, AccountPage, AcknowledgePage, Page, PageAlert, PageState, RefusedPage,
    UnsubscribePage,
};
pub use reply::ReplyText;
pub use sources::Language;
