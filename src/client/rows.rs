//! CSV rows into readings: which column means what, and in which unit.

use std::io::Read;

use anyhow::{Context, bail, ensure};
use chrono::FixedOffset;

use super::ingest::{ReadingOut, Target};
use super::instant::{self, TimeFormat};

/// The scale of a column of temperatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TemperatureUnit {
    /// Degrees Celsius.
    #[default]
    #[value(name = "C", alias = "c")]
    Celsius,
    /// Degrees Fahrenheit.
    #[value(name = "F", alias = "f")]
    Fahrenheit,
}

/// The scale of a column of battery voltages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum VoltageUnit {
    /// Volts.
    #[default]
    #[value(name = "V", alias = "v")]
    Volts,
    /// Thousandths of a volt.
    #[value(name = "mV", alias = "mv")]
    Millivolts,
}

/// Which column of a CSV file means what.
#[derive(Debug, Clone, clap::Args)]
pub struct ColumnArgs {
    /// Column of the instants
    #[arg(long, value_name = "NAME", default_value = "timestamp")]
    pub time_column: String,
    /// How the instants are written
    #[arg(long, value_enum, default_value_t)]
    pub time_format: TimeFormat,
    /// Offset from UTC of instants written without one
    #[arg(long, value_name = "OFFSET", default_value = "Z", allow_hyphen_values = true, value_parser = instant::parse_offset)]
    pub time_zone_offset: FixedOffset,
    /// Column of the temperatures
    #[arg(long, value_name = "NAME", default_value = "temperature")]
    pub temperature_column: String,
    /// Scale of the temperatures
    #[arg(long, value_enum, default_value_t)]
    pub temperature_unit: TemperatureUnit,
    /// Column of the relative humidity in per cent
    #[arg(long, value_name = "NAME")]
    pub humidity_column: Option<String>,
    /// Column of the battery's charge in per cent
    #[arg(long, value_name = "NAME")]
    pub battery_column: Option<String>,
    /// Column of the battery's voltage
    #[arg(long, value_name = "NAME")]
    pub battery_voltage_column: Option<String>,
    /// Scale of the battery's voltage
    #[arg(long, value_enum, default_value_t)]
    pub battery_voltage_unit: VoltageUnit,
    /// Column of the signal strength in dBm
    #[arg(long, value_name = "NAME")]
    pub signal_column: Option<String>,
    /// Column of the door: true/false, 1/0, open/closed
    #[arg(long, value_name = "NAME")]
    pub door_column: Option<String>,
    /// Column of the sensor's own count
    #[arg(long, value_name = "NAME")]
    pub sequence_column: Option<String>,
    /// Channel that every reading is given
    #[arg(long, value_name = "TEXT")]
    pub channel: Option<String>,
    /// Source that every reading is given
    #[arg(long, value_name = "TEXT")]
    pub source: Option<String>,
}

/// Where a row's target comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetFrom {
    /// The same for all rows.
    Fixed(Target),
    /// The unit's id stands in a column of this name.
    UnitColumn(String),
}

/// One row that made a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it stands in its file, from 1, the heading included.
    pub line: u64,
    /// The reading's instant in unix milliseconds.
    pub at_ms: i64,
    /// What is sent, but for its instant, which may yet be shifted.
    pub reading: ReadingOut,
}

/// One row that made none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Where it stands in its file, from 1, the heading included.
    pub line: u64,
    /// Why, for a person.
    pub reason: String,
}

/// The columns' places in one file.
struct Layout<'a> {
    args: &'a ColumnArgs,
    target: &'a TargetFrom,
    time: usize,
    temperature: usize,
    humidity: Option<usize>,
    battery: Option<usize>,
    voltage: Option<usize>,
    signal: Option<usize>,
    door: Option<usize>,
    sequence: Option<usize>,
    unit: Option<usize>,
}

/// Reads a whole file; each row makes a reading or tells why not.
///
/// # Errors
/// A column that was named is missing, or the file is no CSV at all. A single bad row is no error.
pub fn read(
    file: impl Read,
    args: &ColumnArgs,
    target: &TargetFrom,
) -> anyhow::Result<Vec<Result<Row, BadRow>>> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let layout = Layout::of(csv.headers().context("heading cannot be read")?, args, target)?;
    let mut rows = Vec::new();
    for record in csv.records() {
        let row = match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                layout.row(&record, line).map_err(|e| BadRow { line, reason: format!("{e:#}") })
            }
            Err(error) if error.is_io_error() => return Err(error.into()),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                Err(BadRow { line, reason: error.to_string() })
            }
        };
        rows.push(row);
    }
    Ok(rows)
}

impl<'a> Layout<'a> {
    fn of(
        heading: &csv::StringRecord,
        args: &'a ColumnArgs,
        target: &'a TargetFrom,
    ) -> anyhow::Result<Self> {
        let optional =
            |name: &Option<String>| name.as_deref().map(|n| place(heading, n)).transpose();
        let unit = match target {
            TargetFrom::UnitColumn(name) => Some(place(heading, name)?),
            TargetFrom::Fixed(_) => None,
        };
        Ok(Self {
            args,
            target,
            time: place(heading, &args.time_column)?,
            temperature: place(heading, &args.temperature_column)?,
            humidity: optional(&args.humidity_column)?,
            battery: optional(&args.battery_column)?,
            voltage: optional(&args.battery_voltage_column)?,
            signal: optional(&args.signal_column)?,
            door: optional(&args.door_column)?,
            sequence: optional(&args.sequence_column)?,
            unit,
        })
    }

    fn row(&self, record: &csv::StringRecord, line: u64) -> anyhow::Result<Row> {
        let args = self.args;
        let written = required(record, self.time, "instant")?;
        let at = instant::parse(written, args.time_format, args.time_zone_offset)?;
        let degrees = number(required(record, self.temperature, "temperature")?)?;
        let at_ms = at.timestamp_millis();
        let mut reading =
            ReadingOut::new(self.target_of(record)?, degrees, instant::rfc3339(at_ms));
        reading.temperature_unit =
            (args.temperature_unit == TemperatureUnit::Fahrenheit).then_some("F");
        reading.humidity = optional(record, self.humidity, number)?;
        reading.battery = optional(record, self.battery, number)?;
        reading.battery_voltage = optional(record, self.voltage, |cell| self.volts(cell))?;
        reading.signal_strength = optional(record, self.signal, dbm)?;
        reading.door_open = optional(record, self.door, door)?;
        reading.sequence = optional(record, self.sequence, count)?;
        reading.channel.clone_from(&args.channel);
        reading.source.clone_from(&args.source);
        Ok(Row { line, at_ms, reading })
    }

    fn target_of(&self, record: &csv::StringRecord) -> anyhow::Result<Target> {
        match (self.target, self.unit) {
            (TargetFrom::Fixed(target), _) => Ok(target.clone()),
            (TargetFrom::UnitColumn(name), column) => {
                let id = column.map(|at| required(record, at, name)).transpose()?;
                Ok(Target::UnitId(id.unwrap_or_default().to_owned()))
            }
        }
    }

    fn volts(&self, cell: &str) -> anyhow::Result<f64> {
        let value = number(cell)?;
        Ok(match self.args.battery_voltage_unit {
            VoltageUnit::Volts => value,
            VoltageUnit::Millivolts => value / 1000.0,
        })
    }
}

fn place(heading: &csv::StringRecord, name: &str) -> anyhow::Result<usize> {
    // spreadsheets put a byte order mark before the first name
    heading.iter().position(|column| column.trim_start_matches('\u{feff}') == name).with_context(
        || {
            let columns: Vec<_> = heading.iter().collect();
            format!("there is no column {name:?}; there are {columns:?}")
        },
    )
}

fn required<'r>(record: &'r csv::StringRecord, at: usize, what: &str) -> anyhow::Result<&'r str> {
    let cell = record.get(at).unwrap_or_default();
    ensure!(!cell.is_empty(), "no {what}");
    Ok(cell)
}

/// An empty or missing cell is nothing; one that is neither empty nor right spoils the row.
fn optional<T>(
    record: &csv::StringRecord,
    at: Option<usize>,
    parse: impl Fn(&str) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let cell = at.and_then(|at| record.get(at)).filter(|cell| !cell.is_empty());
    cell.map(parse).transpose()
}

fn number(cell: &str) -> anyhow::Result<f64> {
    let value: f64 = cell.parse().ok().with_context(|| format!("{cell:?} is not a number"))?;
    ensure!(value.is_finite(), "{cell:?} is not a finite number");
    Ok(value)
}

fn dbm(cell: &str) -> anyhow::Result<i32> {
    let value = number(cell)?.round();
    ensure!((-300.0..=100.0).contains(&value), "{cell:?} is no signal strength in dBm");
    #[expect(clippy::cast_possible_truncation, reason = "within -300..100, checked above")]
    Ok(value as i32)
}

fn count(cell: &str) -> anyhow::Result<i64> {
    cell.parse().ok().with_context(|| format!("{cell:?} is not a whole number"))
}

fn door(cell: &str) -> anyhow::Result<bool> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "1" | "open" | "yes" => Ok(true),
        "false" | "0" | "closed" | "no" => Ok(false),
        _ => bail!("{cell:?} says neither open nor closed"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        columns: ColumnArgs,
    }

    fn columns(flags: &str) -> ColumnArgs {
        let quoted = flags.split('|').map(str::trim).filter(|flag| !flag.is_empty());
        Flags::try_parse_from(std::iter::once("test").chain(quoted)).unwrap().columns
    }

    fn unit() -> TargetFrom {
        TargetFrom::Fixed(Target::UnitId("u1".into()))
    }

    fn read_text(text: &str, flags: &str) -> Vec<Result<Row, BadRow>> {
        read(text.as_bytes(), &columns(flags), &unit()).unwrap()
    }

    /// Reads a dataset; gives its rows and how many made no reading.
    fn read_dataset(name: &str, flags: &str) -> Option<(Vec<Row>, Vec<BadRow>)> {
        let path = hub_testkit::shared::path(&format!("datasets/{name}"))?;
        let file = std::fs::File::open(path).unwrap();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for row in read(std::io::BufReader::new(file), &columns(flags), &unit()).unwrap() {
            match row {
                Ok(row) => good.push(row),
                Err(row) => bad.push(row),
            }
        }
        Some((good, bad))
    }

    #[test]
    fn a_row_carries_every_column_that_was_named() {
        let text = "when,who,t,h,mv,rssi,door,n\n2026-01-02 03:04:05,x,39.2,45.5,2911,-96,open,7\n";
        let flags = "--time-column=when|--temperature-column=t|--temperature-unit=F|--humidity-column=h
            |--battery-voltage-column=mv|--battery-voltage-unit=mV|--signal-column=rssi|--door-column=door
            |--sequence-column=n|--channel=probe1|--source=logger|--time-zone-offset=-05:00";
        let by_column = TargetFrom::UnitColumn("who".into());
        let rows = read(text.as_bytes(), &columns(flags), &by_column).unwrap();
        let row = rows[0].as_ref().unwrap();
        assert_eq!(
            serde_json::to_value(&row.reading).unwrap(),
            serde_json::json!({
                "unitId": "x", "temperature": 39.2, "temperatureUnit": "F", "humidity": 45.5,
                "batteryVoltage": 2.911, "signalStrength": -96, "doorOpen": true, "sequence": 7,
                "channel": "probe1", "source": "logger", "recordedAt": "2026-01-02T08:04:05.000Z",
            })
        );
        assert_eq!(row.line, 2);
    }

    #[test]
    fn a_row_that_cannot_be_read_tells_its_line_and_why() {
        let text = "timestamp,temperature\n1,4\nnever,4\n2,\n3\n4,NaN\n5,1e400\n6,warm\n7,5\n";
        let told: Vec<_> = read_text(text, "")
            .into_iter()
            .filter_map(Result::err)
            .map(|bad| format!("{} {}", bad.line, bad.reason))
            .collect();
        assert_eq!(
            told,
            [
                "3 \"never\" is not an instant",
                "4 no temperature",
                "5 no temperature",
                "6 \"NaN\" is not a finite number",
                "7 \"1e400\" is not a finite number",
                "8 \"warm\" is not a number",
            ]
        );
    }

    #[test]
    fn a_column_that_is_missing_names_those_there_are() {
        let error = read("when,celsius\n".as_bytes(), &columns(""), &unit()).unwrap_err();
        let told = error.to_string();
        assert_eq!(told, r#"there is no column "timestamp"; there are ["when", "celsius"]"#);
    }

    #[test]
    fn the_fridge_and_freezer_loggers_can_be_read() {
        let flags =
            "--humidity-column=humidity|--signal-column=rssi|--battery-voltage-column=voltage
            |--sequence-column=measurement sequence number";
        for (name, rows) in [("fridge", 368), ("freezer", 371), ("fruits", 213)] {
            let Some((good, bad)) =
                read_dataset(&format!("ruuvi-fridge-freezer/{name}.csv"), flags)
            else {
                return;
            };
            assert_eq!((good.len(), bad.len()), (rows, 0), "{name}");
            if name == "fridge" {
                let first = &good[0].reading;
                assert_eq!(first.recorded_at, "2020-05-05T07:21:56.000Z");
                assert_eq!((first.temperature, first.sequence), (1.73, Some(29478)));
            }
        }
    }

    #[test]
    fn the_radio_sensor_on_the_tower_can_be_read() {
        let flags = "--time-column=received_at_ms|--time-format=unix-ms|--temperature-column=temperature_c
            |--humidity-column=humidity_pct|--battery-voltage-column=vdd_mv|--battery-voltage-unit=mV
            |--signal-column=best_rssi_dbm|--sequence-column=f_cnt";
        let Some((good, bad)) = read_dataset("tour-perret-lorawan/elsys-ems-helium.csv", flags)
        else {
            return;
        };
        assert_eq!(good.len() + bad.len(), 12_614);
        assert!(bad.iter().all(|row| row.reason == "no temperature"), "{bad:?}");
        assert_eq!(good[0].reading.recorded_at, "2023-01-04T21:31:22.173Z");
        assert_eq!(good[0].reading.battery_voltage, Some(3.616));
    }

    #[test]
    fn the_machine_and_the_office_can_be_read() {
        let flags = "--temperature-column=value|--temperature-unit=F";
        for (name, rows) in [("machine", 22_695), ("ambient", 7_267)] {
            let path = format!("nab-temperature/{name}_temperature_system_failure.csv");
            let Some((good, bad)) = read_dataset(&path, flags) else { return };
            assert_eq!((good.len(), bad.len()), (rows, 0), "{name}");
            assert_eq!(good[0].reading.temperature_unit, Some("F"));
        }
    }
}
