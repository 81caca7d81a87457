//! What the OpenAPI document says of the readings that are sent. The parser is [`item`](super::item)'s: it refuses each
//! reading by itself, so these types are never filled.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::schemas;

/// Readings in one request: 1 to 5,000.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadingsIn {
    /// Each is judged by itself: one that is wrong is rejected alone.
    #[schema(min_items = 1, max_items = 5000)]
    pub readings: Vec<ReadingIn>,
}

/// A reading. One of `unitId`, `deviceId` and `devEui` is needed; all that are there must agree.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReadingIn {
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The device.
    pub device_id: Option<Uuid>,
    /// The device's radio identity.
    #[schema(schema_with = schemas::dev_eui_or_none)]
    pub dev_eui: Option<String>,
    /// What was measured, in `temperatureUnit`.
    pub temperature: f64,
    /// °C unless this says °F.
    #[schema(schema_with = schemas::temperature_unit_or_none)]
    pub temperature_unit: Option<String>,
    /// Relative humidity in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub humidity: Option<f64>,
    /// Charge left in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub battery: Option<f64>,
    /// In volts.
    #[schema(minimum = 0, maximum = 60)]
    pub battery_voltage: Option<f64>,
    /// Whether the door stood open.
    pub door_open: Option<bool>,
    /// In dBm.
    #[schema(minimum = -200, maximum = 50)]
    pub signal_strength: Option<f64>,
    /// The sensor's time, with an offset.
    #[schema(schema_with = schemas::instant)]
    pub recorded_at: String,
    /// A label of the instrument, for readings that name their unit.
    #[schema(min_length = 1, max_length = 64)]
    pub source: Option<String>,
    /// Which of the source's channels.
    #[schema(min_length = 1, max_length = 32, pattern = "^[a-z0-9_-]+$")]
    pub channel: Option<String>,
    /// The sender's counter.
    #[schema(minimum = 0)]
    pub sequence: Option<i64>,
}
