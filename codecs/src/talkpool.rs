//! Talkpool's OY1100 and OY1110.
//!
//! Layout: Talkpool's OY1100 and OY1110 user manuals. Three bytes for each sample: eight bits of temperature, eight of
//! humidity, then four more of each, in tenths. The OY1110 counts from −80 °C and from −25 %. A frame can have several
//! samples; only the first is of a known time.

use hub_domain::Channel;

use crate::{Codec, Decoded, Frame, Refusal, bytes::Bytes, field::decimal, plausible::AIR};

/// A model of Talkpool's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Talkpool {
    /// Samples on any port.
    Oy1100,
    /// One sample on port 2; on port 3 several behind a byte of their interval.
    Oy1110,
}

impl Codec for Talkpool {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let (samples, temperature_offset, humidity_offset) = match (self, frame.port) {
            (Self::Oy1100, _) => (frame.bytes, 0, 0),
            (Self::Oy1110, Some(2)) => (frame.bytes, 800, 250),
            (Self::Oy1110, Some(3)) => (frame.bytes.get(1..).ok_or(Refusal::Length)?, 800, 250),
            (Self::Oy1110, _) => return Err(Refusal::UnknownPort),
        };
        if !samples.len().is_multiple_of(3) {
            return Err(Refusal::Length);
        }
        let [high_temperature, high_humidity, low] = Bytes::of(samples).array()?;
        let twelve_bits = |high: u8, low: u8| i64::from(high) << 4 | i64::from(low);
        let temperature = twelve_bits(high_temperature, low >> 4) - temperature_offset;
        let humidity = twelve_bits(high_humidity, low & 0x0F) - humidity_offset;
        let mut decoded = Decoded::understood();
        decoded.set("Temperature", decimal(temperature, 1));
        decoded.set("RelativeHumidity", decimal(humidity, 1));
        decoded.temperature(Channel::TEMPERATURE, temperature * 100, AIR);
        decoded.humid(humidity * 100);
        Ok(decoded)
    }
}
