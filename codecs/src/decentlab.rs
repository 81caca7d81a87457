//! Decentlab's sensors.
//!
//! Layout: Decentlab's LoRaWAN payload description, protocol version 2. Version, device id, a mask of the groups that
//! follow, then each group as unsigned 16-bit numbers: the probe's, and the battery's millivolts. The port says nothing.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, Fields, Frame, Refusal,
    bytes::Bytes,
    decoded::channel,
    field::{FieldValue, decimal, divided},
    plausible::{AIR, DS18B20},
};

/// A model of Decentlab's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decentlab {
    /// One DS18B20 at a cable.
    Ds18,
    /// One SHT35 for temperature and humidity of the air.
    Sht35,
}

/// The protocol that is read.
const VERSION: u8 = 2;
/// Places of a quotient by 65,535.
const PLACES: u8 = 12;

impl Codec for Decentlab {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let mut bytes = Bytes::of(frame.bytes);
        let mut decoded = Decoded::understood();
        let version = bytes.u8()?;
        let device = bytes.u16()?;
        let groups = bytes.u16()?;
        if version != VERSION || groups > 0b11 {
            return Err(Refusal::UnknownKind);
        }
        decoded.set("protocol_version", version);
        decoded.set("device_id", device);
        if groups & 0b01 != 0 {
            match self {
                Self::Ds18 => probe(&mut decoded, &mut bytes)?,
                Self::Sht35 => air(&mut decoded, &mut bytes)?,
            }
        }
        if groups & 0b10 != 0 {
            let millivolts = bytes.u16()?;
            decoded.set("battery_voltage", named("Battery voltage", "V", decimal(millivolts, 3)));
            decoded.millivolts(i64::from(millivolts));
        }
        bytes.end()?;
        Ok(decoded)
    }
}

fn named(name: &'static str, unit: &'static str, value: FieldValue) -> Fields {
    Fields::default().with("displayName", name).with("unit", unit).with("value", value)
}

/// Sixteenths of a degree above −2,048 °C.
fn probe(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let sixteenths = i64::from(bytes.u16()?) - 32_768;
    let value = decimal(sixteenths * 625, 4);
    decoded.set("temperature", named("Temperature", "°C", value));
    decoded.temperature(channel("probe1"), divided(i128::from(sixteenths) * 1000, 16), DS18B20);
    Ok(())
}

/// The SHT35's own words: 65,535 is 130 °C, and 100 %.
fn air(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let (temperature, humidity) = (i128::from(bytes.u16()?), i128::from(bytes.u16()?));
    let degrees = |scale: i128| divided((175 * temperature - 45 * 65_535) * scale, 65_535);
    let percent = |scale: i128| divided(100 * humidity * scale, 65_535);
    let scale = 10_i128.pow(u32::from(PLACES));
    let value = |units| decimal(units, PLACES);
    decoded.set("air_temperature", named("Air temperature", "°C", value(degrees(scale))));
    decoded.set("air_humidity", named("Air humidity", "%", value(percent(scale))));
    decoded.temperature(Channel::TEMPERATURE, degrees(1000), AIR);
    decoded.humid(percent(1000));
    Ok(())
}
