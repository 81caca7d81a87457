//! One reading as it was sent: parsed strictly, each refusal with the field and the reason.

use std::{borrow::Cow, fmt};

use hub_domain::{Channel, DeviceId, MilliCelsius, PerMille, Timestamp, UnitId};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    decimal,
    http::{devices, instant},
};

/// The longest label of a source, in characters.
const LONGEST_SOURCE: usize = 64;

/// A reading that is not yet placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Whose it is.
    pub target: Target,
    /// A label of the instrument, for readings that name their unit.
    pub source: Option<String>,
    /// Which of the source's channels.
    pub channel: Channel,
    /// The sensor's time.
    pub recorded_at: Timestamp,
    /// The sender's counter, or −1.
    pub sequence: i64,
    /// What was measured.
    pub temperature: MilliCelsius,
    /// Relative humidity.
    pub humidity: Option<PerMille>,
    /// Charge left.
    pub battery_percent: Option<u8>,
    /// Battery voltage.
    pub battery_mv: Option<u16>,
    /// Whether the door stood open.
    pub door_open: Option<bool>,
    /// Received signal strength.
    pub signal_dbm: Option<i16>,
}

/// Whose a reading is. All that is named must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The unit.
    pub unit: Option<UnitId>,
    /// The device.
    pub device: Option<DeviceId>,
    /// The device's radio identity.
    pub dev_eui: Option<String>,
}

/// Why a reading was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The stable code.
    pub code: &'static str,
    /// The field and the reason, for a person.
    pub detail: String,
}

impl Rejection {
    /// A rejection.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The unit is not there, or not the key's.
    #[must_use]
    pub fn unknown_unit() -> Self {
        Self::new("unknown_unit", "unitId names no unit that this key may write to")
    }

    /// The unit has as many points of measurement as one can have.
    #[must_use]
    pub fn too_many_points() -> Self {
        Self::new("too_many_points", "the unit has as many sources and channels as one can have")
    }
}

macro_rules! fields {
    ($($variant:ident $name:literal $code:literal)*) => {
        /// A field of a reading.
        #[derive(Clone, Copy)]
        enum Field { $($variant,)* }

        const FIELDS: usize = [$($name),*].len();

        impl Field {
            fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The code of a reading whose field is wrong.
            const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

fields! {
    UnitId "unitId" "unknown_unit"
    DeviceId "deviceId" "unknown_device"
    DevEui "devEui" "unknown_device"
    Temperature "temperature" "bad_temperature"
    TemperatureUnit "temperatureUnit" "bad_temperature_unit"
    Humidity "humidity" "bad_humidity"
    Battery "battery" "bad_battery"
    BatteryVoltage "batteryVoltage" "bad_battery_voltage"
    DoorOpen "doorOpen" "bad_door_open"
    SignalStrength "signalStrength" "bad_signal_strength"
    RecordedAt "recordedAt" "bad_recorded_at"
    Source "source" "bad_source"
    Channel "channel" "bad_channel"
    Sequence "sequence" "bad_sequence"
}

impl Field {
    fn wrong(self, reason: &str) -> Rejection {
        Rejection::new(self.code(), format!("{} {reason}", self.name()))
    }
}

impl Item {
    /// Parses the JSON of one reading.
    ///
    /// # Errors
    /// With the field and the reason. A field that is not known refuses the reading: a misspelt `temperatureUnit`
    /// must not turn °F into °C.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let raw: RawItem<'_> = serde_json::from_str(text)
            .map_err(|_| Rejection::new("malformed", "the reading is not a JSON object"))?;
        match raw.fault {
            Some(fault) => Err(fault),
            None => raw.item(),
        }
    }
}

/// The fields of a reading as they stand, and the first fault of its shape.
struct RawItem<'a> {
    values: [Option<&'a str>; FIELDS],
    fault: Option<Rejection>,
}

impl<'a> RawItem<'a> {
    fn item(&self) -> Result<Item, Rejection> {
        Ok(Item {
            target: self.target()?,
            source: self.source()?,
            channel: self.channel()?,
            recorded_at: self.recorded_at()?,
            sequence: self.sequence()?,
            temperature: self.temperature()?,
            humidity: self
                .within(Field::Humidity, 0, 100)?
                .map(|milli| PerMille(whole(milli, 100))),
            battery_percent: self.within(Field::Battery, 0, 100)?.map(|milli| whole(milli, 1000)),
            battery_mv: self.within(Field::BatteryVoltage, 0, 60)?.map(|milli| whole(milli, 1)),
            door_open: self.door_open()?,
            signal_dbm: self
                .within(Field::SignalStrength, -200, 50)?
                .map(|milli| whole(milli, 1000)),
        })
    }

    /// The text of a field; `null` is as if it were left out.
    fn get(&self, field: Field) -> Option<&'a str> {
        self.values[field as usize].filter(|raw| *raw != "null")
    }

    fn string(&self, field: Field) -> Result<Option<Cow<'a, str>>, Rejection> {
        let Some(raw) = self.get(field) else { return Ok(None) };
        let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Err(field.wrong("must be a string"));
        };
        if !inner.contains('\\') {
            return Ok(Some(Cow::Borrowed(inner)));
        }
        let read = serde_json::from_str::<String>(raw)
            .map_err(|_| field.wrong("is not a string of whole characters"))?;
        Ok(Some(Cow::Owned(read)))
    }

    fn id(&self, field: Field) -> Result<Option<Uuid>, Rejection> {
        let Some(text) = self.string(field)? else { return Ok(None) };
        let id = (text.len() == 36).then(|| text.parse().ok()).flatten();
        id.map(Some).ok_or_else(|| field.wrong("is not an id"))
    }

    fn target(&self) -> Result<Target, Rejection> {
        let unit = self.id(Field::UnitId)?.map(UnitId);
        let device = self.id(Field::DeviceId)?.map(DeviceId);
        let dev_eui = match self.string(Field::DevEui)? {
            None => None,
            Some(text) => Some(
                devices::dev_eui(&text)
                    .ok_or_else(|| Field::DevEui.wrong("must be 16 hex digits"))?,
            ),
        };
        if unit.is_none() && device.is_none() && dev_eui.is_none() {
            return Err(Rejection::new(
                "missing_target",
                "one of unitId, deviceId and devEui is needed",
            ));
        }
        Ok(Target { unit, device, dev_eui })
    }

    fn temperature(&self) -> Result<MilliCelsius, Rejection> {
        let field = Field::Temperature;
        let raw = self.get(field).ok_or_else(|| field.wrong("is missing"))?;
        if !raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Err(field.wrong("must be a number"));
        }
        let possible =
            || field.wrong("is no possible temperature: it must be from -273.15 to 1000 °C");
        let milli = decimal::milli(raw).ok_or_else(possible)?;
        let read = match self.string(Field::TemperatureUnit)?.as_deref() {
            None | Some("C") => MilliCelsius::from_milli_celsius(milli),
            Some("F") => MilliCelsius::from_milli_fahrenheit(milli),
            Some(_) => return Err(Field::TemperatureUnit.wrong("must be C or F")),
        };
        read.ok_or_else(possible)
    }

    fn recorded_at(&self) -> Result<Timestamp, Rejection> {
        let field = Field::RecordedAt;
        let text = self.string(field)?.ok_or_else(|| field.wrong("is missing"))?;
        let hint = "must be an RFC 3339 instant with an offset, such as 2026-11-20T08:00:00Z";
        instant::parse(&text).ok_or_else(|| field.wrong(hint))
    }

    fn source(&self) -> Result<Option<String>, Rejection> {
        let field = Field::Source;
        let Some(text) = self.string(field)? else { return Ok(None) };
        let good = (1..=LONGEST_SOURCE).contains(&text.chars().count())
            && !text.chars().any(char::is_control);
        if good {
            Ok(Some(text.into_owned()))
        } else {
            Err(field.wrong("must be 1 to 64 characters, none a control character"))
        }
    }

    fn channel(&self) -> Result<Channel, Rejection> {
        let field = Field::Channel;
        match self.string(field)? {
            None => Ok(Channel::TEMPERATURE),
            Some(name) => Channel::parse(&name)
                .ok_or_else(|| field.wrong("must be 1 to 32 of a-z, 0-9, _ and -")),
        }
    }

    fn sequence(&self) -> Result<i64, Rejection> {
        let field = Field::Sequence;
        let Some(raw) = self.get(field) else { return Ok(-1) };
        let number = raw.parse().ok().filter(|number| *number >= 0);
        number.ok_or_else(|| field.wrong("must be a whole number, 0 or more"))
    }

    fn door_open(&self) -> Result<Option<bool>, Rejection> {
        match self.get(Field::DoorOpen) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Field::DoorOpen.wrong("must be true or false")),
        }
    }

    /// A number from `min` to `max`, in thousandths.
    fn within(&self, field: Field, min: i64, max: i64) -> Result<Option<i64>, Rejection> {
        let Some(raw) = self.get(field) else { return Ok(None) };
        let milli = decimal::milli(raw).filter(|milli| (min * 1000..=max * 1000).contains(milli));
        milli.map(Some).ok_or_else(|| field.wrong(&format!("must be a number from {min} to {max}")))
    }
}

/// Thousandths in steps of `step`, rounded half away from zero. The caller has bounded them.
fn whole<T: TryFrom<i64> + Default>(milli: i64, step: i64) -> T {
    let half = if milli < 0 { -step / 2 } else { step / 2 };
    T::try_from((milli + half) / step).unwrap_or_default()
}

impl<'de> Deserialize<'de> for RawItem<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawItemVisitor)
    }
}

struct RawItemVisitor;

impl<'de> Visitor<'de> for RawItemVisitor {
    type Value = RawItem<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reading")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawItem<'de>, A::Error> {
        let mut raw = RawItem { values: [None; FIELDS], fault: None };
        while let Some(key) = map.next_key_seed(FieldKey)? {
            let fault = match key {
                Ok(field) => {
                    let before = raw.values[field as usize]
                        .replace(map.next_value::<&'de RawValue>()?.get());
                    before.map(|_| {
                        Rejection::new("malformed", format!("{} is there twice", field.name()))
                    })
                }
                Err(name) => {
                    map.next_value::<IgnoredAny>()?;
                    Some(Rejection::new(
                        "unknown_field",
                        format!("{name} is no field of a reading"),
                    ))
                }
            };
            raw.fault = raw.fault.or(fault);
        }
        Ok(raw)
    }
}

/// A key as the field that it names, or the start of a name that names none.
struct FieldKey;

impl<'de> DeserializeSeed<'de> for FieldKey {
    type Value = Result<Field, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldKey {
    type Value = Result<Field, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Field::parse(name).ok_or_else(|| name.chars().take(64).collect()))
    }
}

#[cfg(test)]
#[path = "item_tests.rs"]
mod tests;
