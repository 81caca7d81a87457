//! Netvox's R711 and R718 sensors.
//!
//! Layout: Netvox's LoRaWAN application command document. Frames of 11 bytes: reports on port 6 (version, device type,
//! report type, data), answers to settings on port 7, answers to calibration on port 14. Only reports of type 1 measure.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, Frame, Refusal,
    bytes::Bytes,
    decoded::channel,
    field::decimal,
    plausible::{AIR, PROBE, Span},
};

/// Of all frames.
const LENGTH: usize = 11;
/// The version of the reports.
const VERSION: u8 = 1;
/// The bit of a voltage that says that the battery is low.
const LOW_BATTERY: u8 = 0x80;

/// What a device type measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measures {
    /// Air in hundredths of a degree.
    Air,
    /// The same and humidity in hundredths of a percent.
    AirAndHumidity,
    /// One probe in tenths of a degree.
    Probe,
    /// Two probes.
    TwoProbes,
}

struct DeviceType {
    number: u8,
    name: &'static str,
    measures: Measures,
}

const fn device(number: u8, name: &'static str, measures: Measures) -> DeviceType {
    DeviceType { number, name, measures }
}

/// The device types that are known.
const DEVICES: &[DeviceType] = &[
    device(0x01, "R711(R712)", Measures::AirAndHumidity),
    device(0x0B, "R718A", Measures::AirAndHumidity),
    device(0x13, "R718AB", Measures::AirAndHumidity),
    device(0x14, "R718B2", Measures::TwoProbes),
    device(0x16, "R718CK2", Measures::TwoProbes),
    device(0x17, "R718CT2", Measures::TwoProbes),
    device(0x91, "R718CK", Measures::Probe),
    device(0x92, "R718CT", Measures::Probe),
    device(0x95, "R718B", Measures::Probe),
    device(0x9C, "R718AD", Measures::Air),
    device(0xBC, "R711A", Measures::Air),
];

/// All of them: a frame says of which it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Netvox;

impl Codec for Netvox {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let read = match frame.port {
            Some(6) => report,
            Some(7) => settings,
            Some(14) => calibration,
            _ => return Err(Refusal::UnknownPort),
        };
        read(Bytes::exactly(frame.bytes, LENGTH)?)
    }

    fn claims(&self, frame: &Frame<'_>) -> bool {
        // a report names its device type, and fills what it does not need with zeros
        frame.port == Some(6) && report_is_whole(frame.bytes) && self.decode(frame).is_ok()
    }
}

fn report_is_whole(bytes: &[u8]) -> bool {
    let [_, number, kind, ..] = *bytes else { return false };
    let Ok(device) = of(number) else { return false };
    let used = match (kind, device.measures) {
        (0, _) => 9,
        (_, Measures::Air | Measures::Probe) => 6,
        (_, Measures::AirAndHumidity | Measures::TwoProbes) => 8,
    };
    bytes.len() == LENGTH && bytes[used..].iter().all(|byte| *byte == 0)
}

fn of(number: u8) -> Result<&'static DeviceType, Refusal> {
    DEVICES.iter().find(|device| device.number == number).ok_or(Refusal::UnknownKind)
}

fn report(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    if bytes.u8()? != VERSION {
        return Err(Refusal::UnknownKind);
    }
    let device = of(bytes.u8()?)?;
    let mut decoded = Decoded::understood();
    decoded.set("Device", device.name);
    match bytes.u8()? {
        0 => {
            decoded.set("SWver", decimal(bytes.u8()?, 1));
            decoded.set("HWver", bytes.u8()?);
            decoded.set("Datecode", format!("{:08x}", bytes.u32()?));
        }
        1 => status(&mut decoded, device.measures, &mut bytes)?,
        _ => return Err(Refusal::UnknownKind),
    }
    Ok(decoded)
}

fn status(decoded: &mut Decoded, measures: Measures, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let voltage = bytes.u8()?;
    let tenths = i64::from(voltage & !LOW_BATTERY);
    decoded.set("Volt", decimal(tenths, 1));
    decoded.millivolts(tenths * 100);
    if voltage & LOW_BATTERY != 0 {
        decoded.set("LowBattery", true);
    }
    let mut take = |name, channel: Channel, places, span: Span| -> Result<(), Refusal> {
        let raw = i64::from(bytes.i16()?);
        decoded.set(name, decimal(raw, places));
        decoded.temperature(channel, if places == 1 { raw * 100 } else { raw * 10 }, span);
        Ok(())
    };
    match measures {
        Measures::Air | Measures::AirAndHumidity => take("Temp", Channel::TEMPERATURE, 2, AIR)?,
        Measures::Probe => take("Temp", Channel::TEMPERATURE, 1, PROBE)?,
        Measures::TwoProbes => {
            take("Temp1", channel("probe1"), 1, PROBE)?;
            take("Temp2", channel("probe2"), 1, PROBE)?;
        }
    }
    if measures == Measures::AirAndHumidity {
        let hundredths = i64::from(bytes.u16()?);
        decoded.set("Humi", decimal(hundredths, 2));
        decoded.humid(hundredths * 10);
    }
    Ok(())
}

fn succeeded(byte: u8) -> &'static str {
    if byte == 0 { "Success" } else { "Failure" }
}

fn settings(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let (command, device) = (bytes.u8()?, of(bytes.u8()?)?);
    let mut decoded = Decoded::understood();
    decoded.set("Device", device.name);
    match command {
        0x81 => {
            decoded.set("Cmd", "ConfigReportRsp");
            decoded.set("Status", succeeded(bytes.u8()?));
        }
        0x82 => {
            let is_probe = matches!(device.measures, Measures::Probe | Measures::TwoProbes);
            decoded.set("Cmd", "ReadConfigReportRsp");
            decoded.set("MinTime", bytes.u16()?);
            decoded.set("MaxTime", bytes.u16()?);
            decoded.set("BatteryChange", decimal(bytes.u8()?, 1));
            decoded.set("TempChange", decimal(bytes.u16()?, if is_probe { 1 } else { 2 }));
            if device.measures == Measures::AirAndHumidity {
                decoded.set("HumiChange", decimal(bytes.u16()?, 2));
            }
        }
        _ => return Err(Refusal::UnknownKind),
    }
    Ok(decoded)
}

fn calibration(mut bytes: Bytes<'_>) -> Result<Decoded, Refusal> {
    let command = bytes.u8()?;
    let mut decoded = Decoded::understood();
    match command {
        0x81 => {
            decoded.set("Cmd", "SetGlobalCalibrateRsp");
            of_sensor(&mut decoded, &mut bytes)?;
            decoded.set("Status", succeeded(bytes.u8()?));
        }
        0x82 => {
            decoded.set("Cmd", "GetGlobalCalibrateRsp");
            of_sensor(&mut decoded, &mut bytes)?;
            decoded.set("Multiplier", bytes.u16()?);
            decoded.set("Divisor", bytes.u16()?);
            decoded.set("DeltValue", bytes.i16()?);
        }
        0x83 => {
            decoded.set("Cmd", "ClearGlobalCalibrateRsp");
            decoded.set("Status", succeeded(bytes.u8()?));
        }
        _ => return Err(Refusal::UnknownKind),
    }
    Ok(decoded)
}

fn of_sensor(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let kind = match bytes.u8()? {
        1 => "Temperature",
        2 => "Humidity",
        _ => return Err(Refusal::UnknownKind),
    };
    decoded.set("SensorType", kind);
    decoded.set("Channel", i64::from(bytes.u8()?) + 1); // counted from zero in the frame
    Ok(())
}

#[cfg(test)]
mod tests {
    use hub_domain::Timestamp;

    use super::*;

    #[test]
    fn a_report_that_is_cut_off_is_claimed_by_nobody() {
        let whole = [1, 149, 1, 36, 0, 253, 0, 0, 0, 0, 0];
        let frame = |bytes| Frame { port: Some(6), bytes, received_at: Timestamp::default() };
        assert!(Netvox.claims(&frame(&whole)));
        for length in 0..whole.len() {
            assert!(!Netvox.claims(&frame(&whole[..length])), "{length}");
        }
    }
}
