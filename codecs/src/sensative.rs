//! Sensative's Strips.
//!
//! Layout: Sensative's "LoRa Strips payload formats". On port 1 the number of the last record in the sensor's memory,
//! then items of a type byte and a value, most significant byte first; the type's high bit says that the item is in the
//! memory too. On port 2 the memory itself: each item is preceded by how many seconds ago it was.

use hub_domain::{Channel, Timestamp};

use crate::{
    Codec, Decoded, Fields, Frame, Refusal,
    bytes::Bytes,
    field::decimal,
    plausible::{self, AIR},
};

/// The bit of a type that says that the item is in the memory too.
const REMEMBERED: u8 = 0x80;

/// All Strips.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strips;

/// What items measured: tenths of a degree, thousandths of a percent.
#[derive(Default)]
struct Items {
    fields: Fields,
    tenths: Option<i64>,
    average_tenths: Option<i64>,
    humidity: Option<i64>,
    battery: Option<u8>,
}

impl Codec for Strips {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let bytes = Bytes::of(frame.bytes);
        match frame.port {
            Some(1) => report(bytes),
            Some(2) => history(bytes, frame.received_at),
            _ => Err(Refusal::UnknownPort),
        }
    }
}

fn report(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let last = i64::from(bytes.u16()?);
    let (mut items, mut before) = (Items::default(), last);
    while !bytes.is_empty() {
        let kind = bytes.u8()?;
        before -= i64::from(kind & REMEMBERED != 0);
        items.read(kind & !REMEMBERED, &mut bytes)?;
    }
    items.fields.set("historySeqNr", last);
    items.fields.set("prevHistSeqNr", before);
    let mut decoded = Decoded::understood();
    if let Some(tenths) = items.tenths.or(items.average_tenths) {
        decoded.temperature(Channel::TEMPERATURE, tenths * 100, AIR);
    }
    decoded.humidity = items.humidity.and_then(plausible::humidity);
    if let Some(percent) = items.battery {
        decoded.charge(percent);
    }
    decoded.fields = items.fields;
    Ok(decoded)
}

fn history(mut bytes: Bytes<'_>, received_at: Timestamp) -> Result<Decoded, Refusal> {
    let mut number = bytes.u16()?;
    let mut decoded = Decoded::understood();
    let mut records = Fields::default();
    while !bytes.is_empty() {
        let secs_ago = bytes.u32()?;
        let kind = bytes.u8()?;
        let mut items = Items::default();
        items.read(kind & !REMEMBERED, &mut bytes)?;
        let at = received_at.plus_millis(i64::from(secs_ago) * -1000);
        if let Some(tenths) = items.tenths.or(items.average_tenths) {
            let humidity = items.humidity.and_then(plausible::humidity);
            decoded.temperature_at(Channel::TEMPERATURE, tenths * 100, AIR, Some(at), humidity);
        }
        records.set(number.to_string(), items.fields.with("secondsAgo", secs_ago));
        number = number.wrapping_add(1);
    }
    decoded.set("history", records);
    Ok(decoded)
}

impl Items {
    fn read(&mut self, kind: u8, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        match kind {
            0 => self.fields.set("emptyFrame", Fields::default()),
            1 => {
                let percent = bytes.u8()?;
                self.battery = Some(percent);
                self.fields.set("battery", percent);
            }
            2 => {
                let tenths = self.degrees(bytes)?;
                self.fields.set("temperature", value(decimal(tenths, 1)));
            }
            4 => self.average(bytes)?,
            6 => self.humidity(bytes)?,
            80 => {
                self.humidity(bytes)?;
                let tenths = self.degrees(bytes)?;
                self.fields.set("temperature", decimal(tenths, 1));
            }
            81 => {
                self.humidity(bytes)?;
                self.average(bytes)?;
            }
            82 => {
                self.switch("door", bytes)?;
                let tenths = self.degrees(bytes)?;
                self.fields.set("temperature", decimal(tenths, 1));
            }
            _ => self.other(kind, bytes)?,
        }
        Ok(())
    }

    fn degrees(&mut self, bytes: &mut Bytes<'_>) -> Result<i64, Refusal> {
        let tenths = i64::from(bytes.i16()?);
        self.tenths = Some(tenths);
        Ok(tenths)
    }

    fn average(&mut self, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        let tenths = i64::from(bytes.i16()?);
        self.average_tenths = Some(tenths);
        self.fields.set("averageTemperature", value(decimal(tenths, 1)));
        Ok(())
    }

    fn humidity(&mut self, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        let halves = i64::from(bytes.u8()?);
        self.humidity = Some(halves * 500);
        self.fields.set("humidity", value(decimal(halves * 5, 1)));
        Ok(())
    }

    fn switch(&mut self, name: &'static str, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        let is_on = bytes.u8()? != 0;
        self.fields.set(name, value(is_on));
        Ok(())
    }

    /// Items that no reading is made of. A door's state is among them: what is published says both of its two values that
    /// they mean open.
    fn other(&mut self, kind: u8, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        match kind {
            3 => self.alarms("tempAlarm", bytes)?,
            5 => self.alarms("avgTempAlarm", bytes)?,
            7 => self.fields.set("lux", value(bytes.u16()?)),
            8 => self.fields.set("lux2", value(bytes.u16()?)),
            9 => self.switch("door", bytes)?,
            10 => self.switch("doorAlarm", bytes)?,
            11 => self.switch("tamperReport", bytes)?,
            12 => self.switch("tamperAlarm", bytes)?,
            13 => self.fields.set("flood", value(bytes.u8()?)),
            14 => self.switch("floodAlarm", bytes)?,
            15 => self.fields.set("oilAlarm", value(bytes.u8()?)),
            16 => self.switch("userSwitch1Alarm", bytes)?,
            17 => self.fields.set("doorCount", value(bytes.u16()?)),
            18 => self.switch("presence", bytes)?,
            19 => self.fields.set("IRproximity", value(bytes.u16()?)),
            20 => self.fields.set("IRcloseproximity", value(bytes.u16()?)),
            21 => self.switch("closeProximityAlarm", bytes)?,
            22 => self.fields.set("disinfectAlarm", value(bytes.u8()?)),
            110 => bytes.skip(8)?, // versions
            112 => self.fields.set("capacitanceFlood", value(bytes.u16()?)),
            113 => self.fields.set("capacitancePad", value(bytes.u16()?)),
            114 => self.fields.set("capacitanceEnd", value(bytes.u16()?)),
            _ => return Err(Refusal::UnknownKind),
        }
        Ok(())
    }

    fn alarms(&mut self, name: &'static str, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        let bits = bytes.u8()?;
        let alarms =
            Fields::default().with("highAlarm", bits & 1 != 0).with("lowAlarm", bits & 2 != 0);
        self.fields.set(name, alarms);
        Ok(())
    }
}

fn value(value: impl Into<crate::FieldValue>) -> Fields {
    Fields::default().with("value", value)
}
