//! The words and dates of RS1xx messages, and those messages that hold nothing else.

use crate::{Decoded, FieldValue, Fields, Refusal, bytes::Bytes};

use super::EPOCH_SECS;

const OPTIONS: &[&str] = &[
    "Sensor request for server time",
    "Sensor configuration error",
    "Sensor alarm flag",
    "Sensor reset flag",
    "Sensor fault flag",
];
const NOTIFICATIONS: &[&str] = &["Open", "Closed", "Resend", "Cancel"];
const CAPACITIES: &[&str] = &["0-5%", "5-20%", "20-40%", "40-60%", "60-80%", "80-100%"];
const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the bits that are set. A bit without a name makes a message none of this protocol.
fn bits(byte: u8, names: &[&'static str]) -> Result<FieldValue, Refusal> {
    if byte == 0 {
        return Ok(vec![FieldValue::from("None")].into());
    }
    if byte >> names.len() != 0 {
        return Err(Refusal::UnknownKind);
    }
    let set = names.iter().enumerate().filter(|(bit, _)| byte >> bit & 1 == 1);
    Ok(set.map(|(_, name)| FieldValue::from(*name)).collect::<Vec<_>>().into())
}

fn word(byte: u8, names: &[&'static str]) -> Result<&'static str, Refusal> {
    names.get(usize::from(byte)).copied().ok_or(Refusal::UnknownKind)
}

pub(super) fn options(byte: u8) -> Result<FieldValue, Refusal> {
    bits(byte, OPTIONS)
}

pub(super) fn capacity(byte: u8) -> Result<&'static str, Refusal> {
    word(byte, CAPACITIES)
}

fn truth(byte: u8) -> Result<&'static str, Refusal> {
    word(byte, &["False", "True"])
}

fn battery_type(byte: u8) -> Result<&'static str, Refusal> {
    word(byte.wrapping_sub(1), &["Alkaline", "Lithium"])
}

fn operating_mode(byte: u8) -> Result<&'static str, Refusal> {
    word(byte, &["Door Sensor", "Pushbutton"])
}

/// What settings have in common.
fn measuring(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    decoded.set("batteryType", battery_type(bytes.u8()?)?);
    decoded.set("sensorReadPeriod", bytes.u16()?);
    decoded.set("sensorAggregate", bytes.u8()?);
    decoded.set("tempAlarmsEnabled", truth(bytes.u8()?)?);
    Ok(())
}

fn leds(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    decoded.set("ledBle", bytes.u16()?);
    decoded.set("ledLora", bytes.u16()?);
    Ok(())
}

pub(super) fn simple_config(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    decoded.set("msgType", "Laird_Simple_Config");
    measuring(decoded, bytes)?;
    decoded.set("humidityAlarmsEnabled", truth(bytes.u8()?)?);
    Ok(())
}

pub(super) fn advanced_config(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    decoded.set("msgType", "Laird_Advanced_Config");
    measuring(decoded, bytes)?;
    decoded.set("humidityAlarmsEnabled", truth(bytes.u8()?)?);
    decoded.set("tempAlarmLimitLow", bytes.i8()?);
    decoded.set("tempAlarmLimitHigh", bytes.i8()?);
    decoded.set("humidityAlarmLimitLow", bytes.u8()?);
    decoded.set("humidityAlarmLimitHigh", bytes.u8()?);
    leds(decoded, bytes)
}

pub(super) fn rtd_config(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    decoded.set("msgType", "Laird_RTD_Config");
    measuring(decoded, bytes)?;
    decoded.set("tempAlarmLimitLow", bytes.i16()?);
    decoded.set("tempAlarmLimitHigh", bytes.i16()?);
    leds(decoded, bytes)
}

pub(super) fn firmware(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let [year, month, day, major, minor] = bytes.array()?;
    decoded.set("msgType", "Laird_FW_Version");
    decoded.set("releaseDate", format!("{year}/{month}/{day}"));
    decoded.set("releaseNumber", format!("{major}.{minor}"));
    decoded.set("partNumber", bytes.u32()?);
    Ok(())
}

pub(super) fn contact_config(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    decoded.set("msgType", "Laird_Contact_Sensor_Config");
    decoded.set("operatingMode", operating_mode(bytes.u8()?)?);
    decoded.set("loraNotificationOptions", bits(bytes.u8()?, NOTIFICATIONS)?);
    decoded.set("openDwellTime", bytes.u16()?);
    decoded.set("closedDwellTime", bytes.u16()?);
    decoded.set("resendInterval", bytes.u8()?);
    decoded.set("debounceAdjust", bytes.u8()?);
    Ok(())
}

/// The state of a contact: a door's only where the sensor is set to be at a door.
pub(super) fn contact(decoded: &mut Decoded, bytes: &mut Bytes<'_>) -> Result<(), Refusal> {
    let mode = bytes.u8()?;
    let state = bytes.u8()?;
    decoded.set("msgType", "Laird_Contact_Sensor");
    decoded.set("operatingMode", operating_mode(mode)?);
    decoded.set("state", word(state, &["Closed", "Open"])?);
    decoded.set("alertCancellation", truth(bytes.u8()?)?);
    decoded.set("counter", bytes.u8()?);
    decoded.door_open = (mode == 0).then_some(state == 1);
    Ok(())
}

/// Seconds since 2015 as a date of the Gregorian calendar.
pub(super) fn date(secs: u32) -> Fields {
    let secs = EPOCH_SECS + i64::from(secs);
    let (days, second) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    Fields::default()
        .with("year", year)
        .with("month", MONTHS[month])
        .with("day", day)
        .with("hours", second / 3600)
        .with("minutes", second / 60 % 60)
        .with("seconds", second % 60)
}

/// Year, month from 0 and day of a number of days since 1970 (not before), counted by years that begin in March, so that
/// the leap day is the last of a year.
fn civil(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = usize::try_from((month_from_march + 2) % 12).unwrap_or(0);
    (era * 400 + year_of_era + i64::from(month < 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_are_dates() {
        for (days, date) in [
            (0, (1970, 0, 1)),
            (16_436, (2015, 0, 1)),
            (18_321, (2020, 1, 29)),
            (18_322, (2020, 2, 1)),
            (20_453, (2025, 11, 31)),
            (47_540, (2100, 1, 28)),
            (47_541, (2100, 2, 1)),
        ] {
            assert_eq!(civil(days), date, "{days}");
        }
    }
}
