//! Published frames, and what is said of them.

use hub_codecs::{FieldValue, Fields, Frame};
use hub_domain::Timestamp;
use hub_testkit::shared;
use serde_json::Value;

/// When all frames are received here: 2026-01-01T00:00:00Z.
pub(crate) const RECEIVED_AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// One published frame.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) port: Option<u8>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) output: Value,
    pub(crate) expect: Value,
}

impl Vector {
    fn of(mut value: Value) -> Self {
        Self {
            id: value["id"].as_str().expect("a text").to_owned(),
            port: value["f_port"]
                .as_u64()
                .map(|port| u8::try_from(port).expect("a port is a byte")),
            bytes: unhex(value["bytes_hex"].as_str().expect("a text")),
            output: value["output"].take(),
            expect: value["expect"].take(),
        }
    }

    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame { port: self.port, bytes: &self.bytes, received_at: RECEIVED_AT }
    }

    /// `vendor/model`, which its name begins with.
    pub(crate) fn model(&self) -> String {
        self.id.splitn(3, '/').take(2).collect::<Vec<_>>().join("/")
    }
}

/// The bytes of an even number of hex digits.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// The frames of sensors that watch cold places, each with the readings that it ought to leave.
pub(crate) fn cold_chain() -> Option<Vec<Vector>> {
    let text = shared::text("contracts/lorawan-vectors/cold-chain-vectors.json")?;
    let mut file: Value = serde_json::from_str(&text).expect("the file is JSON");
    let Value::Array(vectors) = file["vectors"].take() else { panic!("a list of vectors") };
    Some(vectors.into_iter().map(Vector::of).collect())
}

/// All published frames of all vendors.
pub(crate) fn published() -> Option<Vec<Vector>> {
    let text = shared::text("contracts/lorawan-vectors/uplink-vectors.jsonl")?;
    Some(
        text.lines()
            .map(|line| Vector::of(serde_json::from_str(line).expect("a line is JSON")))
            .collect(),
    )
}

/// A number in thousandths, rounded half away from zero; 0 for what is none.
pub(crate) fn thousandths(value: &Value) -> i64 {
    let text = value.as_number().map(ToString::to_string).unwrap_or_default();
    let (digits, sign) = text.strip_prefix('-').map_or((text.as_str(), 1), |digits| (digits, -1));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let four: String =
        whole.chars().chain(fraction.chars().chain("0000".chars()).take(4)).collect();
    sign * (four.parse::<i64>().expect("plain digits") + 5) / 10
}

/// The first field that one side has and the other has not, or has otherwise by 1e-9 or more.
pub(crate) fn difference(fields: &Fields, expected: &Value) -> Option<String> {
    let Some(expected) = expected.as_object() else {
        return Some(format!("{expected} is expected"));
    };
    let surplus = fields.iter().find(|(name, _)| !expected.contains_key(*name));
    if let Some((name, value)) = surplus {
        return Some(format!("{name} is {value:?}, and is not expected"));
    }
    expected.iter().find_map(|(name, expected)| match fields.get(name) {
        Some(value) if is_same(value, expected) => None,
        value => Some(format!("{name} is {value:?}, and {expected} is expected")),
    })
}

fn is_same(value: &FieldValue, expected: &Value) -> bool {
    match (value, expected) {
        (FieldValue::Bool(value), Value::Bool(expected)) => value == expected,
        (FieldValue::Text(value), Value::String(expected)) => value == expected,
        (FieldValue::List(values), Value::Array(expected)) => {
            values.len() == expected.len()
                && values.iter().zip(expected).all(|(value, expected)| is_same(value, expected))
        }
        (FieldValue::Map(fields), Value::Object(_)) => difference(fields, expected).is_none(),
        (value, Value::Number(expected)) => number(value)
            .is_some_and(|value| (value - expected.as_f64().expect("a number")).abs() < 1e-9),
        _ => false,
    }
}

fn number(value: &FieldValue) -> Option<f64> {
    match value {
        FieldValue::Int(value) => Some(*value as f64),
        FieldValue::Decimal { units, places } => {
            Some(*units as f64 / 10_f64.powi(i32::from(*places)))
        }
        _ => None,
    }
}
