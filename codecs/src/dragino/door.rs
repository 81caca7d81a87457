//! LDS01 and LDS02 door sensors.
//!
//! Layout: Dragino's LDS01 and LDS02 user manuals, "Uplink payload", port 10. Two bits of state over 14 of battery, a
//! mode, how often the door was opened, how long in minutes the last time, an alarm bit. Bytes that a shorter frame does
//! not have are zero.

use crate::{Codec, Decoded, Frame, Refusal, bytes::Bytes, field::decimal};

/// The port of the state.
const PORT: u8 = 10;
/// A whole frame.
const LENGTH: usize = 10;
/// The least that holds a state, a mode and a count.
const SHORTEST: usize = 6;

/// A door sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// LDS01.
    Lds01,
    /// LDS02: its whole frames are published with the name of their node type.
    Lds02,
}

impl Codec for Door {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        if frame.port != Some(PORT) {
            return Err(Refusal::UnknownPort);
        }
        let length = frame.bytes.len();
        if !(SHORTEST..=LENGTH).contains(&length) {
            return Err(Refusal::Length);
        }
        let mut padded = [0; LENGTH];
        padded[..length].copy_from_slice(frame.bytes);
        let mut decoded = read(Bytes::of(&padded))?;
        if *self == Self::Lds02 && length == LENGTH {
            decoded.set("Node_type", "LDS02");
        }
        Ok(decoded)
    }
}

fn read(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let mut decoded = Decoded::understood();
    let state = bytes.u16()?;
    let mode = bytes.u8()?;
    let (times, minutes) = (bytes.u24()?, bytes.u24()?);
    let alarm = bytes.u8()? & 1;
    let (is_open, is_wet) = (state & 0x8000 != 0, state & 0x4000 != 0);
    let millivolts = state & 0x3FFF;
    decoded.set("BAT_V", decimal(millivolts, 3));
    decoded.set("MOD", mode);
    decoded.millivolts(i64::from(millivolts));
    if matches!(mode, 1 | 3) {
        decoded.set("DOOR_OPEN_STATUS", u8::from(is_open));
        decoded.set("ALARM", alarm);
        decoded.door_open = Some(is_open);
    }
    if matches!(mode, 2 | 3) {
        decoded.set("WATER_LEAK_STATUS", u8::from(is_wet));
    }
    match mode {
        1 => {
            decoded.set("DOOR_OPEN_TIMES", times);
            decoded.set("LAST_DOOR_OPEN_DURATION", minutes);
        }
        2 => {
            decoded.set("WATER_LEAK_TIMES", times);
            decoded.set("LAST_WATER_LEAK_DURATION", minutes);
        }
        _ => {}
    }
    Ok(decoded)
}
