//! Tektelic's sensors.
//!
//! Layout: Tektelic's technical reference manuals, "Uplink payload": on port 10 items of a channel byte, a type byte and
//! a value, most significant byte first. What a channel is differs by model.

use hub_domain::Channel;

use crate::{
    Codec, Decoded, FieldValue, Fields, Frame, Refusal, bytes::Bytes, decoded::channel,
    field::decimal, plausible::AIR,
};

/// The port of measurements.
const PORT: u8 = 10;

/// A model of Tektelic's: its items, and how its published decoder puts them.
#[derive(Debug)]
pub(crate) struct Tektelic {
    items: &'static [Item],
    /// The field in which all others are.
    inside: Option<&'static str>,
    /// Whether port and bytes are told too.
    says_frame: bool,
}

#[derive(Debug)]
struct Item {
    key: [u8; 2],
    name: &'static str,
    form: Form,
}

/// How a value is read, and what it is.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// One byte.
    State,
    /// Two bytes.
    Count,
    /// Two bytes in thousandths.
    Thousandths,
    /// Two bytes in hundredths of a volt: the battery.
    Battery,
    /// Two bytes in tenths of a degree, around the sensor.
    Ambient,
    /// Two bytes in tenths of a degree, of its circuit board.
    Board,
    /// One byte in half percents.
    Humidity,
    /// Three times two bytes in thousandths of the earth's pull.
    Acceleration,
}

const fn item(key: [u8; 2], name: &'static str, form: Form) -> Item {
    Item { key, name, form }
}

const ROOM: &[Item] = &[
    item([0x00, 0xFF], "battery_voltage", Form::Battery),
    item([0x01, 0x00], "reed_state", Form::State),
    item([0x02, 0x00], "light_detected", Form::State),
    item([0x03, 0x67], "ambient_temperature", Form::Ambient),
    item([0x04, 0x68], "relative_humidity", Form::Humidity),
    item([0x05, 0x02], "impact_magnitude", Form::Thousandths),
    item([0x07, 0x71], "acceleration", Form::Acceleration),
    item([0x08, 0x04], "reed_count", Form::Count),
    item([0x09, 0x00], "moisture", Form::State),
    item([0x0A, 0x00], "motion_event_state", Form::State),
    item([0x0B, 0x67], "mcu_temperature", Form::Board),
    item([0x0C, 0x00], "impact_alarm", Form::State),
    item([0x0D, 0x04], "motion_event_count", Form::Count),
    item([0x0E, 0x00], "extconnector_state", Form::State),
    item([0x0F, 0x04], "extconnector_count", Form::Count),
    item([0x10, 0x02], "light_intensity", Form::State),
    item([0x11, 0x02], "extconnector_analog", Form::Thousandths),
];

/// Home and smart room sensors.
pub(crate) const ROOM_SENSOR: Tektelic = Tektelic { items: ROOM, inside: None, says_frame: false };
/// The same of the third generation.
pub(crate) const ROOM_SENSOR_3: Tektelic = Tektelic { items: ROOM, inside: None, says_frame: true };
/// Agriculture sensors: channels 0x0B are around the sensor.
pub(crate) const AGRICULTURE_SENSOR: Tektelic = Tektelic {
    items: &[
        item([0x00, 0xFF], "battery_voltage", Form::Battery),
        item([0x01, 0x04], "input1_frequency", Form::Count),
        item([0x02, 0x02], "input2_voltage", Form::Count),
        item([0x09, 0x65], "light_intensity", Form::Count),
        item([0x0B, 0x67], "ambient_temperature", Form::Ambient),
        item([0x0B, 0x68], "relative_humidity", Form::Humidity),
    ],
    inside: None,
    says_frame: true,
};
/// Asset trackers. Their one temperature is the only one that there is of the place.
pub(crate) const ASSET_TRACKER: Tektelic = Tektelic {
    items: &[
        item([0x00, 0x00], "acceleration_alarm", Form::State),
        item([0x00, 0x67], "temperature", Form::Ambient),
    ],
    inside: Some("sensor_data"),
    says_frame: true,
};
/// Industrial transceivers.
pub(crate) const TRANSCEIVER: Tektelic = Tektelic {
    items: &[item([0x03, 0x67], "onboard_temperature", Form::Ambient)],
    inside: None,
    says_frame: true,
};

impl Codec for Tektelic {
    fn decode(&self, frame: &Frame<'_>) -> Result<Decoded, Refusal> {
        if frame.port != Some(PORT) {
            return Err(Refusal::UnknownPort);
        }
        let mut decoded = Decoded::understood();
        let mut fields = Fields::default();
        let mut bytes = Bytes::of(frame.bytes);
        if bytes.is_empty() {
            return Err(Refusal::Length);
        }
        while !bytes.is_empty() {
            let key: [u8; 2] = bytes.array()?;
            let item = self.items.iter().find(|item| item.key == key);
            let item = item.ok_or(Refusal::UnknownKind)?;
            fields.set(item.name, item.form.read(&mut decoded, &mut bytes)?);
        }
        match self.inside {
            Some(name) => decoded.set(name, fields),
            None => decoded.fields = fields,
        }
        if self.says_frame {
            decoded.set("port", PORT.to_string());
            decoded.set("raw", in_hex(frame.bytes));
        }
        Ok(decoded)
    }
}

impl Form {
    fn read(self, decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<FieldValue, Refusal> {
        Ok(match self {
            Self::State => bytes.u8()?.into(),
            Self::Count => bytes.u16()?.into(),
            Self::Thousandths => decimal(bytes.u16()?, 3),
            Self::Battery => {
                let hundredths = bytes.i16()?;
                decoded.millivolts(i64::from(hundredths) * 10);
                decimal(hundredths, 2)
            }
            Self::Ambient => degrees(decoded, Channel::TEMPERATURE, bytes.i16()?),
            Self::Board => degrees(decoded, channel("board"), bytes.i16()?),
            Self::Humidity => {
                let halves = i64::from(bytes.u8()?);
                decoded.humid(halves * 500);
                decimal(halves * 5, 1)
            }
            Self::Acceleration => {
                let mut axes = Fields::default();
                for axis in ["xaxis", "yaxis", "zaxis"] {
                    axes.set(axis, decimal(bytes.i16()?, 3));
                }
                axes.into()
            }
        })
    }
}

fn degrees(decoded: &mut Decoded, channel: Channel, tenths: i16) -> FieldValue {
    decoded.temperature(channel, i64::from(tenths) * 100, AIR);
    decimal(tenths, 1)
}

/// `[03, 67, 00, D5]`.
fn in_hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("[{}]", bytes.join(", "))
}
