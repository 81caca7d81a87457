//! Laird Connectivity's Sentrius RS1xx sensors.
//!
//! Layout: Laird's application note "RS1xx LoRa Protocol". A message type, a byte of options, then what the type has, most
//! significant byte first. Humidity comes before temperature, and of both the hundredths before the whole, each signed:
//! one byte each, for RTD probes two. Times are seconds since 2015.

mod words;

use hub_domain::{Channel, Timestamp};

use crate::{
    Codec, Decoded, FieldValue, Fields, Frame, Refusal,
    bytes::Bytes,
    field::decimal,
    plausible::{self, AIR, PROBE, Span},
};

/// 2015-01-01T00:00:00Z, from which the sensors count.
const EPOCH_SECS: i64 = 1_420_070_400;
/// The bit of the options that says that the sensor is broken.
const FAULT: u8 = 0x10;

/// A kind of RS1xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Laird {
    /// Values of one byte each for the whole and the hundredths.
    Narrow,
    /// Values of two bytes each, no humidity: an RTD probe.
    Rtd,
}

/// One measurement: hundredths of a degree and, where there is one, of a percent.
struct Sample {
    temperature: i64,
    humidity: Option<i64>,
}

impl Codec for Laird {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let mut bytes = Bytes::of(frame.bytes);
        let (kind, options) = (bytes.u8()?, bytes.u8()?);
        let mut decoded = Decoded::understood();
        decoded.set("options", words::options(options)?);
        match kind {
            0x01 => Self::Narrow.current(&mut decoded, "Laird_Internal_TH", &mut bytes)?,
            0x02 => self.aggregate(&mut decoded, &mut bytes)?,
            0x03 => self.backlog(&mut decoded, &mut bytes)?,
            0x04 => self.backlogs(&mut decoded, &mut bytes)?,
            0x05 => words::simple_config(&mut decoded, &mut bytes)?,
            0x06 => words::advanced_config(&mut decoded, &mut bytes)?,
            0x07 => words::firmware(&mut decoded, &mut bytes)?,
            0x08 => words::contact_config(&mut decoded, &mut bytes)?,
            0x09 => words::contact(&mut decoded, &mut bytes)?,
            0x0A => voltage(&mut decoded, &mut bytes)?,
            0x0B => Self::Rtd.current(&mut decoded, "Laird_RTD", &mut bytes)?,
            0x0C => words::rtd_config(&mut decoded, &mut bytes)?,
            _ => return Err(Refusal::UnknownKind),
        }
        bytes.end()?;
        if options & FAULT != 0 {
            decoded.temperatures.clear(); // what a broken sensor reads is no measurement
            decoded.humidity = None;
        }
        Ok(decoded)
    }
}

impl Laird {
    const fn span(self) -> Span {
        match self {
            Self::Narrow => AIR,
            Self::Rtd => PROBE,
        }
    }

    fn sample(self, bytes: &mut Bytes<'_>) -> Result<Sample, Refusal> {
        match self {
            Self::Narrow => {
                let humidity = Some(narrow(bytes)?);
                Ok(Sample { temperature: narrow(bytes)?, humidity })
            }
            Self::Rtd => {
                let hundredths = i64::from(bytes.i16()?);
                let temperature = i64::from(bytes.i16()?) * 100 + hundredths;
                Ok(Sample { temperature, humidity: None })
            }
        }
    }

    /// A measurement of now.
    fn current(
        self,
        decoded: &mut Decoded,
        kind: &'static str,
        bytes: &mut Bytes<'_>,
    ) -> Result<(), Refusal> {
        let sample = self.sample(bytes)?;
        decoded.set("msgType", kind);
        sample.tell(&mut decoded.fields);
        decoded.temperature(Channel::TEMPERATURE, sample.temperature * 10, self.span());
        decoded.humidity = sample.per_mille();
        decoded.set("batteryCapacity", words::capacity(bytes.u8()?)?);
        decoded.set("alarmMsgCount", bytes.u16()?);
        decoded.set("backlogMsgCount", bytes.u16()?);
        Ok(())
    }

    /// Several measurements under one time.
    fn aggregate(self, decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        decoded.set("msgType", "Laird_Agg_TH");
        decoded.set("alarmMsgCount", bytes.u8()?);
        decoded.set("backlogMsgCount", bytes.u16()?);
        decoded.set("batteryCapacity", words::capacity(bytes.u8()?)?);
        let count = bytes.u8()?;
        let secs = bytes.u32()?;
        decoded.set("numberOfReadings", count);
        decoded.set("timestamp", words::date(secs));
        let mut readings = Vec::new();
        for _ in 0..count {
            let mut fields = Fields::default();
            self.past(decoded, secs, bytes, &mut fields)?;
            readings.push(FieldValue::Map(fields));
        }
        decoded.set("readings", readings);
        Ok(())
    }

    /// A measurement out of the sensor's memory.
    fn backlog(self, decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        let secs = bytes.u32()?;
        let mut fields = std::mem::take(&mut decoded.fields);
        fields.set("msgType", "SendBackLogMessage");
        fields.set("timestamp", words::date(secs));
        let sample = self.past(decoded, secs, bytes, &mut fields)?;
        decoded.fields = fields;
        if decoded.temperatures.is_empty() {
            decoded.humidity = sample.per_mille(); // else it goes with the temperature
        }
        Ok(())
    }

    /// Several of them.
    fn backlogs(self, decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
        let count = bytes.u8()?;
        decoded.set("msgType", "SendBackLogMessages");
        decoded.set("numberOfReadings", count);
        let mut readings = Vec::new();
        for _ in 0..count {
            let secs = bytes.u32()?;
            let mut fields = Fields::default().with("timestamp", words::date(secs));
            self.past(decoded, secs, bytes, &mut fields)?;
            readings.push(FieldValue::Map(fields));
        }
        decoded.set("readings", readings);
        Ok(())
    }

    /// Takes one measurement of the past.
    fn past(
        self,
        decoded: &mut Decoded,
        secs: u32,
        bytes: &mut Bytes<'_>,
        fields: &mut Fields,
    ) -> Result<Sample, Refusal> {
        let sample = self.sample(bytes)?;
        sample.tell(fields);
        let at = Timestamp::from_millis((EPOCH_SECS + i64::from(secs)) * 1000);
        let (milli, humidity) = (sample.temperature * 10, sample.per_mille());
        decoded.temperature_at(Channel::TEMPERATURE, milli, self.span(), Some(at), humidity);
        Ok(sample)
    }
}

/// A value of one byte each for the hundredths and the whole, in hundredths.
fn narrow(bytes: &mut Bytes<'_>) -> Result<i64, Refusal> {
    let hundredths = i64::from(bytes.i8()?);
    Ok(i64::from(bytes.i8()?) * 100 + hundredths)
}

fn voltage(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let hundredths = narrow(bytes)?;
    decoded.set("msgType", "Laird_Battery_Voltage");
    decoded.set("voltage", decimal(hundredths, 2));
    decoded.millivolts(hundredths * 10);
    Ok(())
}

impl Sample {
    fn tell(&self, fields: &mut Fields) {
        if let Some(humidity) = self.humidity {
            fields.set("humidity", decimal(humidity, 2));
        }
        fields.set("temperature", decimal(self.temperature, 2));
    }

    fn per_mille(&self) -> Option<hub_domain::PerMille> {
        plausible::humidity(self.humidity? * 10)
    }
}
