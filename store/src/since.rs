//! The readings that were judged after a checkpoint.

use std::{collections::HashMap, fmt::Write as _};

use hub_domain::{PointState, Reading, UnitId};
use sea_orm::{DatabaseBackend, DatabaseConnection, FromQueryResult as _, Statement, Value};

use crate::{StoreError, entity::reading, records::StoredReading};

/// How many points are asked for at a time.
const POINTS_AT_A_TIME: usize = 10_000;

/// One index probe for each point. The instant stands beside the pair so that months before it are left out; the
/// offset keeps the planner from turning the probes into a scan of everything.
const POSTGRES: &str = "
SELECT found.*
FROM json_array_elements($1::json) AS point,
LATERAL (
    SELECT * FROM readings
    WHERE unit_id = (point ->> 0)::uuid AND source_id = (point ->> 1)::uuid AND channel = point ->> 2
        AND recorded_at >= (point ->> 3)::bigint
        AND (recorded_at, sequence) > ((point ->> 3)::bigint, (point ->> 4)::bigint)
        AND NOT is_late
    OFFSET 0
) AS found";

const SQLITE: &str = "
SELECT readings.*
FROM json_each($1) AS point CROSS JOIN readings
WHERE unit_id = unhex(point.value ->> 0) AND source_id = unhex(point.value ->> 1)
    AND channel = point.value ->> 2
    AND (recorded_at, sequence) > (point.value ->> 3, point.value ->> 4)
    AND NOT is_late";

/// Points whose readings after their newest are asked for, as texts of JSON. A point that a checkpoint has not seen
/// has none: its first reading made a checkpoint.
#[derive(Default)]
pub(crate) struct Since {
    questions: Vec<String>,
    in_last: usize,
}

impl Since {
    /// Asks for what came after the newest reading of `point`.
    pub(crate) fn ask(&mut self, unit: UnitId, point: &PointState) {
        if self.questions.is_empty() || self.in_last == POINTS_AT_A_TIME {
            self.questions.push(String::with_capacity(64 * 1024));
            self.in_last = 0;
        }
        let Some(json) = self.questions.last_mut() else { return };
        json.push(if self.in_last == 0 { '[' } else { ',' });
        self.in_last += 1;
        let (unit, source, channel) =
            (unit.0.simple(), point.point.source.0.simple(), &point.point.channel);
        let (at, sequence) = (point.newest.0.as_millis(), point.newest.1);
        // a channel's name needs no escape
        write!(json, "[\"{unit}\",\"{source}\",\"{channel}\",{at},{sequence}]")
            .expect("a text takes any text");
    }

    /// The readings, by their units, in no order.
    pub(crate) async fn answer(
        self,
        db: &DatabaseConnection,
    ) -> Result<HashMap<UnitId, Vec<Reading>>, StoreError> {
        let mut found: HashMap<UnitId, Vec<Reading>> = HashMap::new();
        let backend = db.get_database_backend();
        let sql = if backend == DatabaseBackend::Postgres { POSTGRES } else { SQLITE };
        for question in self.questions {
            let question =
                Statement::from_sql_and_values(backend, sql, [Value::from(question + "]")]);
            for row in reading::Model::find_by_statement(question).all(db).await? {
                let unit = UnitId(row.unit_id);
                found.entry(unit).or_default().push(StoredReading::try_from(row)?.reading);
            }
        }
        Ok(found)
    }
}
