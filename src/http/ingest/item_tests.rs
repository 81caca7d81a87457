use super::*;

const UNIT: &str = "019a0000-0000-7000-8000-000000000001";

/// A good reading with some fields put in place of others, or added.
fn reading(changed: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("unitId", format!("\"{UNIT}\"")),
        ("temperature", "4.25".to_owned()),
        ("recordedAt", "\"2026-11-20T08:00:00Z\"".to_owned()),
    ];
    for (name, value) in changed {
        fields.retain(|(known, _)| known != name);
        fields.push((name, (*value).to_owned()));
    }
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn code(changed: &[(&str, &str)]) -> &'static str {
    Item::parse(&reading(changed)).map_or_else(|rejection| rejection.code, |_| "taken")
}

#[test]
fn a_full_reading_is_read_exactly() {
    let item = Item::parse(&reading(&[
        ("temperature", "39.65"),
        ("temperatureUnit", "\"F\""),
        ("humidity", "44.92"),
        ("battery", "87.5"),
        ("batteryVoltage", "3.062"),
        ("doorOpen", "true"),
        ("signalStrength", "-101"),
        ("source", "\"probe \\u00e9\""),
        ("channel", "\"probe1\""),
        ("sequence", "9223372036854775807"),
    ]))
    .unwrap();
    assert_eq!(item.target.unit, UNIT.parse().ok());
    assert_eq!(item.temperature, MilliCelsius(4_250));
    assert_eq!(
        (item.humidity, item.battery_percent, item.battery_mv),
        (Some(PerMille(449)), Some(88), Some(3_062))
    );
    assert_eq!((item.door_open, item.signal_dbm), (Some(true), Some(-101)));
    assert_eq!(item.source.as_deref(), Some("probe é"));
    assert_eq!((item.channel.as_str(), item.sequence), ("probe1", i64::MAX));
    assert_eq!(item.recorded_at.as_millis(), 1_795_161_600_000);
}

#[test]
fn each_wrong_field_has_its_code() {
    let cases: &[(&str, &str, &str)] = &[
        ("temperature", "null", "bad_temperature"),
        ("temperature", "\"4.25\"", "bad_temperature"),
        ("temperature", "1e400", "bad_temperature"),
        ("temperature", "-273.151", "bad_temperature"),
        ("temperature", "-273.15", "taken"),
        ("temperature", "1000", "taken"),
        ("temperature", "1000.001", "bad_temperature"),
        ("temperature", "9223372036854775808", "bad_temperature"),
        ("temperature", "-0", "taken"),
        ("temperature", "true", "bad_temperature"),
        ("temperature", "[4]", "bad_temperature"),
        ("temperatureUnit", "\"K\"", "bad_temperature_unit"),
        ("temperatureUnit", "\"f\"", "bad_temperature_unit"),
        ("temperatureUnits", "\"F\"", "unknown_field"),
        ("recordedAt", "\"2026-11-20T08:00:00\"", "bad_recorded_at"),
        ("recordedAt", "1795161600", "bad_recorded_at"),
        ("recordedAt", "null", "bad_recorded_at"),
        ("recordedAt", "\"0000-01-01T00:00:00Z\"", "taken"),
        ("recordedAt", "\"9999-12-31T23:59:59.999Z\"", "taken"),
        ("humidity", "100", "taken"),
        ("humidity", "100.1", "bad_humidity"),
        ("humidity", "-0.1", "bad_humidity"),
        ("battery", "101", "bad_battery"),
        ("batteryVoltage", "60.001", "bad_battery_voltage"),
        ("batteryVoltage", "60", "taken"),
        ("doorOpen", "1", "bad_door_open"),
        ("doorOpen", "\"true\"", "bad_door_open"),
        ("signalStrength", "-201", "bad_signal_strength"),
        ("signalStrength", "50", "taken"),
        ("sequence", "-1", "bad_sequence"),
        ("sequence", "1.5", "bad_sequence"),
        ("sequence", "9223372036854775808", "bad_sequence"),
        ("channel", "\"Probe 1\"", "bad_channel"),
        ("channel", "\"\"", "bad_channel"),
        ("source", "\"\"", "bad_source"),
        ("source", "\"a\\u0000b\"", "bad_source"),
        ("source", "\"\\ud800\"", "bad_source"),
        ("unitId", "\"nonsense\"", "unknown_unit"),
        ("unitId", "7", "unknown_unit"),
        ("unitId", "null", "missing_target"),
        ("deviceId", "\"x\"", "unknown_device"),
        ("devEui", "\"0004A30B001C053\"", "unknown_device"),
        ("devEui", "\"0004a30b001c0530\"", "taken"),
    ];
    for (field, value, expected) in cases {
        assert_eq!(code(&[(field, value)]), *expected, "{field}: {value}");
    }
}

#[test]
fn what_is_no_object_or_says_a_field_twice_is_malformed() {
    for text in ["", "null", "[]", "7", "\"x\"", "{", "{\"temperature\":}", "{\"temperature\":NaN}"]
    {
        assert_eq!(Item::parse(text).unwrap_err().code, "malformed", "{text}");
    }
    let twice =
        reading(&[]).replace("\"temperature\":4.25", "\"temperature\":4.25,\"temperature\":5");
    assert_eq!(Item::parse(&twice).unwrap_err().code, "malformed");
}
