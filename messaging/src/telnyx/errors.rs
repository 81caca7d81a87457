//! What Telnyx's error codes mean for what is done next.

use serde::Deserialize;
use serde_json::Value;

use crate::{FailureClass, Refusal, masked};

use FailureClass::{GiveUp, OptedOut, OurSetup, Retry};

/// Telnyx's codes, of its documentation and of what FreshTrack Pro met.
const CLASSES: [(&str, FailureClass); 37] = [
    ("10007", Retry),
    ("10011", Retry), // rate of the account
    ("40002", Retry),
    ("40004", Retry),
    ("40005", Retry),
    ("40006", Retry),
    ("40014", Retry),
    ("40018", Retry), // rate of the carrier
    ("50000", Retry),
    ("50001", Retry),
    ("40001", GiveUp), // landline
    ("40003", GiveUp),
    ("40008", GiveUp),
    ("40009", GiveUp),
    ("40012", GiveUp),
    ("40310", GiveUp),   // no such destination
    ("40311", GiveUp),   // takes no short messages
    ("40400", GiveUp),   // unreachable
    ("40401", GiveUp),   // failed
    ("40402", GiveUp),   // expired
    ("40300", OptedOut), // STOP
    ("40301", OptedOut), // do not contact
    ("10001", OurSetup),
    ("10002", OurSetup),
    ("20012", OurSetup),
    ("20013", OurSetup),
    ("10009", OurSetup), // authentication
    ("10014", OurSetup), // permission
    ("20100", OurSetup), // no funds
    ("40013", OurSetup), // number not in the profile
    ("40312", OurSetup), // source
    ("40313", OurSetup),
    // what HTTP itself says, where no code of Telnyx's came along
    ("http_401", OurSetup),
    ("http_403", OurSetup),
    ("http_404", OurSetup), // another address than the API's
    ("http_408", Retry),
    ("http_429", Retry),
];

/// What a code means; `None` for one that is not known, which is worth a retry and a report.
#[must_use]
pub fn class_of(code: &str) -> Option<FailureClass> {
    CLASSES.iter().find(|(known, _)| *known == code).map(|(_, class)| *class)
}

/// One error as Telnyx tells it, in an answer or a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TelnyxError {
    /// Its code, such as `40300`.
    #[serde(default, deserialize_with = "text_or_number")]
    pub code: String,
    /// What it is.
    #[serde(default, deserialize_with = "text_or_number")]
    pub title: String,
    /// More about it.
    #[serde(default, deserialize_with = "text_or_number")]
    pub detail: String,
}

impl TelnyxError {
    /// Reads what stands under `errors`, and leaves out what is none.
    pub(super) fn all_in(errors: &Value) -> Vec<Self> {
        let all = errors.as_array().into_iter().flatten();
        let read = all.filter_map(|it| Self::deserialize(it).ok());
        read.filter(|it| !it.code.is_empty()).collect()
    }

    /// The refusal that these errors come to: the first that is known decides, else the first. `None` without any.
    #[must_use]
    pub fn refusal(errors: &[Self]) -> Option<Refusal> {
        let known = errors.iter().find(|it| class_of(&it.code).is_some());
        known.or(errors.first()).map(Self::as_refusal)
    }

    fn as_refusal(&self) -> Refusal {
        let class = class_of(&self.code);
        let words = [self.title.trim(), self.detail.trim()].map(str::to_owned);
        let words: Vec<String> = words.into_iter().filter(|words| !words.is_empty()).collect();
        Refusal {
            class: class.unwrap_or(Retry),
            code: masked(&self.code),
            is_known: class.is_some(),
            detail: masked(&words.join(": ")),
            retry_after: None,
        }
    }
}

/// Codes are texts in the document, and have been seen as numbers.
fn text_or_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The classes as the document names them, by how their lines begin.
    const LINES: [(&str, FailureClass); 4] = [
        ("| retry", Retry),
        ("| give up", GiveUp),
        ("| opted out", OptedOut),
        ("| our own set-up", OurSetup),
    ];

    #[test]
    fn every_code_has_the_class_of_the_document_and_no_other_is_known() {
        let Some(document) = hub_testkit::shared::text("contracts/telnyx/error-classes.md") else {
            return;
        };
        let mut seen = 0;
        for line in document.lines() {
            let Some((_, class)) = LINES.iter().find(|(begin, _)| line.starts_with(begin)) else {
                continue;
            };
            let words = line.split(|c: char| !c.is_ascii_digit());
            for code in words.filter(|word| word.len() == 5) {
                assert_eq!(class_of(code), Some(*class), "{code}");
                seen += 1;
            }
        }
        let ours = CLASSES.iter().filter(|(code, _)| !code.starts_with("http_"));
        assert_eq!(seen, ours.count());
        assert_eq!(class_of("99999"), None);
    }

    #[test]
    fn the_first_known_error_decides_and_an_unknown_one_is_retried_and_reported() {
        let told = json!([{ "code": "99999" }, { "title": "no code" }, 7,
            { "code": 40300, "title": "STOP", "detail": "from +18665550001" }]);
        let errors = TelnyxError::all_in(&told);
        let refusal = TelnyxError::refusal(&errors).unwrap();
        assert_eq!((refusal.class, refusal.code.as_str()), (OptedOut, "40300"));
        assert_eq!(refusal.detail, "STOP: from …");
        let unknown = TelnyxError::refusal(&errors[..1]).unwrap();
        assert_eq!((unknown.class, unknown.is_known), (Retry, false));
        assert_eq!(TelnyxError::refusal(&[]), None);
    }
}
