//! The statements of a group on SQLite: each is one text of JSON, since every statement costs a trip to the thread
//! that owns the connection. Ids go as hex digits.

use std::{
    collections::{HashMap, HashSet},
    fmt::{self, Display, Write as _},
};

use hub_domain::{AlertId, OrgId, Reading, SiteId, Timestamp, UnitId};
use serde_json::{Value, json};
use sqlx::{Executor as _, Row as _, Sqlite, SqlitePool, pool::PoolConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::attempt::{EventRow, Row, Session, StatusRow};
use crate::{
    UnitCommit,
    changes::AlertChange,
    checkpoint,
    entity::{audit_entry::actor_columns, unit},
    reading_row::{RowKey, reading_columns, sqlite_key, sqlite_reading},
    records::AuditEntry,
};

/// The writer's share of the one writing connection: it has it for one group at a time.
pub(super) struct SqliteSession {
    pool: SqlitePool,
    connection: Option<PoolConnection<Sqlite>>,
    has_begun: bool,
    away: Option<String>,
}

const EPOCHS: &str = "SELECT site_id, owner_epoch FROM site_owners WHERE site_id IN (SELECT unhex(value) FROM json_each($1))";

const MOVE_UNITS: &str = "
UPDATE unit_states SET version = moved.value ->> 1 + 1, state = moved.value ->> 2, rule_version = moved.value ->> 3,
    wake_at = moved.value ->> 4
FROM json_each($1) AS moved
WHERE unit_states.unit_id = unhex(moved.value ->> 0) AND unit_states.version = moved.value ->> 1
RETURNING unit_id";

const HOLD_UNITS: &str = "
SELECT id, org_id, site_id, area_id, name, preset, created_at, deleted_at, version, updated_at FROM units
WHERE id IN (SELECT unhex(value) FROM json_each($1)) AND deleted_at IS NULL";

const MARK_DELETED: &str = "
UPDATE units SET deleted_at = doomed.value ->> 1, updated_at = doomed.value ->> 1, version = version + 1
FROM json_each($1) AS doomed WHERE units.id = unhex(doomed.value ->> 0) AND deleted_at IS NULL";

macro_rules! insert_readings {
    ($is_late:literal, $then:literal) => {
        concat!(
            "INSERT INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature,
                humidity, battery_percent, battery_mv, door_open, signal_dbm, is_late)
            SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5,
                value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, ",
            $is_late,
            // without a condition the parser takes ON for a join's
            " FROM json_each($1) WHERE TRUE ON CONFLICT ",
            $then
        )
    };
}

/// A reading that lies there unjudged (late, or of a unit that was set aside) and is judged now is taken over.
const INSERT_FRESH: &str = insert_readings!(
    "0",
    "(unit_id, source_id, channel, recorded_at, sequence)
    DO UPDATE SET is_late = 0, received_at = excluded.received_at WHERE readings.is_late"
);
const INSERT_PAST: &str = insert_readings!(
    "1",
    "DO NOTHING RETURNING unit_id, source_id, channel, recorded_at, sequence"
);

const STORED: &str = concat!(
    "SELECT ",
    reading_columns!(),
    ", is_late FROM json_each($1) CROSS JOIN readings
    WHERE unit_id = unhex(value ->> 1) AND source_id = unhex(value ->> 2) AND channel = value ->> 3
        AND recorded_at = value ->> 4 AND sequence = value ->> 5"
);

const UPDATE_ALERTS: &str = "
UPDATE alerts SET severity = changed.value ->> 2, status = changed.value ->> 3, confirmed_at = changed.value ->> 4,
    acknowledged_at = changed.value ->> 5, acknowledged_by = unhex(changed.value ->> 6),
    escalated_at = changed.value ->> 7, resolved_at = changed.value ->> 8,
    resolved_by = unhex(changed.value ->> 9), peak = changed.value ->> 10, rule_version = changed.value ->> 11,
    event_count = event_count + (changed.value ->> 12)
FROM json_each($1) AS changed
WHERE alerts.id = unhex(changed.value ->> 0) AND alerts.unit_id = unhex(changed.value ->> 1)
RETURNING id, event_count";

const INSERT_ALERTS: &str = "
INSERT INTO alerts (id, unit_id, severity, status, confirmed_at, acknowledged_at, acknowledged_by, escalated_at,
    resolved_at, resolved_by, peak, rule_version, event_count, org_id, site_id, kind, opened_at, source_id, channel,
    temperature, temperature_limit)
SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5,
    unhex(value ->> 6), value ->> 7, value ->> 8, unhex(value ->> 9), value ->> 10, value ->> 11, value ->> 12,
    unhex(value ->> 13), unhex(value ->> 14), value ->> 15, value ->> 16, unhex(value ->> 17), value ->> 18,
    value ->> 19, value ->> 20
FROM json_each($1)";

const INSERT_EVENTS: &str = "
INSERT INTO alert_events (alert_id, ordinal, org_id, event, at, written_at, severity, user_id, note, muted)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
    unhex(value ->> 7), value ->> 8, value ->> 9
FROM json_each($1)";

/// Who is no member did it as an operator of the platform, in the stay of that moment.
const INSERT_AUDIT: &str = "
INSERT INTO audit_log (id, org_id, at, actor_kind, actor_id, action, object_kind, object_id, detail, reason, old_value,
    new_value, impersonation_id)
SELECT done.*, (SELECT stay.id FROM impersonations AS stay
    WHERE done.actor_kind = 'user' AND stay.operator_id = done.actor_id AND stay.org_id = done.org_id
        AND done.at BETWEEN stay.created_at AND COALESCE(stay.ended_at, stay.ends_at)
        AND NOT EXISTS (SELECT 1 FROM memberships AS place
            WHERE place.org_id = done.org_id AND place.user_id = done.actor_id)
    ORDER BY stay.id DESC LIMIT 1)
FROM (SELECT unhex(value ->> 0) AS id, unhex(value ->> 1) AS org_id, value ->> 2 AS at, value ->> 3 AS actor_kind,
    unhex(value ->> 4) AS actor_id, value ->> 5 AS action, value ->> 6 AS object_kind, unhex(value ->> 7) AS object_id,
    value ->> 8 AS detail, value ->> 9, value ->> 10, value ->> 11 FROM json_each($1)) AS done";

/// MAX of two is the greater one, and NULL where one is.
const INSERT_STATUSES: &str = "
INSERT INTO unit_status_changes (org_id, unit_id, at, version, ordinal, written_at, status, thermal, link, door,
    manual_log, mode)
SELECT unhex(value ->> 0), unhex(value ->> 1),
    MAX(value ->> 2, COALESCE(
        (SELECT at FROM unit_status_changes WHERE unit_id = unhex(value ->> 1) ORDER BY at DESC LIMIT 1), 0)),
    value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10,
    value ->> 11
FROM json_each($1)";

const ASK_FOR_PLANS: &str = "
INSERT INTO alert_plans (alert_id, org_id, seq, due_at)
SELECT unhex(value ->> 0), unhex(value ->> 1), 1, value ->> 2
FROM json_each($1)
WHERE TRUE
ON CONFLICT (alert_id) DO UPDATE SET seq = alert_plans.seq + 1, due_at = excluded.due_at";

/// An id as JSON.
fn hex(id: Uuid) -> Value {
    Value::String(id.simple().to_string())
}

fn hex_or_null(id: Option<Uuid>) -> Value {
    id.map_or(Value::Null, hex)
}

fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

/// A JSON array of `rows`.
fn array<T>(rows: &[T], row: impl Fn(&T) -> Value) -> String {
    Value::Array(rows.iter().map(row).collect()).to_string()
}

impl SqliteSession {
    pub(super) const fn new(pool: SqlitePool) -> Self {
        Self { pool, connection: None, has_begun: false, away: None }
    }

    async fn all(
        &mut self,
        sql: &'static str,
        json: String,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        sqlx::query(sql).bind(json).fetch_all(&mut **connection).await
    }

    async fn run(&mut self, sql: &'static str, json: String) -> Result<u64, sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        Ok(sqlx::query(sql).bind(json).execute(&mut **connection).await?.rows_affected())
    }

    async fn say(&mut self, word: &'static str) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        connection.execute(word).await.map(drop)
    }

    async fn acquire_and_begin(&mut self) -> Result<(), sqlx::Error> {
        self.connection = Some(self.pool.acquire().await?);
        self.say("BEGIN IMMEDIATE").await
    }
}

impl Session for SqliteSession {
    fn away(&self) -> Option<String> {
        self.away.clone()
    }

    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.connection = None; // whatever a read after a rollback left with us goes back first
        let begun = self.acquire_and_begin().await;
        self.has_begun = begun.is_ok();
        self.away = begun.as_ref().err().map(ToString::to_string);
        if begun.is_err() {
            self.connection = None;
        }
        begun
    }

    async fn epochs(&mut self, sites: &[SiteId]) -> Result<HashMap<SiteId, i64>, sqlx::Error> {
        let rows = self.all(EPOCHS, array(sites, |site| hex(site.0))).await?;
        rows.iter().map(|row| Ok((SiteId(row.try_get(0)?), row.try_get(1)?))).collect()
    }

    async fn move_units(
        &mut self,
        commits: &[&UnitCommit],
    ) -> Result<HashSet<UnitId>, sqlx::Error> {
        let moves: Vec<_> = commits
            .iter()
            .filter_map(|commit| Some((commit.unit, commit.transition.as_ref()?)))
            .collect();
        let json = array(&moves, |(unit, to)| {
            let state = checkpoint::encode(&to.state);
            json!([hex(unit.0), to.expected.0, state, to.rule_version, millis(to.wake_at)])
        });
        let rows = self.all(MOVE_UNITS, json).await?;
        rows.iter().map(|row| Ok(UnitId(row.try_get(0)?))).collect()
    }

    async fn hold_units(&mut self, units: &[UnitId]) -> Result<Vec<unit::Model>, sqlx::Error> {
        let rows = self.all(HOLD_UNITS, array(units, |unit| hex(unit.0))).await?;
        rows.iter().map(unit::Model::of_row).collect()
    }

    async fn mark_deleted(&mut self, units: &[UnitId], at: Timestamp) -> Result<(), sqlx::Error> {
        let json = array(units, |unit| json!([hex(unit.0), at.as_millis()]));
        self.run(MARK_DELETED, json).await.map(drop)
    }

    async fn insert_fresh(&mut self, rows: &[Row<'_>]) -> Result<u64, sqlx::Error> {
        self.run(INSERT_FRESH, readings(rows)).await
    }

    async fn insert_past(&mut self, rows: &[Row<'_>]) -> Result<HashSet<RowKey>, sqlx::Error> {
        let rows = self.all(INSERT_PAST, readings(rows)).await?;
        rows.iter().map(sqlite_key).collect()
    }

    async fn stored(
        &mut self,
        rows: &[Row<'_>],
    ) -> Result<HashMap<RowKey, (Reading, bool)>, sqlx::Error> {
        if self.connection.is_none() {
            self.connection = Some(self.pool.acquire().await?);
        }
        let rows = self.all(STORED, readings(rows)).await?;
        let keyed =
            |row: &SqliteRow| Ok((sqlite_key(row)?, (sqlite_reading(row)?.1, row.try_get(12)?)));
        rows.iter().map(keyed).collect()
    }

    async fn update_alerts(
        &mut self,
        changes: &[&AlertChange],
    ) -> Result<HashMap<AlertId, i64>, sqlx::Error> {
        let rows =
            self.all(UPDATE_ALERTS, array(changes, |change| Value::Array(alert(change)))).await?;
        let added: HashMap<AlertId, i64> =
            changes.iter().map(|change| (change.record.id, added(change))).collect();
        let before = |row: &SqliteRow| {
            let (id, after): (_, i64) = (AlertId(row.try_get(0)?), row.try_get(1)?);
            Ok((id, after - added.get(&id).copied().unwrap_or_default()))
        };
        rows.iter().map(before).collect()
    }

    async fn insert_alerts(&mut self, changes: &[&AlertChange]) -> Result<(), sqlx::Error> {
        let json = array(changes, |change| {
            let (record, point) = (&change.record, change.point.as_ref());
            let mut row = alert(change);
            row.extend([
                hex(record.org.0),
                hex(record.site.0),
                json!(record.kind.name()),
                json!(record.opened_at.as_millis()),
                hex_or_null(point.map(|point| point.source.0)),
                json!(point.map(|point| point.channel.as_str())),
                json!(record.temperature.map(|t| t.0)),
                json!(record.limit.map(|t| t.0)),
            ]);
            Value::Array(row)
        });
        self.run(INSERT_ALERTS, json).await.map(drop)
    }

    async fn insert_events(&mut self, events: &[EventRow<'_>]) -> Result<(), sqlx::Error> {
        let json = array(events, |row| {
            let event = row.event;
            json!([
                hex(row.alert.0),
                row.ordinal,
                hex(row.org.0),
                event.event.name(),
                event.at.as_millis(),
                event.written_at.as_millis(),
                event.severity.name(),
                hex_or_null(event.by.map(|by| by.0)),
                event.note,
                i32::from(event.muted),
            ])
        });
        self.run(INSERT_EVENTS, json).await.map(drop)
    }

    async fn ask_for_plans(
        &mut self,
        alerts: &[(OrgId, AlertId)],
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let json = array(alerts, |(org, alert)| json!([hex(alert.0), hex(org.0), now.as_millis()]));
        self.run(ASK_FOR_PLANS, json).await.map(drop)
    }

    async fn insert_audit(&mut self, entries: &[AuditEntry]) -> Result<(), sqlx::Error> {
        let json = array(entries, |entry| {
            let (actor_kind, actor_id) = actor_columns(entry.actor);
            json!([
                hex(entry.id),
                hex(entry.org.0),
                entry.at.as_millis(),
                actor_kind,
                hex_or_null(actor_id),
                entry.action,
                entry.object_kind,
                hex(entry.object_id),
                entry.detail,
                entry.reason,
                entry.before.as_ref().map(Value::to_string),
                entry.after.as_ref().map(Value::to_string),
            ])
        });
        self.run(INSERT_AUDIT, json).await.map(drop)
    }

    async fn insert_statuses(&mut self, rows: &[StatusRow<'_>]) -> Result<(), sqlx::Error> {
        let json = array(rows, |row| {
            let change = row.change;
            json!([
                hex(row.org.0),
                hex(row.unit.0),
                change.at.as_millis(),
                row.version.0,
                row.ordinal,
                row.written_at.as_millis(),
                change.status.name(),
                change.thermal.name(),
                change.link.name(),
                change.door.name(),
                change.manual_log.name(),
                change.mode,
            ])
        });
        self.run(INSERT_STATUSES, json).await.map(drop)
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.say("COMMIT").await?;
        self.has_begun = false;
        self.connection = None;
        Ok(())
    }

    async fn rollback(&mut self) {
        if std::mem::take(&mut self.has_begun) && self.say("ROLLBACK").await.is_err() {
            self.abandon().await;
        }
        self.connection = None;
    }

    async fn abandon(&mut self) {
        self.has_begun = false;
        if let Some(connection) = self.connection.take() {
            // closed and not given back: it may hold the database's lock
            connection.close().await.ok();
        }
    }

    async fn close(&mut self) {
        self.connection = None;
    }
}

/// What an update and an insert of alerts have in common.
fn alert(change: &AlertChange) -> Vec<Value> {
    let record = &change.record;
    vec![
        hex(record.id.0),
        hex(record.unit.0),
        json!(record.severity.name()),
        json!(record.status.name()),
        json!(millis(record.confirmed_at)),
        json!(millis(record.acknowledged_at)),
        hex_or_null(record.acknowledged_by.map(|by| by.0)),
        json!(millis(change.escalated_at)),
        json!(millis(record.resolved_at)),
        hex_or_null(record.resolved_by.map(|by| by.0)),
        json!(record.peak.map(|peak| peak.0)),
        json!(record.rule_version),
        json!(added(change)),
    ]
}

fn added(change: &AlertChange) -> i64 {
    i64::try_from(change.events.len()).unwrap_or(i64::MAX)
}

/// A number, or null.
struct OrNull<T>(Option<T>);

impl<T: Display> Display for OrNull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// Readings as JSON, written by hand: this is where the time of an ingest goes.
fn readings(rows: &[Row<'_>]) -> String {
    let mut json = String::with_capacity(rows.len() * 192 + 2);
    for (index, row) in rows.iter().enumerate() {
        json.push(if index == 0 { '[' } else { ',' });
        write_reading(&mut json, row).expect("a text takes any text");
    }
    json.push(']');
    json
}

fn write_reading(json: &mut String, row: &Row<'_>) -> fmt::Result {
    let mut digits = [0; 32];
    for id in [row.org.0, row.unit.0, row.reading.point.source.0] {
        json.push_str(if json.ends_with('"') { "," } else { "[" });
        json.push('"');
        json.push_str(id.simple().encode_lower(&mut digits));
        json.push('"');
    }
    let reading = row.reading;
    // a channel's name needs no escape
    write!(
        json,
        ",\"{}\",{},{},{},{},{},{},{},{},{}]",
        reading.point.channel,
        reading.recorded_at.as_millis(),
        reading.sequence,
        reading.received_at.as_millis(),
        reading.temperature.0,
        OrNull(reading.humidity.map(|humidity| humidity.0)),
        OrNull(reading.battery_percent),
        OrNull(reading.battery_mv),
        OrNull(reading.door_open.map(u8::from)),
        OrNull(reading.signal_dbm),
    )
}
