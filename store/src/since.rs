//! The readings that were judged after a checkpoint, and the newest of points that no checkpoint holds any more.

use std::{collections::HashMap, fmt::Write as _};

use hub_domain::{Point, PointState, Reading, UnitId};
use sqlx::{PgPool, SqlitePool};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    open::ask,
    reading_row::{postgres_reading, reading_columns, sqlite_reading},
    sql::{Pools, Sql},
};

/// How many points are asked for at a time.
const POINTS_AT_A_TIME: usize = 10_000;

/// One index probe for each point. The instant stands beside the pair so that months before it are left out; the
/// offset keeps the planner from turning the probes into a scan of everything.
const POSTGRES: &str = concat!(
    "SELECT found.*
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[]) AS point (unit, source, name, at, nth),
    LATERAL (
        SELECT ",
    reading_columns!(),
    " FROM readings
        WHERE unit_id = unit AND source_id = source AND channel = name AND recorded_at >= at
            AND (recorded_at, sequence) > (at, nth) AND NOT is_late
        OFFSET 0
    ) AS found"
);

const SQLITE: &str = concat!(
    "SELECT ",
    reading_columns!(),
    " FROM json_each($1) AS point CROSS JOIN readings
    WHERE unit_id = unhex(point.value ->> 0) AND source_id = unhex(point.value ->> 1)
        AND channel = point.value ->> 2
        AND (recorded_at, sequence) > (point.value ->> 3, point.value ->> 4)
        AND NOT is_late"
);

const NEWEST_POSTGRES: &str = concat!(
    "SELECT ",
    reading_columns!(),
    " FROM readings WHERE unit_id = $1 AND source_id = $2 AND channel = $3 AND NOT is_late
    ORDER BY recorded_at DESC, sequence DESC LIMIT 1"
);

const NEWEST_SQLITE: &str = concat!(
    "SELECT ",
    reading_columns!(),
    " FROM readings WHERE unit_id = ?1 AND source_id = ?2 AND channel = ?3 AND NOT is_late
    ORDER BY recorded_at DESC, sequence DESC LIMIT 1"
);

impl Store {
    /// The newest judged reading of each of `points` of a unit that has one. What else was said is committed by then:
    /// only the unit's own actor asks.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn newest_judged(
        &self,
        unit: UnitId,
        points: &[Point],
    ) -> Result<Vec<Reading>, StoreError> {
        ask!(self, newest_judged(unit, points))
    }
}

impl Sql {
    pub(crate) async fn newest_judged(
        &self,
        unit: UnitId,
        points: &[Point],
    ) -> Result<Vec<Reading>, StoreError> {
        let mut found = Vec::new();
        for Point { source, channel } in points {
            let newest = match &self.pools {
                Pools::Postgres { pool, .. } => {
                    let newest = sqlx::query(NEWEST_POSTGRES).bind(unit.0).bind(source.0);
                    let newest = newest.bind(channel.as_str()).fetch_optional(pool).await?;
                    newest.as_ref().map(postgres_reading).transpose()?
                }
                Pools::Sqlite { readers, .. } => {
                    let newest = sqlx::query(NEWEST_SQLITE).bind(unit.0).bind(source.0);
                    let newest = newest.bind(channel.as_str()).fetch_optional(readers).await?;
                    newest.as_ref().map(sqlite_reading).transpose()?
                }
            };
            found.extend(newest.map(|(_, reading)| reading));
        }
        Ok(found)
    }
}

/// Points whose readings after their newest are asked for. A point that a checkpoint has not seen has none: its
/// first reading made a checkpoint.
#[derive(Default)]
pub(crate) struct Since<'a> {
    points: Vec<(Uuid, &'a PointState)>,
}

type Found = HashMap<UnitId, Vec<Reading>>;

impl<'a> Since<'a> {
    /// Asks for what came after the newest reading of `point`.
    pub(crate) fn ask(&mut self, unit: UnitId, point: &'a PointState) {
        self.points.push((unit.0, point));
    }

    /// The readings, by their units, in no order.
    pub(crate) async fn answer(self, pools: &Pools) -> Result<Found, StoreError> {
        let mut found = Found::new();
        for points in self.points.chunks(POINTS_AT_A_TIME) {
            let readings = match pools {
                Pools::Postgres { pool, .. } => from_postgres(pool, points).await?,
                Pools::Sqlite { readers, .. } => from_sqlite(readers, points).await?,
            };
            for (unit, reading) in readings {
                found.entry(unit).or_default().push(reading);
            }
        }
        Ok(found)
    }
}

async fn from_postgres(
    pool: &PgPool,
    points: &[(Uuid, &PointState)],
) -> Result<Vec<(UnitId, Reading)>, sqlx::Error> {
    let rows = sqlx::query(POSTGRES)
        .bind(points.iter().map(|(unit, _)| *unit).collect::<Vec<_>>())
        .bind(points.iter().map(|(_, point)| point.point.source.0).collect::<Vec<_>>())
        .bind(points.iter().map(|(_, point)| point.point.channel.as_str()).collect::<Vec<_>>())
        .bind(points.iter().map(|(_, point)| point.newest.0.as_millis()).collect::<Vec<_>>())
        .bind(points.iter().map(|(_, point)| point.newest.1).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    rows.iter().map(postgres_reading).collect()
}

async fn from_sqlite(
    pool: &SqlitePool,
    points: &[(Uuid, &PointState)],
) -> Result<Vec<(UnitId, Reading)>, sqlx::Error> {
    let mut json = String::with_capacity(points.len() * 128);
    for (unit, point) in points {
        json.push(if json.is_empty() { '[' } else { ',' });
        let (unit, source, channel) =
            (unit.simple(), point.point.source.0.simple(), &point.point.channel);
        let (at, nth) = (point.newest.0.as_millis(), point.newest.1);
        // a channel's name needs no escape
        write!(json, "[\"{unit}\",\"{source}\",\"{channel}\",{at},{nth}]")
            .expect("a text takes any text");
    }
    json.push(']');
    let rows = sqlx::query(SQLITE).bind(json).fetch_all(pool).await?;
    rows.iter().map(sqlite_reading).collect()
}
