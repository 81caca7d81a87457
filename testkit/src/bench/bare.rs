//! What the database takes of the same rows into the same table, with nobody in between: the ceiling.
//!
//! One connection, one statement a batch, each committed by itself, every column carried in from outside as the hub
//! must. Only the statements are timed, not the making of what they carry.

use std::time::{Duration, Instant};

use anyhow::ensure;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use super::crowd::unix_ns;
use super::database::{Database, open_sqlite};

const INTO_POSTGRES: &str = "
INSERT INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature,
    humidity, battery_percent, battery_mv, door_open, signal_dbm, is_late)
SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::int[], $9::smallint[], $10::smallint[], $11::int[], $12::boolean[], $13::smallint[], $14::boolean[])
ON CONFLICT DO NOTHING";

const INTO_SQLITE: &str = "
INSERT OR IGNORE INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature,
    humidity, battery_percent, battery_mv, door_open, signal_dbm, is_late)
SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
    value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13
FROM json_each(?)";

/// A connection that writes rows of units of its own.
#[derive(Debug)]
pub(super) struct Bare {
    connection: Connection,
    organization: Uuid,
    units: Vec<Uuid>,
    /// Instants handed out so far, one to all units each.
    round: i64,
}

#[derive(Debug)]
enum Connection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// What a turn came to.
#[derive(Debug)]
pub(super) struct Written {
    /// Rows written.
    pub(super) rows: f64,
    /// The seconds that the statements took.
    secs: f64,
}

impl Written {
    /// Rows a second.
    pub(super) fn rate(&self) -> f64 {
        self.rows / self.secs
    }
}

impl Bare {
    /// Connects to a database with the hub's tables, to write rows of so many units.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn connect(database: &Database, units: usize) -> anyhow::Result<Self> {
        let connection = match database {
            Database::Postgres { url } => Connection::Postgres(PgConnection::connect(url).await?),
            Database::Sqlite { folder } => Connection::Sqlite(open_sqlite(folder).await?),
        };
        let units = (0..units).map(|_| Uuid::now_v7()).collect();
        Ok(Self { connection, organization: Uuid::now_v7(), units, round: 0 })
    }

    /// Writes rows for about `span`, in batches of `batch`.
    ///
    /// # Errors
    /// When the database refuses a row.
    pub(super) async fn write(&mut self, batch: usize, span: Duration) -> anyhow::Result<Written> {
        let (mut spent, mut rows) = (Duration::ZERO, 0.0);
        while spent < span {
            let next = self.rows(batch);
            spent += self.insert(next).await?;
            rows += f64::from(u32::try_from(batch)?);
        }
        Ok(Written { rows, secs: spent.as_secs_f64() })
    }

    /// The next rows: each unit in turn, and from the first again a little later.
    fn rows(&mut self, batch: usize) -> Vec<Row> {
        let received_at = unix_ns() / 1_000_000;
        let mut rows = Vec::with_capacity(batch);
        while rows.len() < batch {
            self.round += 1;
            let recorded_at = received_at - 200_000 + self.round * 10;
            let temperature = 2_000 + i32::try_from(self.round % 2_000).unwrap_or_default();
            let row = |unit: &Uuid| Row { unit: *unit, recorded_at, received_at, temperature };
            rows.extend(self.units.iter().take(batch - rows.len()).map(row));
        }
        rows
    }

    async fn insert(&mut self, rows: Vec<Row>) -> anyhow::Result<Duration> {
        let expected = rows.len() as u64;
        let (written, took) = match &mut self.connection {
            Connection::Postgres(connection) => {
                into_postgres(connection, self.organization, &rows).await?
            }
            Connection::Sqlite(connection) => {
                into_sqlite(connection, self.organization, &rows).await?
            }
        };
        ensure!(written == expected, "{written} of {expected} rows were new");
        Ok(took)
    }
}

/// What differs from row to row.
#[derive(Debug)]
struct Row {
    unit: Uuid,
    recorded_at: i64,
    received_at: i64,
    temperature: i32,
}

async fn into_postgres(
    connection: &mut PgConnection,
    organization: Uuid,
    rows: &[Row],
) -> anyhow::Result<(u64, Duration)> {
    let count = rows.len();
    let units: Vec<Uuid> = rows.iter().map(|row| row.unit).collect();
    let no_smallints = vec![None::<i16>; count];
    let query = sqlx::query(INTO_POSTGRES)
        .bind(vec![organization; count])
        .bind(units.clone())
        .bind(units)
        .bind(vec![""; count])
        .bind(rows.iter().map(|row| row.recorded_at).collect::<Vec<_>>())
        .bind(vec![-1_i64; count])
        .bind(rows.iter().map(|row| row.received_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.temperature).collect::<Vec<_>>())
        .bind(no_smallints.clone())
        .bind(no_smallints.clone())
        .bind(vec![None::<i32>; count])
        .bind(vec![None::<bool>; count])
        .bind(no_smallints)
        .bind(vec![false; count]);
    let begun = Instant::now();
    let written = query.execute(connection).await?.rows_affected();
    Ok((written, begun.elapsed()))
}

async fn into_sqlite(
    connection: &mut SqliteConnection,
    organization: Uuid,
    rows: &[Row],
) -> anyhow::Result<(u64, Duration)> {
    let organization = organization.simple();
    let texts = rows.iter().map(|Row { unit, recorded_at, received_at, temperature }| {
        let unit = unit.simple();
        format!(
            r#"["{organization}","{unit}","{unit}","",{recorded_at},-1,{received_at},{temperature},null,null,null,null,null,0]"#
        )
    });
    let text = format!("[{}]", texts.collect::<Vec<_>>().join(","));
    let begun = Instant::now();
    let written = sqlx::query(INTO_SQLITE).bind(text).execute(connection).await?.rows_affected();
    Ok((written, begun.elapsed()))
}
