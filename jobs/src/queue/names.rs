//! The names of the queues.

/// Text messages to people.
pub const SEND_SMS: &str = "send_sms";
/// E-mails to people.
pub const SEND_EMAIL: &str = "send_email";
/// Digests of days and weeks.
pub const DIGEST: &str = "digest";
/// What is told to and asked of the provider of payments.
pub const BILLING: &str = "billing";

/// All of them.
pub const ALL: [&str; 4] = [SEND_SMS, SEND_EMAIL, DIGEST, BILLING];
