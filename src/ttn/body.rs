//! Bodies of The Things Stack: what the hub reads of them, forgiving all else.
//!
//! Empty values are left out of the network's JSON altogether, so the first frame of a session has no `f_cnt`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_domain::{OrgId, Timestamp};
use hub_store::records::Uplink;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    auth::sha256,
    http::{devices::dev_eui, error::ApiError, instant},
};

/// One message of the network.
#[derive(Debug, Deserialize)]
pub struct Message {
    end_device_ids: Option<EndDevice>,
    received_at: Option<String>,
    uplink_message: Option<UplinkMessage>,
}

#[derive(Debug, Deserialize)]
struct EndDevice {
    dev_eui: Option<String>,
}

#[derive(Debug, Deserialize)]
struct UplinkMessage {
    session_key_id: Option<String>,
    f_port: Option<i16>,
    f_cnt: Option<i64>,
    frm_payload: Option<String>,
    decoded_payload: Option<Box<RawValue>>,
    rx_metadata: Option<Vec<Reception>>,
    received_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reception {
    rssi: Option<f64>,
}

impl Message {
    /// The radio frame in it; `None` for a message of another kind.
    ///
    /// # Errors
    /// 422 for a frame that names no sensor, or whose payload or time cannot be read.
    pub fn uplink(self, org: OrgId, now: Timestamp) -> Result<Option<Uplink>, ApiError> {
        let Some(frame) = self.uplink_message else { return Ok(None) };
        let eui = self.end_device_ids.and_then(|ids| ids.dev_eui);
        let eui = eui.as_deref().and_then(dev_eui).ok_or_else(no_eui)?;
        let at = frame.received_at.as_deref().or(self.received_at.as_deref());
        let recorded_at = at.map_or(Some(now), instant::parse).ok_or_else(bad_time)?;
        let payload = STANDARD
            .decode(frame.frm_payload.as_deref().unwrap_or_default())
            .map_err(|_| bad_payload())?;
        let session = frame.session_key_id.unwrap_or_default();
        if session.len() > 256 {
            return Err(ApiError::field(
                "/uplink_message/session_key_id",
                "too_long",
                "the session key id is too long",
            ));
        }
        let payload_hash = if session.is_empty() { hash(frame.f_port, &payload) } else { [0; 32] };
        Ok(Some(Uplink {
            org,
            dev_eui: eui,
            session,
            f_cnt: frame.f_cnt.unwrap_or(0),
            payload_hash,
            f_port: frame.f_port,
            payload,
            decoded_payload: frame.decoded_payload.map(|json| json.get().to_owned()),
            recorded_at,
            received_at: now,
            rssi_dbm: best(frame.rx_metadata.unwrap_or_default()),
            is_decoded: false,
            unit: None,
        }))
    }
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
    ApiError::field("/uplink_message/frm_payload", "bad_payload", "frm_payload must be base64")
}
