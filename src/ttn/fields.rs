//! What the vendors' decoders call what they measured.
//!
//! They are read where no codec of ours reads the frame itself. Names are compared without case, `_`, `-` and blanks.
//! What a broken or absent probe reads is left out: it must not become a reading, and must not raise an alert.

use hub_codecs::{
    Decoded, Measured,
    plausible::{self, AIR, PROBE, Span},
};
use hub_domain::{Channel, MilliCelsius, PerMille, Suspicion, Timestamp};
use serde_json::{Map, Value};

use crate::decimal;

/// Names of the sensor's own temperature.
const AMBIENT: &[&str] = &[
    "temperature",
    "temp",
    "tempcsht",
    "airtemperature",
    "ambienttemperature",
    "sensortemperature",
    "onboardtemperature",
    "internaltemperature",
];
/// Names of what probes measured, and the channel of each.
const PROBES: &[(&str, &str)] = &[
    ("tempcds", "probe1"),
    ("extthermistortemperature", "probe1"),
    ("externaltemperature", "probe1"),
    ("exttemperature", "probe1"),
    ("probetemperature", "probe1"),
    ("temp1", "probe1"),
    ("temp2", "probe2"),
    ("temp3", "probe3"),
    ("tempchannel1", "probe1"),
    ("tempchannel2", "probe2"),
    ("tempred", "probe1"),
    ("tempwhite", "probe2"),
    ("tempblack", "probe3"),
];
/// Names of the temperature of a sensor's own circuit board.
const BOARD: &[&str] =
    &["temperatureboard", "boardtemperature", "chiptemperature", "mcutemperature"];
/// Names of relative humidity.
const HUMIDITY: &[&str] =
    &["humidity", "humsht", "humi", "hum", "relativehumidity", "airhumidity", "ambienthumidity"];
/// Names of a battery's charge, and of its voltage in volts or millivolts.
const CHARGE: &[&str] =
    &["batterylevel", "batterypercent", "batterypercentage", "batteryremaining"];
const VOLTAGE: &[&str] =
    &["batv", "batteryvoltage", "batteryvolt", "volt", "vdd", "vbat", "batvoltage", "battvolt"];
/// Names of a door.
const DOOR: &[&str] =
    &["open", "door", "dooropen", "doorstatus", "dooropenstatus", "doorstate", "magnetstatus"];
/// Names that only frames of settings and versions have.
const SETTINGS: &[&str] = &["cmd", "swver", "hwver", "datecode", "msgtype"];

/// So many readings out of a sensor's memory are read of one frame: more do not fit into one.
const MOST_HISTORY: usize = 64;

/// A battery between these reads volts where its name says neither volts nor percent, in thousandths.
const VOLTS: std::ops::RangeInclusive<i64> = 1_500..=4_300;

/// Reads the JSON of a decoded payload that came at `received_at`.
#[must_use]
pub fn read(json: &str, received_at: Timestamp) -> Decoded {
    match serde_json::from_str(json) {
        Ok(Value::Object(payload)) => Payload::of(&payload, received_at).read(),
        _ => Decoded::default(),
    }
}

/// The fields of a payload by their plain names. One level of nesting is opened.
struct Payload<'a> {
    fields: Vec<(String, &'a Value)>,
    received_at: Timestamp,
}

impl<'a> Payload<'a> {
    fn of(payload: &'a Map<String, Value>, received_at: Timestamp) -> Self {
        let mut fields = Vec::new();
        for (name, value) in payload {
            match value {
                Value::Object(inner) if !inner.contains_key("value") => {
                    fields.extend(inner.iter().map(|(name, value)| (plain(name), value)));
                }
                _ => fields.push((plain(name), value)),
            }
        }
        Self { fields, received_at }
    }

    fn read(&self) -> Decoded {
        let mut decoded = Decoded {
            temperatures: self.temperatures(),
            humidity: self.humidity(),
            battery_percent: self.charge(),
            battery_mv: self.millivolts(),
            door_open: self.door(),
            ..Decoded::default()
        };
        decoded.temperatures.extend(self.history());
        decoded.is_understood = decoded != Decoded::default() || self.has(SETTINGS);
        decoded
    }

    fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.whole(name).map(unwrapped)
    }

    /// A field with its unit, where it has one.
    fn whole(&self, name: &str) -> Option<&'a Value> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The first of these that is a number, in thousandths.
    fn number(&self, names: &[&str]) -> Option<i64> {
        names.iter().find_map(|name| milli(self.get(name)?))
    }

    fn temperatures(&self) -> Vec<Measured> {
        let at = self.at();
        let measured = |channel: Channel, milli, span: Span| {
            let temperature = plausible::temperature(milli, span)?;
            Some(Measured { channel, temperature, humidity: None, at })
        };
        let first = |names: &[&str]| names.iter().find_map(|name| milli_celsius(self.whole(name)?));
        let ambient = first(AMBIENT).and_then(|milli| measured(Channel::TEMPERATURE, milli, AIR));
        let probes = PROBES.iter().filter(|(name, _)| self.is_connected(name)).filter_map(
            |(name, channel)| {
                measured(Channel::parse(channel)?, milli_celsius(self.whole(name)?)?, PROBE)
            },
        );
        let board = first(BOARD).and_then(|milli| measured(Channel::parse("board")?, milli, AIR));
        let mut all: Vec<Measured> = Vec::new();
        for one in ambient.into_iter().chain(probes).chain(board) {
            if all.iter().all(|before| before.channel != one.channel) {
                all.push(one);
            }
        }
        all
    }

    /// Some decoders say of a thermistor whether it is there; it reads 0 °C where it is not.
    fn is_connected(&self, name: &str) -> bool {
        name != "extthermistortemperature"
            || self.get("thermistorproperlyconnected") != Some(&Value::Bool(false))
    }

    fn humidity(&self) -> Option<PerMille> {
        plausible::humidity(HUMIDITY.iter().find_map(|name| milli_percent(self.whole(name)?))?)
    }

    fn charge(&self) -> Option<u8> {
        let named = self.number(CHARGE);
        let plain = || {
            self.number(&["battery"]).filter(|milli| self.has(VOLTAGE) || !VOLTS.contains(milli))
        };
        let milli = named.or_else(plain).filter(|milli| (0..=100_000).contains(milli))?;
        u8::try_from((milli + 500) / 1000).ok()
    }

    fn millivolts(&self) -> Option<u16> {
        let plain = || self.number(&["battery"]).filter(|milli| VOLTS.contains(milli));
        let milli = self.number(VOLTAGE).or_else(plain)?;
        let millivolts = if milli > 60_000 { milli / 1000 } else { milli }; // 3616 is millivolts, 3.6 volts
        plausible::millivolts(millivolts)
    }

    fn door(&self) -> Option<bool> {
        if self.has(&["workmode"]) {
            return None; // an input of a general board that its decoder calls a door, whatever is on it
        }
        let named = DOOR.iter().find_map(|name| is_open(self.get(name)?));
        // Browan's door sensor calls it `status`; it is the one with a board temperature
        named.or_else(|| self.has(&["temperatureboard"]).then(|| is_open(self.get("status")?))?)
    }

    /// When it was measured, where the frame says so in Unix seconds. Formatters call other things a timestamp too, such
    /// as the seconds since the sensor was switched on: what cannot be the time of a reading is not taken for one.
    fn at(&self) -> Option<Timestamp> {
        let at = Timestamp::from_millis(self.number(&["systimestamp", "timestamp"])?);
        Suspicion::of(at, self.received_at).is_none().then_some(at)
    }

    /// Readings out of the sensor's memory, each of its own time.
    fn history(&self) -> Vec<Measured> {
        let Some(Value::Array(items)) = self.get("history") else { return Vec::new() };
        let read = |item: &Value| {
            let item = Payload::of(item.as_object()?, self.received_at);
            let at = Some(item.at()?);
            let humidity = item.humidity();
            let first = item.temperatures().into_iter().next()?;
            Some(Measured { humidity, at, ..first })
        };
        items.iter().take(MOST_HISTORY).filter_map(read).collect()
    }
}

/// `Temp_Red` and `tempRed` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// `{"value":23.4,"unit":"°C"}` says 23.4.
fn unwrapped(value: &Value) -> &Value {
    value.as_object().and_then(|object| object.get("value")).unwrap_or(value)
}

/// The unit that stands beside a value, by its plain name.
fn unit(value: &Value) -> Option<String> {
    let unit = value.as_object()?.get("unit")?.as_str()?;
    Some(plain(&unit.replace('℃', "c").replace('℉', "f").replace('%', "percent")))
}

/// A temperature in thousandths of a degree Celsius; `None` in a unit that is not known.
fn milli_celsius(value: &Value) -> Option<i64> {
    let milli = milli(unwrapped(value))?;
    match unit(value).as_deref() {
        None | Some("" | "c" | "cel" | "celsius" | "degc" | "degreescelsius") => Some(milli),
        Some("f" | "fahrenheit" | "degf" | "degreesfahrenheit") => {
            MilliCelsius::from_milli_fahrenheit(milli).map(|celsius| celsius.0.into())
        }
        Some("k" | "kelvin") => milli.checked_sub(273_150),
        Some(_) => None,
    }
}

/// A relative humidity in thousandths of a percent; `None` for one that is not relative, such as grams.
fn milli_percent(value: &Value) -> Option<i64> {
    let is_relative = |unit: &str| {
        matches!(
            unit,
            "" | "percent" | "percentrh" | "rh" | "rhpercent" | "percentrelativehumidity"
        )
    };
    let milli = milli(unwrapped(value))?;
    unit(value).as_deref().is_none_or(is_relative).then_some(milli)
}

fn milli(value: &Value) -> Option<i64> {
    decimal::milli(&value.as_number()?.to_string())
}

fn is_open(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(open) => Some(*open),
        Value::Number(number) => match number.as_i64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "open" | "opened" => Some(true),
            "close" | "closed" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
