//! Records of radio: frames, connections and sensors that nobody has claimed.

use hub_domain::{OrgId, Timestamp, UnitId};
use uuid::Uuid;

use crate::records::{Edition, PreviousSecret};

/// A radio frame. Identified by (org, `dev_eui`, `session`, `f_cnt`), or without a session by (org, `dev_eui`,
/// `f_cnt`, `payload_hash`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// Its tenant.
    pub org: OrgId,
    /// The sensor's radio identity.
    pub dev_eui: String,
    /// The session key id, or `""`.
    pub session: String,
    /// The frame counter; absent on the air means 0.
    pub f_cnt: i64,
    /// SHA-256 of port and payload; zeros where a session identifies the frame.
    pub payload_hash: [u8; 32],
    /// The port, if any.
    pub f_port: Option<i16>,
    /// The raw payload.
    pub payload: Vec<u8>,
    /// The network's own decoding, as JSON text.
    pub decoded_payload: Option<String>,
    /// The sensor's model as the network knows it, `vendor/model`.
    pub model: Option<String>,
    /// When the network received it: the time of its readings.
    pub recorded_at: Timestamp,
    /// When the hub received it.
    pub received_at: Timestamp,
    /// Best RSSI over the gateways.
    pub rssi_dbm: Option<i16>,
    /// True if readings (or nothing to be read) were made of it; false: kept raw, undecoded.
    pub is_decoded: bool,
    /// The unit it was for, if the device was assigned.
    pub unit: Option<UnitId>,
}

/// A sensor that was heard and belongs to no device yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnclaimedDevice {
    /// Its tenant (of the connection that heard it).
    pub org: OrgId,
    /// Its radio identity.
    pub dev_eui: String,
    /// First heard.
    pub first_seen_at: Timestamp,
    /// Last heard.
    pub last_seen_at: Timestamp,
    /// Distinct frames.
    pub frames: i64,
}

/// What became of a radio frame that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptUplink {
    /// The frame as stored: the first copy, with the best RSSI of all.
    pub uplink: Uplink,
    /// True if it was not there before.
    pub is_new: bool,
    /// True if it was settled before: whatever could be made of it was made.
    pub is_settled: bool,
}

/// A kept frame of which whatever could be made was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its row's id.
    pub id: Uuid,
    /// The unit that its sensor measured then.
    pub unit: Option<UnitId>,
    /// Whether it could be read.
    pub is_decoded: bool,
}

/// A webhook connection of The Things Stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtnConnection {
    /// Its id, part of its path.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// What it is called.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// The secret before, while it is still taken.
    pub previous: Option<PreviousSecret>,
    /// Since when.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}
