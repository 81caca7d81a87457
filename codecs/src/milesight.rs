//! Milesight's AM100, EM300 and EM500 sensors.
//!
//! Layout: Milesight's user guides, "Uplink packet". Items of a channel byte, a type byte and a value, least significant
//! byte first, on port 85 unless configured otherwise. Channel 0x20 is the sensor's memory: each record has its own Unix
//! time. Channel 0xFF is about the sensor itself and comes when it joins.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, FieldValue, Fields, Frame, Refusal,
    bytes::Bytes,
    decoded::unix,
    field::decimal,
    plausible::{self, AIR, PROBE, Span},
};

/// The port on which Milesight's sensors send as they are sold.
const PORT: u8 = 85;
/// Channel and type of a record out of the sensor's memory.
const HISTORY: [u8; 2] = [0x20, 0xCE];
/// Channel and type of the answer to a setting, in seconds.
const REPORT_INTERVAL: [u8; 2] = [0xFF, 0x03];

/// A family of Milesight's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Milesight {
    /// Air around the sensor, with or without humidity, water and a magnet.
    Air,
    /// A PT100 at a cable.
    Pt100,
}

/// How long a record is after its time: temperature, humidity and a status, or fewer of them.
#[derive(Clone, Copy)]
enum Record {
    Status,
    Humidity,
    Temperature,
}

impl Codec for Milesight {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        // records of two lengths are about: theirs is the one with which the frame ends where it ends
        let records: &[Record] = match self {
            Self::Air => &[Record::Status, Record::Humidity],
            Self::Pt100 => &[Record::Temperature],
        };
        let mut refusal = Refusal::Length;
        for record in records {
            match self.read(frame.bytes, *record) {
                Ok(decoded) => return Ok(decoded),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    fn claims(&self, frame: &Frame<'_>) -> bool {
        let is_air = matches!(self, Self::Air) && frame.port == Some(PORT);
        is_air
            && self.read(frame.bytes, Record::Status).is_ok_and(|decoded| {
                decoded.fields.get("temperature").is_some()
                    && decoded.fields.get("history").is_none()
            })
    }
}

impl Milesight {
    const fn span(self) -> Span {
        match self {
            Self::Air => AIR,
            Self::Pt100 => PROBE,
        }
    }

    fn read(self, payload: &[u8], record: Record) -> Result<Decoded, Refusal> {
        let mut decoded = Decoded::understood();
        let mut history = Vec::new();
        let mut bytes = Bytes::of(payload);
        if bytes.is_empty() {
            return Err(Refusal::Length);
        }
        while !bytes.is_empty() {
            let item: [u8; 2] = bytes.array()?;
            if item == HISTORY {
                history.push(self.record(&mut decoded, &mut bytes, record)?);
            } else if item == REPORT_INTERVAL {
                decoded.set("report_interval", bytes.u16_le()?);
            } else if item[0] == 0xFF {
                bytes.skip(about_itself(item[1])?)?;
            } else {
                self.item(&mut decoded, item, &mut bytes)?;
            }
        }
        if !history.is_empty() {
            decoded.set("history", history);
        }
        Ok(decoded)
    }

    fn item(
        self,
        decoded: &mut Decoded,
        item: [u8; 2],
        bytes: &mut Bytes<'_>,
    ) -> Result<(), Refusal> {
        match item {
            [0x01, 0x75] => {
                let percent = bytes.u8()?;
                decoded.set("battery", percent);
                decoded.charge(percent);
            }
            [0x03, 0x67] => self.temperature(decoded, bytes)?,
            [0x83, 0x67] => {
                self.temperature(decoded, bytes)?; // with it whether it crossed the sensor's own threshold
                decoded.set("temperature_alarm", bytes.u8()?);
            }
            [0x04, 0x68] => {
                let halves = i64::from(bytes.u8()?);
                decoded.set("humidity", decimal(halves * 5, 1));
                decoded.humid(halves * 500);
            }
            [0x05, 0x00] => decoded.set("leakage_status", leakage(bytes.u8()?)),
            [0x06, 0x00] => {
                let is_open = bytes.u8()? != 0;
                decoded.set("magnet_status", if is_open { "open" } else { "close" });
                decoded.door_open = Some(is_open);
            }
            _ => around(decoded, item, bytes)?,
        }
        Ok(())
    }

    fn temperature(self, decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        let tenths = i64::from(bytes.i16_le()?);
        decoded.set("temperature", decimal(tenths, 1));
        decoded.temperature(Channel::TEMPERATURE, tenths * 100, self.span());
        Ok(())
    }

    fn record(
        self,
        decoded: &mut Decoded,
        bytes: &mut Bytes<'_>,
        record: Record,
    ) -> Result<FieldValue, Refusal> {
        let secs = bytes.u32_le()?;
        let tenths = i64::from(bytes.i16_le()?);
        let mut fields = Fields::default();
        fields.set("timestamp", secs);
        fields.set("temperature", decimal(tenths, 1));
        let mut humidity = None;
        if !matches!(record, Record::Temperature) {
            let halves = i64::from(bytes.u8()?);
            fields.set("humidity", decimal(halves * 5, 1));
            humidity = plausible::humidity(halves * 500);
        }
        if matches!(record, Record::Status) {
            fields.set("leakage_status", leakage(bytes.u8()?));
        }
        if let Some(at) = unix(secs) {
            decoded.temperature_at(
                Channel::TEMPERATURE,
                tenths * 100,
                self.span(),
                Some(at),
                humidity,
            );
        }
        Ok(fields.into())
    }
}

fn leakage(byte: u8) -> &'static str {
    if byte == 0 { "normal" } else { "leak" }
}

/// What AM100 sensors tell of a room, which no rule of ours judges.
fn around(decoded: &mut Decoded, item: [u8; 2], bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    match item {
        [0x05, 0x6A] => decoded.set("activity", bytes.u16_le()?),
        [0x06, 0x65] => {
            for name in ["illumination", "infrared_and_visible", "infrared"] {
                decoded.set(name, bytes.u16_le()?);
            }
        }
        [0x07, 0x7D] => decoded.set("co2", bytes.u16_le()?),
        [0x08, 0x7D] => decoded.set("tvoc", bytes.u16_le()?),
        [0x09, 0x73] => decoded.set("pressure", decimal(bytes.u16_le()?, 1)),
        _ => return Err(Refusal::UnknownKind),
    }
    Ok(())
}

/// How long an item about the sensor itself is: versions, class, serial number, reset.
fn about_itself(kind: u8) -> Result<usize, Refusal> {
    match kind {
        0x01 | 0x0B | 0x0F | 0xFE => Ok(1),
        0x09 | 0x0A | 0xFF => Ok(2),
        0x16 => Ok(8),
        _ => Err(Refusal::UnknownKind),
    }
}
