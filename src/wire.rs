//! The words of the wire: how units, alerts, instants and temperatures look in JSON, on HTTP and socket alike.
//!
//! Values are turned into text here and nowhere else. Temperatures are decimal degrees Celsius, instants RFC 3339
//! in UTC with milliseconds, ids lower-case UUIDs.

use hub_actors::{
    ShownUnit,
    channel::{SiteSummary, StatusCounts},
};
use hub_domain::{AlertStatus, MilliCelsius, PerMille, Status, Timestamp};
use hub_store::records::AlertRecord;
use serde::{Serialize, Serializer, ser::SerializeMap};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::schemas;

/// An instant as `2026-11-20T08:00:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct InstantOut(pub Timestamp);

/// An id as a lower-case UUID with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = Uuid)]
pub struct IdOut(pub Uuid);

/// A temperature as decimal degrees Celsius: 4,250 thousandths are `4.25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64)]
pub struct CelsiusOut(pub MilliCelsius);

/// A humidity in percent: 442 per mille are `44.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64)]
pub struct PercentOut(pub PerMille);

/// A unit's live view.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitOut<'a> {
    id: IdOut,
    site_id: IdOut,
    name: &'a str,
    #[schema(schema_with = schemas::unit_status)]
    status: &'static str,
    #[schema(schema_with = schemas::thermal)]
    thermal: &'static str,
    #[schema(schema_with = schemas::link)]
    link: &'static str,
    #[schema(schema_with = schemas::door)]
    door: &'static str,
    #[schema(schema_with = schemas::manual_log)]
    manual_log: &'static str,
    #[schema(schema_with = schemas::mode)]
    mode: &'static str,
    #[schema(required)]
    temperature: Option<CelsiusOut>,
    #[schema(required)]
    humidity: Option<PercentOut>,
    #[schema(required)]
    recorded_at: Option<InstantOut>,
    #[schema(required)]
    received_at: Option<InstantOut>,
    #[schema(required)]
    high_limit: Option<CelsiusOut>,
    #[schema(required)]
    low_limit: Option<CelsiusOut>,
    #[schema(required)]
    confirm_at: Option<InstantOut>,
    open_alerts: usize,
    seq: u64,
}

/// An alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertOut {
    id: IdOut,
    unit_id: IdOut,
    site_id: IdOut,
    #[schema(schema_with = schemas::alert_kind)]
    kind: &'static str,
    #[schema(schema_with = schemas::severity)]
    severity: &'static str,
    #[schema(schema_with = schemas::alert_status)]
    status: &'static str,
    opened_at: InstantOut,
    #[schema(required)]
    confirmed_at: Option<InstantOut>,
    #[schema(required)]
    acknowledged_at: Option<InstantOut>,
    #[schema(required)]
    acknowledged_by: Option<IdOut>,
    #[schema(required)]
    resolved_at: Option<InstantOut>,
    #[schema(required, schema_with = schemas::resolution_or_none)]
    resolution: Option<&'static str>,
    #[schema(required)]
    temperature: Option<CelsiusOut>,
    #[schema(required)]
    limit: Option<CelsiusOut>,
    #[schema(required)]
    peak: Option<CelsiusOut>,
    rule_version: i64,
}

/// A site in a few numbers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryOut<'a> {
    id: IdOut,
    name: &'a str,
    units: u32,
    worst: &'static str,
    counts: CountsOut,
    open_alerts: usize,
}

/// Units by status; a status that no unit has is left out.
#[derive(Clone, Copy, Debug)]
struct CountsOut(StatusCounts);

/// Something that has an id and a name.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NamedOut<'a> {
    /// The id.
    pub id: IdOut,
    /// The name.
    pub name: &'a str,
}

impl<'a> From<&'a ShownUnit> for UnitOut<'a> {
    fn from(shown: &'a ShownUnit) -> Self {
        let view = &shown.view;
        Self {
            id: IdOut(shown.unit.0),
            site_id: IdOut(shown.site.0),
            name: &shown.name,
            status: view.status.name(),
            thermal: view.thermal.name(),
            link: view.link.name(),
            door: view.door.name(),
            manual_log: view.manual_log.name(),
            mode: view.mode,
            temperature: view.temperature.map(CelsiusOut),
            humidity: view.humidity.map(PercentOut),
            recorded_at: view.recorded_at.map(InstantOut),
            received_at: view.received_at.map(InstantOut),
            high_limit: shown.high_limit.map(CelsiusOut),
            low_limit: shown.low_limit.map(CelsiusOut),
            confirm_at: shown.confirm_at.map(InstantOut),
            open_alerts: view.open_alerts,
            seq: shown.seq,
        }
    }
}

impl From<&AlertRecord> for AlertOut {
    fn from(alert: &AlertRecord) -> Self {
        Self {
            id: IdOut(alert.id.0),
            unit_id: IdOut(alert.unit.0),
            site_id: IdOut(alert.site.0),
            kind: alert.kind.name(),
            severity: alert.severity.name(),
            status: alert.status.name(),
            opened_at: InstantOut(alert.opened_at),
            confirmed_at: alert.confirmed_at.map(InstantOut),
            acknowledged_at: alert.acknowledged_at.map(InstantOut),
            acknowledged_by: alert.acknowledged_by.map(|user| IdOut(user.0)),
            resolved_at: alert.resolved_at.map(InstantOut),
            resolution: resolution(alert),
            temperature: alert.temperature.map(CelsiusOut),
            limit: alert.limit.map(CelsiusOut),
            peak: alert.peak.map(CelsiusOut),
            rule_version: alert.rule_version,
        }
    }
}

fn resolution(alert: &AlertRecord) -> Option<&'static str> {
    let word = if alert.resolved_by.is_some() { "manual" } else { "automatic" };
    (alert.status == AlertStatus::Resolved).then_some(word)
}

impl<'a> From<&'a SiteSummary> for SummaryOut<'a> {
    fn from(summary: &'a SiteSummary) -> Self {
        Self {
            id: IdOut(summary.site.0),
            name: &summary.name,
            units: summary.counts.total(),
            worst: summary.counts.worst().name(),
            counts: CountsOut(summary.counts),
            open_alerts: summary.open_alerts,
        }
    }
}

impl Serialize for CountsOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for status in Status::ALL.iter().filter(|status| self.0.of(**status) > 0) {
            map.serialize_entry(status.name(), &self.0.of(*status))?;
        }
        map.end()
    }
}

impl Serialize for IdOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

// Thousandths below 2^31 divided by 1,000 give the double nearest to the decimal, and the shortest text that reads
// back as that double is the decimal itself: no noise such as 4.250000000000001.
impl Serialize for CelsiusOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0.0) / 1000.0)
    }
}

impl Serialize for PercentOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0.0) / 10.0)
    }
}

impl Serialize for InstantOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl std::fmt::Display for InstantOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl InstantOut {
    /// The text, always 24 bytes: what lies outside the years 0 to 9999 is shown as their ends.
    fn text(self) -> [u8; 24] {
        const DAY_MILLIS: i64 = 86_400_000;
        let first = -719_528 * DAY_MILLIS; // 0000-01-01
        let millis = self.0.as_millis().clamp(first, Timestamp::LATEST.as_millis());
        let (year, month, day) = civil(millis.div_euclid(DAY_MILLIS));
        let in_day = millis.rem_euclid(DAY_MILLIS);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, in_day / 3_600_000),
            (14, 2, in_day / 60_000 % 60),
            (17, 2, in_day / 1000 % 60),
            (20, 3, in_day % 1000),
        ];
        for (at, width, value) in parts {
            put(&mut text[at..at + width], value);
        }
        text
    }
}

fn put(digits: &mut [u8], mut value: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar (Howard Hinnant,
/// "chrono-compatible low-level date algorithms", `civil_from_days`).
const fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468; // days since 0000-03-01
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153; // from March
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, of_month)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};

    use super::*;

    #[test]
    fn temperatures_are_exact_decimals() {
        let cases = [
            (4_250, "4.25"),
            (8_000, "8.0"),
            (0, "0.0"),
            (-18_001, "-18.001"),
            (-273_150, "-273.15"),
            (57_222, "57.222"),
            (1, "0.001"),
            (100_000, "100.0"),
            (1_000_000, "1000.0"),
        ];
        for (milli, text) in cases {
            assert_eq!(serde_json::to_string(&CelsiusOut(MilliCelsius(milli))).unwrap(), text);
        }
        assert_eq!(serde_json::to_string(&PercentOut(PerMille(442))).unwrap(), "44.2");
    }

    #[test]
    fn every_thousandth_reads_back_as_itself() {
        for milli in (-273_150..=1_000_000).step_by(7) {
            let text = serde_json::to_string(&CelsiusOut(MilliCelsius(milli))).unwrap();
            assert_eq!(crate::decimal::milli(&text), Some(i64::from(milli)), "{text}");
            let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            assert!((1..=3).contains(&decimals), "{text}");
        }
    }

    #[test]
    fn instants_read_as_the_calendar_says() {
        let step = 12_345_678_901;
        let mut millis = -62_167_219_200_000;
        while millis <= Timestamp::LATEST.as_millis() {
            let expected = DateTime::from_timestamp_millis(millis).unwrap();
            let expected = expected.to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(InstantOut(Timestamp::from_millis(millis)).to_string(), expected);
            millis += step;
        }
        for (millis, text) in [
            (1_795_161_600_000, "2026-11-20T08:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(InstantOut(Timestamp::from_millis(millis)).to_string(), text);
        }
    }
}
