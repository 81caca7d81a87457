//! Browan's Tabs and MerryIoT sensors.
//!
//! Layouts: reference manuals of TBDW100 (port 100), TBHH100 (port 103) and MerryIoT DW10 (port 120). Temperatures of
//! the Tabs are seven bits of whole degrees above −32 °C; a humidity of 127 is a measurement that failed.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, Frame, Refusal, bytes::Bytes, decoded::channel, field::decimal, plausible::AIR,
};

/// A model of Browan's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browan {
    /// Tabs door and window sensor.
    Tbdw100,
    /// Tabs temperature and humidity, fields named as in The Things Network's repository.
    Tbhh100,
    /// The same, fields named as in ChirpStack's.
    TabsTbhh100,
    /// MerryIoT open and close sensor.
    MerryIotDw10,
}

impl Codec for Browan {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let (port, length) = match self {
            Self::Tbdw100 => (100, 8),
            Self::Tbhh100 | Self::TabsTbhh100 => (103, 8),
            Self::MerryIotDw10 => (120, 9),
        };
        if frame.port != Some(port) {
            return Err(Refusal::UnknownPort);
        }
        let bytes = Bytes::exactly(frame.bytes, length)?;
        match self {
            Self::Tbdw100 => door(bytes),
            Self::Tbhh100 => climate(bytes),
            Self::TabsTbhh100 => healthy_home(bytes),
            Self::MerryIotDw10 => merry_door(bytes),
        }
    }

    fn claims(&self, frame: &Frame<'_>) -> bool {
        // all of a Tabs TBHH100 without gas sensors: no other published sensor ends so on this port
        *self == Self::Tbhh100
            && frame.port == Some(103)
            && frame.bytes.len() == 8
            && frame.bytes.ends_with(&[0xFF; 4])
            && frame.bytes[3] & 0x7F <= 100
    }
}

/// Tenths of a volt above an offset, in the low four bits.
fn tenths_of_volt(byte: u8, offset: u8) -> i64 {
    i64::from(offset + (byte & 0x0F))
}

fn whole_degrees(byte: u8) -> i64 {
    i64::from(byte & 0x7F) - 32
}

fn door(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let mut decoded = Decoded::understood();
    let (status, battery) = (bytes.u8()? & 1, tenths_of_volt(bytes.u8()?, 25));
    let board = whole_degrees(bytes.u8()?);
    decoded.set("status", status);
    decoded.set("battery", decimal(battery, 1));
    decoded.set("temperatureBoard", board);
    decoded.set("time", bytes.u16_le()?);
    decoded.set("count", bytes.u24_le()?);
    decoded.temperature(channel("board"), board * 1000, AIR);
    decoded.millivolts(battery * 100);
    decoded.door_open = Some(status == 1);
    Ok(decoded)
}

/// What both names of the TBHH100 have in common: tenths of a volt, degrees, percent.
fn taken(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(i64, i64, i64), Refusal> {
    let battery = tenths_of_volt(bytes.u8()?, 25);
    let temperature = whole_degrees(bytes.u8()?);
    let humidity = i64::from(bytes.u8()? & 0x7F);
    decoded.temperature(Channel::TEMPERATURE, temperature * 1000, AIR);
    decoded.humid(humidity * 1000);
    decoded.millivolts(battery * 100);
    Ok((battery, temperature, humidity))
}

fn climate(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let mut decoded = Decoded::understood();
    let status = (bytes.u8()? & 0x08) >> 3;
    let (battery, temperature, humidity) = taken(&mut decoded, &mut bytes)?;
    decoded.set("status", status);
    decoded.set("temperature", temperature);
    decoded.set("humidity", humidity);
    decoded.set("battery", decimal(battery, 1));
    Ok(decoded)
}

fn healthy_home(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let mut decoded = Decoded::understood();
    let kind = bytes.u8()? >> 4;
    let (battery, temperature, humidity) = taken(&mut decoded, &mut bytes)?;
    let absent_as_none = |gas: u16| if gas == u16::MAX { 0 } else { gas };
    decoded.set("fPort", 103_u8);
    decoded.set("battery_volt", decimal(battery, 1));
    decoded.set("temperature", temperature);
    decoded.set("humidity", humidity);
    decoded.set("thh_type", kind);
    decoded.set("CO2", absent_as_none(bytes.u16_le()?));
    decoded.set("VOC", absent_as_none(bytes.u16_le()?));
    Ok(decoded)
}

fn merry_door(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let mut decoded = Decoded::understood();
    let (status, battery) = (bytes.u8()?, tenths_of_volt(bytes.u8()?, 21));
    let (temperature, humidity) = (i64::from(bytes.i8()?), i64::from(bytes.u8()? & 0x7F));
    decoded.set("battery_volt", decimal(battery, 1));
    decoded.set("temperature", temperature);
    decoded.set("humi", humidity);
    for (bit, name) in ["open", "button", "tamper", "tilt"].into_iter().enumerate() {
        decoded.set(name, status >> bit & 1);
    }
    decoded.set("time", bytes.u16_le()?);
    decoded.set("count", bytes.u24_le()?);
    decoded.temperature(Channel::TEMPERATURE, temperature * 1000, AIR);
    decoded.humid(humidity * 1000);
    decoded.millivolts(battery * 100);
    decoded.door_open = Some(status & 1 == 1);
    Ok(decoded)
}
