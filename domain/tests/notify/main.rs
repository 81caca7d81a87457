//! Who is told, when, and who is not and why: stories told to a ledger that sends what is planned.

mod caps;
mod escalation;
mod keeping_back;
mod outages;
mod policies;
mod properties;
mod quiet_hours;
mod reaching;
mod story;
