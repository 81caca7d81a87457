//! Why Stripe did not do what it was asked, by what can be done about it.

use hub_domain::Plan;
use stripe::StripeError;

/// Why nothing came of a question or a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillingError {
    /// Stripe was away, busy, or its answer was lost. The same thing may be asked again, and is done once.
    #[error("stripe did not answer: {0}")]
    Retry(String),
    /// Stripe will not do that, however often it is asked.
    #[error("stripe refuses ({status} {code}): {message}")]
    Refused {
        /// The status.
        status: u16,
        /// Stripe's own code, or the kind of the error.
        code: String,
        /// Stripe's own words, for whoever runs the hub.
        message: String,
    },
    /// The hub is set up wrongly: its key, its address of Stripe. Nothing at all will work until that is mended.
    #[error("billing is set up wrongly: {0}")]
    Setup(String),
    /// No price of that plan is known here.
    #[error("the plan {} is not on sale", .0.name())]
    NotOnSale(Plan),
}

impl BillingError {
    /// An answer that was lost, or is none.
    pub(crate) fn lost(what: impl Into<String>) -> Self {
        Self::Retry(what.into())
    }

    /// Whether it is a refusal of usage because it was told before. Stripe has a code for that, and not in every answer
    /// of the kind.
    pub(crate) fn is_told_before(&self) -> bool {
        matches!(self, Self::Refused { status: 400, code, message }
            if code == "duplicate_meter_event" || message.contains("already exists with identifier"))
    }
}

impl From<StripeError> for BillingError {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Stripe(said, status) => {
                let code = said.code.as_ref().map(|code| code.as_str().to_owned());
                let code = code.unwrap_or_else(|| said.type_.as_str().to_owned());
                judged(status, code, said.message.unwrap_or_default())
            }
            StripeError::ClientError(what) => Self::lost(what),
            StripeError::JSONDeserialize(_) => Self::lost("its answer is none of Stripe's"),
            StripeError::Timeout => Self::lost("it took too long"),
            StripeError::ConfigError(what) => Self::Setup(what),
        }
    }
}

/// What is to be done about an answer of that status, as Stripe's reference of errors has it.
fn judged(status: u16, code: String, message: String) -> BillingError {
    match status {
        401 | 403 => BillingError::Setup(format!("stripe does not take the key ({status} {code})")),
        409 | 424 | 429 | 500.. => BillingError::Retry(format!("{status} {code}")),
        _ => BillingError::Refused { status, code, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_can_be_done() {
        let class = |status| match judged(status, "code".to_owned(), "words".to_owned()) {
            BillingError::Retry(_) => "again",
            BillingError::Refused { .. } => "never",
            BillingError::Setup(_) => "ours",
            BillingError::NotOnSale(_) => "unknown",
        };
        for (status, expected) in [
            (400, "never"),
            (401, "ours"),
            (402, "never"),
            (403, "ours"),
            (404, "never"),
            (409, "again"),
            (424, "again"),
            (429, "again"),
            (500, "again"),
            (503, "again"),
        ] {
            assert_eq!(class(status), expected, "{status}");
        }
    }

    #[test]
    fn usage_that_was_told_before_is_told() {
        let refused = |code: &str, message: &str| judged(400, code.to_owned(), message.to_owned());
        let said = "An event already exists with identifier a:b:c.";
        assert!(refused("invalid_request_error", said).is_told_before());
        assert!(refused("duplicate_meter_event", "").is_told_before());
        assert!(!refused("invalid_request_error", "No such customer").is_told_before());
        assert!(!judged(503, "duplicate_meter_event".to_owned(), String::new()).is_told_before());
    }
}
