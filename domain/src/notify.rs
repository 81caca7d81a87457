//! Who is told what of alerts: policies, and the one function that plans, [`plan()`].
//!
//! Planning looks at the alerts of one organization together and says for each what is to be sent, to whom, by what
//! and when; who is not told, and by which line; and when to look again. What was planned is in the ledger, which is
//! an input, so that planning again plans nothing new.

mod asked;
mod closing;
mod desk;
mod escalation;
mod holds;
mod intent;
mod ledger;
mod outage;
mod plan;
mod policy;
mod quiet_hours;
mod receipts;
mod room;
mod sentences;
mod situation;

pub use asked::{Seen, Standing, standing, test_message, why_no_line};
pub use intent::{
    Carried, Exclusion, Intent, IntentId, Line, Planned, Reason, Round, Stage, Superseded,
};
pub use plan::plan;
pub use policy::{Channel, Plan, Policy, QuietRule, Repeat, Step, Terms, effective};
pub use quiet_hours::QuietHours;
pub use situation::{
    AlertFacts, Caps, IntentState, Person, PersonId, Reach, Sent, SiteFacts, Situation, Told,
};
