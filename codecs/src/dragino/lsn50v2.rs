//! LSN50v2 boards: the S31 with a humidity sensor, the D20 with one DS18B20, the D22 and D23 with two and three.
//!
//! Layout: Dragino's LSN50v2 and LSN50v2-D2x user manuals, "Uplink payload", port 2. Eleven bytes (twelve with three
//! voltages): battery, first probe, voltage, flags with the working mode, then what the mode measures. A probe of a
//! D2x that is not there reads 0xFFFF.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, Frame, Refusal,
    bytes::Bytes,
    decoded::channel,
    field::decimal,
    plausible::{AIR, DS18B20},
};

/// The port of measurements.
const PORT: u8 = 2;
/// What a probe reads that is not there.
const ABSENT: u16 = 0xFFFF;

/// A board.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lsn50v2 {
    /// S31, and D20 with its one probe.
    Board,
    /// D20, D22 and D23 by the colours of their probes.
    Colours,
}

/// A frame's parts.
struct Words {
    battery: u16,
    first: u16,
    voltage: [u8; 2],
    flags: u8,
    second: u16,
    third: u16,
    last: Option<u8>,
}

impl Codec for Lsn50v2 {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        if frame.port != Some(PORT) {
            return Err(Refusal::UnknownPort);
        }
        let mut bytes = Bytes::of(frame.bytes);
        let words = Words {
            battery: bytes.u16()?,
            first: bytes.u16()?,
            voltage: bytes.array()?,
            flags: bytes.u8()?,
            second: bytes.u16()?,
            third: bytes.u16()?,
            last: bytes.rest().first().copied(),
        };
        if frame.bytes.len() > 12 {
            return Err(Refusal::Length);
        }
        match self {
            Self::Board => words.board(),
            Self::Colours => words.colours(),
        }
    }
}

impl Words {
    const fn mode(&self) -> u8 {
        (self.flags & 0x7C) >> 2
    }

    const fn voltage(&self) -> u16 {
        u16::from_be_bytes(self.voltage)
    }

    fn board(&self) -> Result<Decoded, Refusal> {
        let mut decoded = Decoded::understood();
        if self.mode() == 2 {
            self.three_voltages(&mut decoded)?;
            return Ok(decoded);
        }
        decoded.set("BatV", decimal(self.battery, 3));
        decoded.millivolts(i64::from(self.battery));
        self.first_probe(&mut decoded);
        if self.mode() == 31 {
            decoded.set("Work_mode", "ALARM");
            self.thresholds(&mut decoded);
            return Ok(decoded);
        }
        decoded.set("ADC_CH0V", decimal(self.voltage(), 3));
        self.switches(&mut decoded, self.mode() != 6);
        self.measured(&mut decoded)?;
        Ok(decoded)
    }

    fn first_probe(&self, decoded: &mut Decoded) {
        let tenths = self.first.cast_signed();
        decoded.set("TempC1", decimal(tenths, 1));
        // beside a humidity sensor there need be no probe, and one that is not there reads just 0
        let is_beside = self.mode() == 0 && self.third != 0;
        if self.first != ABSENT && !(is_beside && self.first == 0) {
            decoded.temperature(channel("probe1"), i64::from(tenths) * 100, DS18B20);
        }
    }

    fn switches(&self, decoded: &mut Decoded, with_trigger: bool) {
        decoded.set("Digital_IStatus", if self.flags & 0x02 == 0 { "L" } else { "H" });
        if with_trigger {
            decoded.set("EXTI_Trigger", truth(self.flags));
            // an input that the vendor's decoder calls a door, whatever is on it
            decoded.set("Door_status", if self.flags & 0x80 == 0 { "OPEN" } else { "CLOSE" });
        }
    }

    fn measured(&self, decoded: &mut Decoded) -> Result<(), Refusal> {
        match self.mode() {
            0 => {
                decoded.set("Work_mode", "IIC");
                self.air(decoded);
            }
            1 => {
                decoded.set("Work_mode", " Distance");
                decoded.set("Distance_cm", decimal(self.second, 1));
                if self.third != ABSENT {
                    decoded.set("Distance_signal_strength", self.third);
                }
            }
            3 => {
                decoded.set("Work_mode", "3DS18B20");
                take(decoded, "TempC2", "probe2", self.second);
                take(decoded, "TempC3", "probe3", self.third);
            }
            4 => {
                decoded.set("Work_mode", "Weight");
                decoded.set("Weight", self.second.cast_signed());
            }
            5 => {
                decoded.set("Work_mode", "Count");
                decoded.set("Count", u32::from(self.second) << 16 | u32::from(self.third));
            }
            6 => {}
            _ => return Err(Refusal::UnknownKind),
        }
        Ok(())
    }

    /// A sensor of temperature and humidity; where humidity is 0 it is one of light.
    fn air(&self, decoded: &mut Decoded) {
        if self.third == 0 {
            decoded.set("Illum", self.second.cast_signed());
            return;
        }
        decoded.set("TempC_SHT", decimal(self.second.cast_signed(), 1));
        decoded.set("Hum_SHT", decimal(self.third, 1));
        decoded.humid(i64::from(self.third) * 100);
        if decoded.humidity.is_some() {
            // one that is broken reads all ones in both
            let milli = i64::from(self.second.cast_signed()) * 100;
            decoded.temperature(Channel::TEMPERATURE, milli, AIR);
        }
    }

    fn three_voltages(&self, decoded: &mut Decoded) -> Result<(), Refusal> {
        let battery = self.last.ok_or(Refusal::Length)?;
        decoded.set("Work_mode", " 3ADC");
        decoded.set("BatV", decimal(battery, 1));
        decoded.millivolts(i64::from(battery) * 100);
        decoded.set("ADC_CH0V", decimal(self.battery, 3));
        decoded.set("ADC_CH1V", decimal(self.first, 3));
        decoded.set("ADC_CH4V", decimal(self.voltage(), 3));
        self.switches(decoded, true);
        self.air(decoded);
        Ok(())
    }

    fn thresholds(&self, decoded: &mut Decoded) {
        let [low, high] = self.voltage.map(u8::cast_signed);
        let [air_low, air_high] = self.second.to_be_bytes().map(u8::cast_signed);
        let [humidity_low, humidity_high] = self.third.to_be_bytes();
        decoded.set("TempC1MIN", low);
        decoded.set("TempC1MAX", high);
        decoded.set("SHTEMPMIN", air_low);
        decoded.set("SHTEMPMAX", air_high);
        decoded.set("SHTHUMMIN", humidity_low);
        decoded.set("SHTHUMMAX", humidity_high);
    }

    fn colours(&self) -> Result<Decoded, Refusal> {
        let mut decoded = Decoded::understood();
        match self.mode() {
            3 => {
                decoded.set("Work_mode", "DS18B20");
                decoded.set("BatV", decimal(self.battery, 3));
                decoded.millivolts(i64::from(self.battery));
                decoded.set("ALARM_status", truth(self.flags));
                take(&mut decoded, "Temp_Red", "probe1", self.first);
                take(&mut decoded, "Temp_White", "probe2", self.second);
                take(&mut decoded, "Temp_Black", "probe3", self.third);
            }
            31 => {
                let limits = [self.voltage, self.second.to_be_bytes(), self.third.to_be_bytes()];
                let names = [
                    ("Temp_Red_MIN", "Temp_Red_MAX"),
                    ("Temp_White_MIN", "Temp_White_MAX"),
                    ("Temp_Black_MIN", "Temp_Black_MAX"),
                ];
                decoded.set("Work_mode", "ALARM");
                for ((low, high), limit) in names.into_iter().zip(limits) {
                    decoded.set(low, limit[0].cast_signed());
                    decoded.set(high, limit[1].cast_signed());
                }
            }
            _ => return Err(Refusal::UnknownKind),
        }
        Ok(decoded)
    }
}

fn truth(flags: u8) -> &'static str {
    if flags & 0x01 == 0 { "FALSE" } else { "TRUE" }
}

/// A probe in tenths of a degree.
fn take(decoded: &mut Decoded, field: &'static str, name: &str, tenths: u16) {
    if tenths == ABSENT {
        decoded.set(field, "NULL");
        return;
    }
    let tenths = tenths.cast_signed();
    decoded.set(field, decimal(tenths, 1));
    decoded.temperature(channel(name), i64::from(tenths) * 100, DS18B20);
}
