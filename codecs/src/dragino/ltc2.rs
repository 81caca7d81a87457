//! LTC2 temperature transmitter: two PT100, thermocouples or resistors.
//!
//! Layout: Dragino's LTC2 user manual, "Sensor data", port 2: battery, flags and kind of probe, two values, Unix time of
//! the measurement. A frame with the poll flag is out of the memory and of a layout that is not published.

use crate::{
    Codec, Decoded, Frame, Refusal,
    bytes::Bytes,
    decoded::{channel, unix},
    field::decimal,
    plausible::PROBE,
};

/// The port of measurements.
const PORT: u8 = 2;
/// The flag of a frame out of the memory.
const POLLED: u8 = 0x40;

/// The LTC2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ltc2;

impl Codec for Ltc2 {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        if frame.port != Some(PORT) {
            return Err(Refusal::UnknownPort);
        }
        let mut bytes = Bytes::exactly(frame.bytes, 11)?;
        let mut decoded = Decoded::understood();
        let millivolts = bytes.u16()? & 0x3FFF;
        let flags = bytes.u8()?;
        if flags & POLLED != 0 {
            return Err(Refusal::UnknownKind);
        }
        let kind = flags & 0x0F;
        decoded.set("Ext", kind);
        decoded.set("BatV", decimal(millivolts, 3));
        decoded.millivolts(i64::from(millivolts));
        let values = [bytes.i16()?, bytes.i16()?];
        let secs = bytes.u32()?;
        match kind {
            1 => temperatures(&mut decoded, values, 2, secs),
            2 => temperatures(&mut decoded, values, 1, secs),
            3 => {
                let [first, second] = values.map(i16::cast_unsigned);
                decoded.set("Res_Channel1", decimal(first, 2));
                decoded.set("Res_Channel2", decimal(second, 2));
            }
            _ => {}
        }
        decoded.set("Systimestamp", secs);
        Ok(decoded)
    }
}

fn temperatures(decoded: &mut Decoded, [first, second]: [i16; 2], places: u8, secs: u32) {
    let mut take = |field, name, raw: i16| {
        let milli = i64::from(raw) * if places == 2 { 10 } else { 100 };
        decoded.set(field, decimal(raw, places));
        decoded.temperature_at(channel(name), milli, PROBE, unix(secs), None);
    };
    take("Temp_Channel1", "probe1", first);
    take("Temp_Channel2", "probe2", second);
}
