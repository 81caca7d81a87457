//! Bodies of The Things Stack: what the hub reads of them, forgiving all else.
//!
//! Empty values are left out of the network's JSON altogether, so the first frame of a session has no `f_cnt`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_domain::{OrgId, Timestamp};
use hub_store::records::Uplink;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    auth::sha256,
    http::{devices::dev_eui, error::ApiError, instant, schemas},
};

/// The most that a radio frame carries, in bytes.
const LONGEST_PAYLOAD: usize = 255;
/// The longest session key id, in bytes.
const LONGEST_SESSION: usize = 256;
/// The longest decoded payload that is kept and read, in bytes.
const LONGEST_DECODED: usize = 16 * 1024;

/// The longest name of a vendor or of a model, in bytes.
const LONGEST_WORD: usize = 100;

/// The most gateways of one frame that are noted.
const MOST_GATEWAYS: usize = 32;

/// A message of The Things Stack v3: what is read of it. Everything else is passed over.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TtnMessage)]
pub struct Message {
    end_device_ids: Option<EndDevice>,
    #[schema(schema_with = schemas::instant_or_none)]
    received_at: Option<String>,
    uplink_message: Option<UplinkMessage>,
}

/// The sensor; needed of an uplink.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TtnEndDevice)]
struct EndDevice {
    #[schema(schema_with = schemas::dev_eui_or_none)]
    dev_eui: Option<String>,
}

/// A radio frame.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TtnUplink)]
struct UplinkMessage {
    #[schema(max_length = 256, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
    session_key_id: Option<String>,
    f_port: Option<i16>,
    #[schema(minimum = 0)]
    f_cnt: Option<i64>,
    /// Base64 of at most 255 bytes.
    #[schema(
        max_length = 340,
        pattern = "^([0-9A-Za-z+/]{4})*([0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?$"
    )]
    frm_payload: Option<String>,
    /// What the network's formatter made of it, read where no decoder of the hub reads the payload.
    #[schema(value_type = Option<Object>)]
    decoded_payload: Option<Box<RawValue>>,
    version_ids: Option<Version>,
    rx_metadata: Option<Vec<Reception>>,
    #[schema(schema_with = schemas::instant_or_none)]
    received_at: Option<String>,
}

/// What the network knows of the sensor, where it was registered by its model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TtnVersion)]
struct Version {
    brand_id: Option<String>,
    model_id: Option<String>,
}

/// Through which gateway it came.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TtnReception)]
struct Reception {
    rssi: Option<f64>,
    gateway_ids: Option<GatewayIds>,
}

/// The gateway.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TtnGateway)]
struct GatewayIds {
    #[schema(schema_with = schemas::dev_eui_or_none)]
    eui: Option<String>,
}

impl Message {
    /// The radio identities of the gateways that passed it on. The network has names for others, which say none.
    #[must_use]
    pub fn gateways(&self) -> Vec<String> {
        let receptions = self.uplink_message.as_ref().and_then(|frame| frame.rx_metadata.as_ref());
        let eui = |reception: &Reception| dev_eui(reception.gateway_ids.as_ref()?.eui.as_deref()?);
        receptions.into_iter().flatten().filter_map(eui).take(MOST_GATEWAYS).collect()
    }

    /// The radio frame in it; `None` for a message of another kind.
    ///
    /// # Errors
    /// 422 for a frame that names no sensor, or whose payload, session, counter or time cannot be taken.
    pub fn uplink(self, org: OrgId, now: Timestamp) -> Result<Option<Uplink>, ApiError> {
        let Some(frame) = self.uplink_message else { return Ok(None) };
        let eui = self.end_device_ids.and_then(|ids| ids.dev_eui);
        let eui = eui.as_deref().and_then(dev_eui).ok_or_else(no_eui)?;
        let at = frame.received_at.as_deref().or(self.received_at.as_deref());
        let recorded_at = at.map_or(Some(now), instant::parse).ok_or_else(bad_time)?;
        let payload = payload(frame.frm_payload.as_deref().unwrap_or_default())?;
        let session = session(frame.session_key_id.unwrap_or_default())?;
        let f_cnt = frame.f_cnt.unwrap_or(0);
        if f_cnt < 0 {
            return Err(bad_counter());
        }
        let payload_hash = if session.is_empty() { hash(frame.f_port, &payload) } else { [0; 32] };
        Ok(Some(Uplink {
            org,
            dev_eui: eui,
            session,
            f_cnt,
            payload_hash,
            f_port: frame.f_port,
            payload,
            decoded_payload: frame.decoded_payload.and_then(|json| kept(&json)),
            model: frame.version_ids.and_then(Version::model),
            recorded_at,
            received_at: now,
            rssi_dbm: best(frame.rx_metadata.unwrap_or_default()),
            is_decoded: false,
            unit: None,
        }))
    }
}

impl Version {
    /// `vendor/model`, if both are there and can be one.
    fn model(self) -> Option<String> {
        let is_word = |word: &String| {
            (1..=LONGEST_WORD).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic())
        };
        let (brand, model) = (self.brand_id.filter(is_word)?, self.model_id.filter(is_word)?);
        Some(format!("{brand}/{model}"))
    }
}

/// The bytes of a payload, no more than a radio frame can carry.
fn payload(text: &str) -> Result<Vec<u8>, ApiError> {
    let payload = STANDARD.decode(text).ok().filter(|payload| payload.len() <= LONGEST_PAYLOAD);
    payload.ok_or_else(bad_payload)
}

fn session(text: String) -> Result<String, ApiError> {
    let good = text.len() <= LONGEST_SESSION && !text.chars().any(char::is_control);
    good.then_some(text).ok_or_else(bad_session)
}

/// The decoded payload as it is stored; one that is too long to be a frame's is as if it were not there.
fn kept(json: &RawValue) -> Option<String> {
    (json.get().len() <= LONGEST_DECODED).then(|| json.get().to_owned())
}

/// What tells frames of one counter apart where no session does.
fn hash(port: Option<i16>, payload: &[u8]) -> [u8; 32] {
    let mut said = port.unwrap_or(-1).to_be_bytes().to_vec();
    said.extend_from_slice(payload);
    sha256(&said)
}

fn best(receptions: Vec<Reception>) -> Option<i16> {
    let whole = |rssi: f64| {
        crate::decimal::milli(&rssi.to_string()).and_then(|milli| i16::try_from(milli / 1000).ok())
    };
    receptions.into_iter().filter_map(|reception| reception.rssi.and_then(whole)).max()
}

fn no_eui() -> ApiError {
    ApiError::field("/end_device_ids/dev_eui", "bad_dev_eui", "a devEui of 16 hex digits is needed")
}

fn bad_time() -> ApiError {
    ApiError::field(
        "/uplink_message/received_at",
        "bad_instant",
        "received_at must be an RFC 3339 instant with an offset",
    )
}

fn bad_payload() -> ApiError {
    ApiError::field(
        "/uplink_message/frm_payload",
        "bad_payload",
        "frm_payload must be base64 of at most 255 bytes",
    )
}

fn bad_session() -> ApiError {
    ApiError::field(
        "/uplink_message/session_key_id",
        "bad_session",
        "session_key_id must be at most 256 bytes, none a control character",
    )
}

fn bad_counter() -> ApiError {
    ApiError::field("/uplink_message/f_cnt", "bad_f_cnt", "f_cnt must not be negative")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn uplink(name: &str, value: Value) -> Result<Uplink, ApiError> {
        let mut body = json!({
            "end_device_ids": { "dev_eui": "0011223344556677" },
            "uplink_message": { "session_key_id": "AX", "f_cnt": 1, "frm_payload": "AQI=" },
        });
        body["uplink_message"][name] = value;
        let message: Message = serde_json::from_value(body).unwrap();
        message.uplink(OrgId(Uuid::nil()), Timestamp::default()).map(Option::unwrap)
    }

    #[test]
    fn what_no_frame_can_hold_is_refused() {
        let cases = [
            ("session_key_id", json!("a\0b"), "bad_session"),
            ("session_key_id", json!("x".repeat(257)), "bad_session"),
            ("frm_payload", json!(STANDARD.encode([7; 256])), "bad_payload"),
            ("f_cnt", json!(-1), "bad_f_cnt"),
        ];
        for (name, value, code) in cases {
            let ApiError::Invalid(errors) = uplink(name, value).unwrap_err() else { panic!() };
            assert_eq!(errors[0].code, code);
        }
        assert_eq!(
            uplink("frm_payload", json!(STANDARD.encode([7; 255]))).unwrap().payload.len(),
            255
        );
    }

    #[test]
    fn a_decoded_payload_is_kept_up_to_a_length() {
        let kept = |length: usize| uplink("decoded_payload", json!("x".repeat(length - 2)));
        assert!(kept(LONGEST_DECODED).unwrap().decoded_payload.is_some());
        assert!(kept(LONGEST_DECODED + 1).unwrap().decoded_payload.is_none());
    }
}
