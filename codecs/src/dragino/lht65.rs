//! LHT65 and LHT65N: temperature and humidity, and a probe or another sensor at a cable.
//!
//! Layout: Dragino's LHT65 and LHT65N user manuals, "Uplink payload" and "Datalog uplink payload", ports 2 and 3. Eleven
//! bytes: battery, built-in temperature and humidity, flags and kind of external sensor, its value. With the poll flag
//! each eleven bytes are a record out of the memory with its own Unix time; eleven zeros say that there is none.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, FieldValue, Fields, Frame, Refusal,
    bytes::Bytes,
    decoded::{channel, unix},
    field::decimal,
    plausible::{self, AIR, DS18B20, TMP117},
};

/// The length of a frame, and of a record.
const LENGTH: usize = 11;
/// The flag of a frame out of the memory.
const POLLED: u8 = 0x40;
/// The flag of an external sensor that is not connected.
const NOT_CONNECTED: u8 = 0x80;

/// The LHT65 and its successor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lht65;

impl Codec for Lht65 {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let flags = *frame.bytes.get(6).ok_or(Refusal::Length)?;
        let is_polled = flags & POLLED != 0;
        match frame.port {
            Some(2) => {}
            Some(3) if is_polled => {}
            _ => return Err(Refusal::UnknownPort),
        }
        if is_polled { memory(frame.bytes) } else { Words::of(frame.bytes)?.read(frame.bytes) }
    }
}

/// A frame's parts.
struct Words {
    first: u16,
    temperature: i16,
    humidity: u16,
    flags: u8,
    external: [u8; 4],
}

impl Words {
    fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut bytes = Bytes::exactly(bytes, LENGTH)?;
        Ok(Self {
            first: bytes.u16()?,
            temperature: bytes.i16()?,
            humidity: bytes.u16()?,
            flags: bytes.u8()?,
            external: bytes.array()?,
        })
    }

    const fn kind(&self) -> u8 {
        self.flags & 0x0F
    }

    /// The external sensor's value.
    const fn value(&self) -> u16 {
        u16::from_be_bytes([self.external[0], self.external[1]])
    }

    const fn tenths_of_percent(&self) -> u16 {
        self.humidity & 0x0FFF
    }

    fn read(&self, bytes: &[u8]) -> Result<Decoded, Refusal> {
        let mut decoded = Decoded::understood();
        self.battery(&mut decoded);
        if self.kind() != 0x0F {
            self.built_in(&mut decoded);
        }
        if self.flags & NOT_CONNECTED != 0 {
            decoded.set("No_connect", "Sensor no connection");
        }
        self.external(&mut decoded);
        if bytes.iter().all(|byte| *byte == 0) {
            // nothing in the memory for the time that was asked: 0 °C was not measured
            decoded = Decoded { fields: decoded.fields, ..Decoded::understood() };
        }
        Ok(decoded)
    }

    fn battery(&self, decoded: &mut Decoded) {
        if self.kind() == 9 {
            decoded.set("Bat_status", self.humidity >> 14);
        } else {
            let millivolts = self.first & 0x3FFF;
            decoded.set("BatV", decimal(millivolts, 3));
            decoded.set("Bat_status", self.first >> 14);
            decoded.millivolts(i64::from(millivolts));
        }
    }

    fn built_in(&self, decoded: &mut Decoded) {
        let tenths = self.tenths_of_percent();
        decoded.set("TempC_SHT", decimal(self.temperature, 2));
        decoded.set("Hum_SHT", decimal(tenths, 1));
        let at = self.time().and_then(unix);
        let milli = i64::from(self.temperature) * 10;
        decoded.temperature_at(Channel::TEMPERATURE, milli, AIR, at, None);
        decoded.humid(i64::from(tenths) * 100);
    }

    /// When it was measured, for the kind that says.
    fn time(&self) -> Option<u32> {
        (self.kind() == 9).then(|| u32::from_be_bytes(self.external))
    }

    /// The temperature of an external probe in hundredths, and its kind.
    fn probe(&self, hundredths: u16) -> Option<(i64, plausible::Span)> {
        let milli = i64::from(hundredths.cast_signed()) * 10;
        let is_there = self.flags & NOT_CONNECTED == 0;
        let span = if self.kind() == 2 { TMP117 } else { DS18B20 };
        is_there.then_some((milli, span))
    }

    fn take_probe(&self, decoded: &mut Decoded, name: &'static str, hundredths: u16) {
        decoded.set(name, decimal(hundredths.cast_signed(), 2));
        if let Some((milli, span)) = self.probe(hundredths) {
            let at = self.time().and_then(unix);
            decoded.temperature_at(channel("probe1"), milli, span, at, None);
        }
    }

    fn external(&self, decoded: &mut Decoded) {
        let value = self.value();
        match self.kind() {
            0 => decoded.set("Ext_sensor", "No external sensor"),
            1 => {
                decoded.set("Ext_sensor", "Temperature Sensor");
                self.take_probe(decoded, "TempC_DS", value);
            }
            2 => {
                decoded.set("Ext_sensor", "Temperature Sensor");
                self.take_probe(decoded, "TempC_TMP117", value);
            }
            9 => {
                decoded.set("Work_mode", "DS18B20 & timestamp");
                self.take_probe(decoded, "TempC_DS", self.first);
                decoded.set("Systimestamp", u32::from_be_bytes(self.external));
            }
            _ => self.other(decoded, value),
        }
    }

    /// External sensors that measure no temperature.
    fn other(&self, decoded: &mut Decoded, value: u16) {
        match self.kind() {
            4 => {
                decoded.set("Work_mode", "Interrupt Sensor send");
                decoded.set("Exti_pin_level", if self.external[0] == 0 { "Low" } else { "High" });
                decoded.set("Exti_status", if self.external[1] == 0 { "False" } else { "True" });
            }
            5 => {
                decoded.set("Work_mode", "Illumination Sensor");
                decoded.set("ILL_lx", value);
            }
            6 => {
                decoded.set("Work_mode", "ADC Sensor");
                decoded.set("ADC_V", decimal(value, 3));
            }
            7 => {
                decoded.set("Work_mode", "Interrupt Sensor count");
                decoded.set("Exit_count", value);
            }
            8 => {
                decoded.set("Work_mode", "Interrupt Sensor count");
                decoded.set("Exit_count", u32::from_be_bytes(self.external));
            }
            15 => decoded.set("Work_mode", "DS18B20ID"),
            _ => {}
        }
    }
}

/// Records out of the memory. Those of a clock that was not set are of no known time, and left out.
fn memory(bytes: &[u8]) -> Result<Decoded, Refusal> {
    let mut decoded = Decoded::understood();
    let mut records: Vec<FieldValue> = Vec::new();
    if !bytes.len().is_multiple_of(LENGTH) {
        return Err(Refusal::Length);
    }
    for record in bytes.chunks_exact(LENGTH) {
        let words = Words::of(record)?;
        let secs = u32::from_be_bytes(words.external);
        let fields = Fields::default()
            .with("external", decimal(words.first.cast_signed(), 2))
            .with("TempC_SHT", decimal(words.temperature, 2))
            .with("Hum_SHT", decimal(words.tenths_of_percent(), 1))
            .with("Systimestamp", secs);
        records.push(fields.into());
        if let Some(at) = unix(secs) {
            remember(&mut decoded, &words, at);
        }
    }
    decoded.set("DATALOG", records);
    Ok(decoded)
}

fn remember(decoded: &mut Decoded, words: &Words, at: hub_domain::Timestamp) {
    let humidity = plausible::humidity(i64::from(words.tenths_of_percent()) * 100);
    let milli = i64::from(words.temperature) * 10;
    decoded.temperature_at(Channel::TEMPERATURE, milli, AIR, Some(at), humidity);
    let is_probe = matches!(words.kind(), 1 | 2 | 9);
    if let Some((milli, span)) = words.probe(words.first).filter(|_| is_probe) {
        decoded.temperature_at(channel("probe1"), milli, span, Some(at), None);
    }
}
