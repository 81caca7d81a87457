//! ELSYS's sensors, all of one payload.
//!
//! Layout: ELSYS's "Sensor payload" (lora_payload): items of a type byte and a value of the type's length, most
//! significant byte first. Measurements come on port 5 unless configured otherwise, so the port says nothing. An item of
//! an unknown type has an unknown length: what stands before it is kept, what follows cannot be read.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, FieldValue, Frame, Refusal,
    bytes::Bytes,
    decoded::channel,
    field::decimal,
    plausible::{AIR, DS18B20},
};

/// The port on which ELSYS's sensors measure as they are sold.
const PORT: u8 = 5;
/// The item of a sensor's settings.
const SETTINGS: u8 = 0x3E;
/// So many external probes are told apart.
const MOST_PROBES: usize = 8;

/// All of ELSYS's sensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elsys;

impl Codec for Elsys {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let (decoded, is_whole) = read(frame.bytes)?;
        if decoded.fields.is_empty() && !is_whole { Err(Refusal::UnknownKind) } else { Ok(decoded) }
    }

    fn claims(&self, frame: &Frame<'_>) -> bool {
        // temperature and humidity in front, both in their ranges, and items that end with the frame
        let [0x01, high, low, 0x02, humidity, ..] = *frame.bytes else { return false };
        let in_range = (-400..=850).contains(&i16::from_be_bytes([high, low])) && humidity <= 100;
        frame.port == Some(PORT) && in_range && matches!(read(frame.bytes), Ok((_, true)))
    }
}

/// What the items say, and whether all were known.
fn read(payload: &[u8]) -> Result<(Decoded, bool), Refusal> {
    let mut decoded = Decoded::understood();
    let mut bytes = Bytes::of(payload);
    if bytes.is_empty() {
        return Err(Refusal::Length);
    }
    while !bytes.is_empty() {
        let kind = bytes.u8()?;
        if kind == SETTINGS {
            return Ok((decoded, true)); // settings fill the rest of a frame
        }
        if !(measured(&mut decoded, kind, &mut bytes)? || counted(&mut decoded, kind, &mut bytes)?)
        {
            return Ok((decoded, false));
        }
    }
    Ok((decoded, true))
}

/// An item that a reading can be made of; false for another type.
fn measured(decoded: &mut Decoded, kind: u8, bytes: &mut Bytes<'_>) -> Result<bool, Refusal> {
    match kind {
        0x01 => {
            let tenths = i64::from(bytes.i16()?);
            decoded.set("temperature", decimal(tenths, 1));
            decoded.temperature(Channel::TEMPERATURE, tenths * 100, AIR);
        }
        0x02 => {
            let percent = bytes.u8()?;
            decoded.set("humidity", percent);
            decoded.humid(i64::from(percent) * 1000);
        }
        0x07 => {
            let millivolts = bytes.u16()?;
            decoded.set("vdd", millivolts);
            decoded.millivolts(i64::from(millivolts));
        }
        0x0C => {
            let tenths = i64::from(bytes.i16()?);
            decoded.set("externalTemperature", decimal(tenths, 1));
            decoded.temperature(channel("probe1"), tenths * 100, DS18B20);
        }
        0x19 => further_probe(decoded, i64::from(bytes.i16()?)),
        _ => return Ok(false),
    }
    Ok(true)
}

/// The second external probe; the item is repeated for a third and further ones.
fn further_probe(decoded: &mut Decoded, tenths: i64) {
    let mut all = match decoded.fields.get("externalTemperature2") {
        None => Vec::new(),
        Some(FieldValue::List(before)) => before.clone(),
        Some(one) => vec![one.clone()],
    };
    all.push(decimal(tenths, 1));
    let number = all.len() + 1;
    if number <= MOST_PROBES {
        decoded.temperature(channel(&format!("probe{number}")), tenths * 100, DS18B20);
    }
    match <[FieldValue; 1]>::try_from(all) {
        Ok([one]) => decoded.set("externalTemperature2", one),
        Err(all) => decoded.set("externalTemperature2", all),
    }
}

/// An item that is told and not judged; false for an unknown type.
fn counted(decoded: &mut Decoded, kind: u8, bytes: &mut Bytes<'_>) -> Result<bool, Refusal> {
    let mut set = |name: &'static str, value: FieldValue| decoded.set(name, value);
    match kind {
        0x03 => {
            for name in ["x", "y", "z"] {
                set(name, bytes.i8()?.into());
            }
        }
        0x04 => set("light", bytes.u16()?.into()),
        0x05 => set("motion", bytes.u8()?.into()),
        0x06 => set("co2", bytes.u16()?.into()),
        0x08 => set("analog1", bytes.u16()?.into()),
        0x09 => {
            for name in ["lat", "long"] {
                let [low, middle, high] = bytes.array()?;
                let shifted = i32::from_be_bytes([high, middle, low, 0]);
                set(name, decimal(shifted >> 8, 4));
            }
        }
        0x0A => set("pulse1", bytes.u16()?.into()),
        0x0B => set("pulseAbs", bytes.u32()?.into()),
        0x0D => set("digital", bytes.u8()?.into()),
        0x0E => set("distance", bytes.u16()?.into()),
        0x0F => set("accMotion", bytes.u8()?.into()),
        0x10 => {
            set("irInternalTemperature", decimal(bytes.i16()?, 1));
            set("irExternalTemperature", decimal(bytes.i16()?, 1));
        }
        0x11 => set("occupancy", bytes.u8()?.into()),
        0x12 => set("waterleak", bytes.u8()?.into()),
        0x13 => bytes.skip(65)?, // 64 infrared pixels
        0x14 => set("pressure", decimal(bytes.i32()?, 3)),
        0x15 => {
            set("soundPeak", bytes.u8()?.into());
            set("soundAvg", bytes.u8()?.into());
        }
        0x16 => set("pulse2", bytes.u16()?.into()),
        0x17 => set("pulseAbs2", bytes.u32()?.into()),
        0x18 => set("analog2", bytes.u16()?.into()),
        0x1A => set("digital2", bytes.u8()?.into()),
        0x1B => set("analogUv", bytes.i32()?.into()),
        0x1C => set("tvoc", bytes.u16()?.into()),
        0x3D => bytes.skip(4)?, // the vendor's own
        _ => return Ok(false),
    }
    Ok(true)
}
