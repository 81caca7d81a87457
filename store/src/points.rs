//! The points of a unit, found in the readings' own key.
//!
//! The key begins with unit, source and channel, and there is no other index. So each point's readings lie together in
//! order of time, and a question over a unit asks point by point: for the next point (one probe each), then for what
//! is wanted of each.

use hub_domain::{Channel, OrgId, Point, SourceId, UnitId};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement, Value};
use serde_json::json;
use uuid::Uuid;

use crate::{
    StoreError,
    entity::known,
    records::ReadingFilter,
    scope::within_text,
    sql::{Pools, Sql},
};

/// A point, and the place in time (instant, sequence) past which its readings are wanted.
pub(crate) type Bound = (Point, (i64, i64));

impl Sql {
    /// The points of a unit whose readings are wanted, in the order of their sources and channels.
    pub(crate) async fn points(
        &self,
        asked: &DatabaseTransaction,
        org: OrgId,
        wanted: &ReadingFilter,
    ) -> Result<Vec<Point>, StoreError> {
        let within = within_text();
        let text = match &self.pools {
            Pools::Postgres { .. } => on_postgres(within),
            Pools::Sqlite { .. } => on_sqlite(within),
        };
        let rows = asked.query_all_raw(self.asked_of(org, wanted.unit, text, [])).await?;
        let point = |row: &sea_orm::QueryResult| {
            let channel: String = row.try_get("", "channel")?;
            let source: String = row.try_get("", "source")?;
            let source = known("source", &source, |text| Uuid::parse_str(text).ok())?;
            let channel = known("channel", &channel, Channel::parse)?;
            Ok(Point { source: SourceId(source), channel })
        };
        let points = rows.iter().map(point).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(points.into_iter().filter(|point| wanted.wants(point)).collect())
    }

    /// A statement whose first values are organization and unit.
    pub(crate) fn asked_of(
        &self,
        org: OrgId,
        unit: UnitId,
        text: String,
        more: impl IntoIterator<Item = Value>,
    ) -> Statement {
        let values = [org.0.into(), unit.0.into()].into_iter().chain(more);
        Statement::from_sql_and_values(self.db.get_database_backend(), text, values)
    }

    /// The points as a table `point` of `source`, `name`, `at` and `nth`, made of the JSON in `$3`.
    pub(crate) const fn point_table(&self) -> &'static str {
        match self.pools {
            Pools::Postgres { .. } => {
                "(SELECT (it ->> 0)::uuid AS source, it ->> 1 AS name, (it ->> 2)::bigint AS at,
                    (it ->> 3)::bigint AS nth FROM jsonb_array_elements($3::text::jsonb) AS it) AS point"
            }
            Pools::Sqlite { .. } => {
                "(SELECT unhex(value ->> 0) AS source, value ->> 1 AS name, value ->> 2 AS at, value ->> 3 AS nth
                    FROM json_each($3)) AS point"
            }
        }
    }
}

/// Bounds as JSON for [`Sql::point_table`].
pub(crate) fn as_json(bounds: &[Bound]) -> Value {
    let row = |(point, (at, nth)): &Bound| {
        json!([point.source.0.simple().to_string(), point.channel.as_str(), at, nth])
    };
    serde_json::Value::Array(bounds.iter().map(row).collect()).to_string().into()
}

fn on_postgres(within: &str) -> String {
    format!(
        "WITH RECURSIVE points AS (
            (SELECT source_id, channel FROM readings WHERE unit_id = $2 AND {within}
            ORDER BY source_id, channel LIMIT 1)
            UNION ALL
            SELECT next.* FROM points, LATERAL (
                SELECT readings.source_id, readings.channel FROM readings
                WHERE unit_id = $2 AND {within}
                    AND (readings.source_id, readings.channel) > (points.source_id, points.channel)
                ORDER BY readings.source_id, readings.channel LIMIT 1
            ) AS next
        )
        SELECT source_id::text AS source, channel FROM points"
    )
}

/// One value carries both parts of the key: there are no lateral joins. The next channel of the source, and the next
/// source after its last, are asked for apart: past a pair, every row that equals it would be looked at.
fn on_sqlite(within: &str) -> String {
    let next = |past: &str| {
        format!(
            "(SELECT hex(source_id) || channel FROM readings WHERE unit_id = $2 AND {within} {past}
            ORDER BY source_id, channel LIMIT 1)"
        )
    };
    let source = "unhex(substr(points.name, 1, 32))";
    let first = next("");
    let of_source =
        next(&format!("AND source_id = {source} AND channel > substr(points.name, 33)"));
    let of_next = next(&format!("AND source_id > {source}"));
    format!(
        "WITH RECURSIVE points(name) AS (
            SELECT {first}
            UNION ALL
            SELECT COALESCE({of_source}, {of_next}) FROM points WHERE points.name IS NOT NULL
        )
        SELECT substr(name, 1, 32) AS source, substr(name, 33) AS channel FROM points WHERE name IS NOT NULL"
    )
}
