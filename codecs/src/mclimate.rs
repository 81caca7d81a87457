//! MClimate's HT sensor.
//!
//! Layout: MClimate's "HT Sensor LoRaWAN device communication protocol", keep-alive. Command byte 1, tenths of a degree
//! above −40 °C, 256ths of full humidity, battery (8 mV steps above 1.6 V), then the thermistor: bit 2 says that it is
//! broken or absent, when it reads 0. Early hardware sends five bytes, without the thermistor. Answers to commands stand
//! before the keep-alive, which is then the last seven bytes. The port says nothing.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, Frame, Refusal,
    bytes::Bytes,
    decoded::channel,
    field::{decimal, divided},
    plausible::{AIR, PROBE},
};

/// Which bit of the thermistor's high byte says that it is not connected.
const NOT_CONNECTED: u8 = 0x04;
/// The command byte of a keep-alive.
const KEEP_ALIVE: u8 = 1;

/// The HT sensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HtSensor;

struct Air {
    tenths: i64,
    hundredths_of_percent: i64,
    tenths_of_volt: i64,
}

impl Codec for HtSensor {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        let is_short = frame.bytes.len() == 5;
        let start = if is_short { 0 } else { frame.bytes.len().saturating_sub(7) };
        let mut bytes = Bytes::of(&frame.bytes[start..]);
        if bytes.u8()? != KEEP_ALIVE {
            return Err(Refusal::UnknownKind);
        }
        let mut decoded = Decoded::understood();
        let air = air(&mut decoded, &mut bytes)?;
        if is_short {
            decoded.set("reason", "keepalive");
            decoded.set("temperature", decimal(air.tenths, 1));
            decoded.set("humidity", decimal(air.hundredths_of_percent, 2));
        } else {
            decoded.set("sensorTemperature", decimal(air.tenths, 1));
            decoded.set("relativeHumidity", decimal(air.hundredths_of_percent, 2));
            thermistor(&mut decoded, &mut bytes)?;
        }
        decoded.set("batteryVoltage", decimal(air.tenths_of_volt, 1));
        bytes.end()?;
        Ok(decoded)
    }
}

fn air(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<Air, Refusal> {
    let tenths = i64::from(bytes.u16()?) - 400;
    let humidity = i128::from(bytes.u8()?);
    let millivolts = i128::from(bytes.u8()?) * 8 + 1600;
    // the vendor publishes tenths of a volt and hundredths of a percent
    let air = Air {
        tenths,
        hundredths_of_percent: divided(humidity * 10_000, 256),
        tenths_of_volt: divided(millivolts, 100),
    };
    decoded.temperature(Channel::TEMPERATURE, tenths * 100, AIR);
    decoded.humid(air.hundredths_of_percent * 10);
    decoded.millivolts(air.tenths_of_volt * 100);
    Ok(air)
}

fn thermistor(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let (high, low) = (bytes.u8()?, bytes.u8()?);
    let is_connected = high & NOT_CONNECTED == 0;
    let tenths = i64::from(high & 0x03) << 8 | i64::from(low);
    decoded.set("thermistorProperlyConnected", is_connected);
    decoded.set("extThermistorTemperature", decimal(if is_connected { tenths } else { 0 }, 1));
    if is_connected {
        decoded.temperature(channel("probe1"), tenths * 100, PROBE);
    }
    Ok(())
}
