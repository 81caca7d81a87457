//! The statements of a group on PostgreSQL: columns through `unnest`, on a connection of the writer's own.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use hub_domain::{AlertId, OrgId, Reading, SiteId, Timestamp, UnitId};
use serde_json::Value;
use sqlx::{
    Connection as _, Executor as _, PgConnection, Postgres, Row as _,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    query::Query,
};

use super::attempt::{EventRow, Row, Session, StatusRow};
use crate::{
    UnitCommit,
    changes::AlertChange,
    checkpoint,
    entity::{audit_entry::actor_columns, unit},
    reading_row::{RowKey, postgres_key, postgres_reading, reading_columns},
    records::AuditEntry,
    sql,
};

/// How long making a connection, or a sign of life on one, may take before the store counts as away.
const ALIVE_WITHIN: Duration = Duration::from_secs(1);

/// Begins a transaction of the role that works across organizations, in one message.
const BEGIN: &str = "BEGIN; SET LOCAL ROLE hub_writer";

/// How long one statement may take. A server that is frozen or cut off says nothing at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// The writer's connection.
pub(super) struct PostgresSession {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    has_begun: bool,
    away: Option<String>,
}

const EPOCHS: &str = "SELECT site_id, owner_epoch FROM site_owners WHERE site_id = ANY($1)
    ORDER BY site_id FOR SHARE";

const MOVE_UNITS: &str = "
UPDATE unit_states SET version = moved.expected + 1, state = moved.state, rule_version = moved.rule_version,
    wake_at = moved.wake_at
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
    AS moved (unit_id, expected, state, rule_version, wake_at)
WHERE unit_states.unit_id = moved.unit_id AND unit_states.version = moved.expected
RETURNING unit_states.unit_id";

/// In one order, as all who hold several units must.
const HOLD_UNITS: &str = "
SELECT id, org_id, site_id, area_id, name, preset, created_at, deleted_at, version, updated_at FROM units
WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE";

const MARK_DELETED: &str = "
UPDATE units SET deleted_at = $2, updated_at = $2, version = version + 1 WHERE id = ANY($1) AND deleted_at IS NULL";

macro_rules! insert_readings {
    ($is_late:literal, $then:literal) => {
        concat!(
            "INSERT INTO readings (org_id, unit_id, source_id, channel, recorded_at, sequence, received_at, temperature,
                humidity, battery_percent, battery_mv, door_open, signal_dbm, is_late)
            SELECT *, ",
            $is_late,
            " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                $8::int[], $9::smallint[], $10::smallint[], $11::int[], $12::bool[], $13::smallint[])
            ON CONFLICT ",
            $then
        )
    };
}

/// A reading that lies there unjudged (late, or of a unit that was set aside) and is judged now is taken over.
const INSERT_FRESH: &str = insert_readings!(
    "FALSE",
    "(unit_id, source_id, channel, recorded_at, sequence)
    DO UPDATE SET is_late = FALSE, received_at = excluded.received_at WHERE readings.is_late"
);
const INSERT_PAST: &str = insert_readings!(
    "TRUE",
    "DO NOTHING RETURNING unit_id, source_id, channel, recorded_at, sequence"
);

/// One index probe for each key; the limit keeps the planner from turning them into a scan of everything.
const STORED: &str = concat!(
    "SELECT stored.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
        AS wanted (unit, source, name, at, nth),
    LATERAL (
        SELECT ",
    reading_columns!(),
    ", is_late FROM readings
        WHERE unit_id = unit AND source_id = source AND channel = name AND recorded_at = at AND sequence = nth
        LIMIT 1
    ) AS stored"
);

const UPDATE_ALERTS: &str = "
UPDATE alerts SET severity = changed.severity, status = changed.status, confirmed_at = changed.confirmed_at,
    acknowledged_at = changed.acknowledged_at, acknowledged_by = changed.acknowledged_by,
    escalated_at = changed.escalated_at, resolved_at = changed.resolved_at, resolved_by = changed.resolved_by,
    peak = changed.peak, rule_version = changed.rule_version, event_count = event_count + changed.events
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::uuid[], $8::bigint[],
    $9::bigint[], $10::uuid[], $11::int[], $12::bigint[], $13::bigint[])
    AS changed (id, unit_id, severity, status, confirmed_at, acknowledged_at, acknowledged_by, escalated_at,
        resolved_at, resolved_by, peak, rule_version, events)
WHERE alerts.id = changed.id AND alerts.unit_id = changed.unit_id
RETURNING alerts.id, alerts.event_count - changed.events";

const INSERT_ALERTS: &str = "
INSERT INTO alerts (id, unit_id, severity, status, confirmed_at, acknowledged_at, acknowledged_by, escalated_at,
    resolved_at, resolved_by, peak, rule_version, event_count, org_id, site_id, kind, opened_at, source_id, channel,
    temperature, temperature_limit)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::uuid[],
    $8::bigint[], $9::bigint[], $10::uuid[], $11::int[], $12::bigint[], $13::bigint[], $14::uuid[], $15::uuid[],
    $16::text[], $17::bigint[], $18::uuid[], $19::text[], $20::int[], $21::int[])";

const INSERT_EVENTS: &str = "
INSERT INTO alert_events (alert_id, ordinal, org_id, event, at, written_at, severity, user_id, note, muted)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
    $8::uuid[], $9::text[], $10::bool[])";

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
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::text[],
    $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[])
    AS done (id, org_id, at, actor_kind, actor_id, action, object_kind, object_id, detail, reason, old_value, new_value)";

/// A unit's latest instant is one probe of the primary key.
const INSERT_STATUSES: &str = "
INSERT INTO unit_status_changes (org_id, unit_id, at, version, ordinal, written_at, status, thermal, link, door,
    manual_log, mode)
SELECT changed.org, changed.unit,
    GREATEST(changed.at, (SELECT max(at) FROM unit_status_changes WHERE unit_id = changed.unit)),
    changed.version, changed.ordinal, changed.written_at, changed.status, changed.thermal, changed.link,
    changed.door, changed.manual_log, changed.mode
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[])
    AS changed (org, unit, at, version, ordinal, written_at, status, thermal, link, door, manual_log, mode)";

const ASK_FOR_PLANS: &str = "
INSERT INTO alert_plans (alert_id, org_id, seq, due_at)
SELECT asked.alert, asked.org, 1, $3
FROM unnest($1::uuid[], $2::uuid[]) AS asked (alert, org)
ON CONFLICT (alert_id) DO UPDATE SET seq = alert_plans.seq + 1, due_at = EXCLUDED.due_at";

type PgQuery = Query<'static, Postgres, PgArguments>;

/// A column of `rows`.
fn column<T, U>(rows: &[T], value: impl Fn(&T) -> U) -> Vec<U> {
    rows.iter().map(value).collect()
}

const fn millis(at: Option<Timestamp>) -> Option<i64> {
    match at {
        Some(at) => Some(at.as_millis()),
        None => None,
    }
}

impl PostgresSession {
    pub(super) const fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None, has_begun: false, away: None }
    }

    /// Makes a connection if there is none, and looks again at whether it may be trusted.
    async fn connect(&mut self) -> Result<(), sqlx::Error> {
        if self.connection.is_some() {
            return Ok(());
        }
        let connect = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            match sql::unsafe_setting(&mut connection).await? {
                Some(setting) => return Err(sqlx::Error::Protocol(format!("{setting} is off"))),
                None => connection.execute(sql::PIN_SESSION).await?,
            };
            Ok(connection)
        };
        self.connection = Some(within(ALIVE_WITHIN, connect).await?);
        Ok(())
    }

    async fn connect_and_begin(&mut self) -> Result<(), sqlx::Error> {
        self.connect().await?;
        self.say(BEGIN, ALIVE_WITHIN).await
    }

    async fn all(&mut self, query: PgQuery) -> Result<Vec<PgRow>, sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let rows = within(ANSWER_WITHIN, query.fetch_all(connection)).await;
        self.keep_if_known(rows)
    }

    async fn run(&mut self, query: PgQuery) -> Result<u64, sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let done = within(ANSWER_WITHIN, query.execute(connection)).await;
        Ok(self.keep_if_known(done)?.rows_affected())
    }

    async fn say(&mut self, word: &'static str, limit: Duration) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let done = within(limit, connection.execute(word)).await;
        self.keep_if_known(done).map(drop)
    }

    /// Gives up a connection on which an answer is still to come: it would be taken for the next one's.
    fn keep_if_known<T>(&mut self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let Err(sqlx::Error::PoolTimedOut) = answer {
            self.connection = None;
        }
        answer
    }
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>> + Send,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, answer).await.map_err(|_| sqlx::Error::PoolTimedOut)?
}

impl Session for PostgresSession {
    fn away(&self) -> Option<String> {
        self.away.clone()
    }

    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let was_connected = self.connection.is_some();
        let mut begun = self.connect_and_begin().await;
        if begun.is_err() && was_connected {
            // the server was restarted under an idle connection: nothing was begun, so a new one may try
            self.connection = None;
            begun = self.connect_and_begin().await;
        }
        self.has_begun = begun.is_ok();
        self.away = begun.as_ref().err().map(ToString::to_string);
        begun
    }

    async fn epochs(&mut self, sites: &[SiteId]) -> Result<HashMap<SiteId, i64>, sqlx::Error> {
        let rows = self.all(sqlx::query(EPOCHS).bind(column(sites, |site| site.0))).await?;
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
        let query = sqlx::query(MOVE_UNITS)
            .bind(column(&moves, |(unit, _)| unit.0))
            .bind(column(&moves, |(_, to)| to.expected.0))
            .bind(column(&moves, |(_, to)| checkpoint::encode(&to.state)))
            .bind(column(&moves, |(_, to)| to.rule_version))
            .bind(column(&moves, |(_, to)| millis(to.wake_at)));
        let rows = self.all(query).await?;
        rows.iter().map(|row| Ok(UnitId(row.try_get(0)?))).collect()
    }

    async fn hold_units(&mut self, units: &[UnitId]) -> Result<Vec<unit::Model>, sqlx::Error> {
        let rows = self.all(sqlx::query(HOLD_UNITS).bind(column(units, |unit| unit.0))).await?;
        rows.iter().map(unit::Model::of_row).collect()
    }

    async fn mark_deleted(&mut self, units: &[UnitId], at: Timestamp) -> Result<(), sqlx::Error> {
        let query = sqlx::query(MARK_DELETED).bind(column(units, |unit| unit.0));
        self.run(query.bind(at.as_millis())).await.map(drop)
    }

    async fn insert_fresh(&mut self, rows: &[Row<'_>]) -> Result<u64, sqlx::Error> {
        self.run(readings(INSERT_FRESH, rows)).await
    }

    async fn insert_past(&mut self, rows: &[Row<'_>]) -> Result<HashSet<RowKey>, sqlx::Error> {
        let rows = self.all(readings(INSERT_PAST, rows)).await?;
        rows.iter().map(postgres_key).collect()
    }

    async fn stored(
        &mut self,
        rows: &[Row<'_>],
    ) -> Result<HashMap<RowKey, (Reading, bool)>, sqlx::Error> {
        let query = sqlx::query(STORED)
            .bind(column(rows, |row| row.unit.0))
            .bind(column(rows, |row| row.reading.point.source.0))
            .bind(column(rows, |row| row.reading.point.channel.as_str().to_owned()))
            .bind(column(rows, |row| row.reading.recorded_at.as_millis()))
            .bind(column(rows, |row| row.reading.sequence));
        let rows = self.all(query).await?;
        let keyed =
            |row: &PgRow| Ok((postgres_key(row)?, (postgres_reading(row)?.1, row.try_get(12)?)));
        rows.iter().map(keyed).collect()
    }

    async fn update_alerts(
        &mut self,
        changes: &[&AlertChange],
    ) -> Result<HashMap<AlertId, i64>, sqlx::Error> {
        let rows = self.all(alerts(UPDATE_ALERTS, changes)).await?;
        rows.iter().map(|row| Ok((AlertId(row.try_get(0)?), row.try_get(1)?))).collect()
    }

    async fn insert_alerts(&mut self, changes: &[&AlertChange]) -> Result<(), sqlx::Error> {
        let query = alerts(INSERT_ALERTS, changes)
            .bind(column(changes, |change| change.record.org.0))
            .bind(column(changes, |change| change.record.site.0))
            .bind(column(changes, |change| change.record.kind.name()))
            .bind(column(changes, |change| change.record.opened_at.as_millis()))
            .bind(column(changes, |change| change.point.as_ref().map(|point| point.source.0)))
            .bind(column(changes, |change| {
                change.point.as_ref().map(|point| point.channel.as_str().to_owned())
            }))
            .bind(column(changes, |change| change.record.temperature.map(|t| t.0)))
            .bind(column(changes, |change| change.record.limit.map(|t| t.0)));
        self.run(query).await.map(drop)
    }

    async fn insert_events(&mut self, events: &[EventRow<'_>]) -> Result<(), sqlx::Error> {
        let query = sqlx::query(INSERT_EVENTS)
            .bind(column(events, |row| row.alert.0))
            .bind(column(events, |row| row.ordinal))
            .bind(column(events, |row| row.org.0))
            .bind(column(events, |row| row.event.event.name()))
            .bind(column(events, |row| row.event.at.as_millis()))
            .bind(column(events, |row| row.event.written_at.as_millis()))
            .bind(column(events, |row| row.event.severity.name()))
            .bind(column(events, |row| row.event.by.map(|by| by.0)))
            .bind(column(events, |row| row.event.note.clone()))
            .bind(column(events, |row| row.event.muted));
        self.run(query).await.map(drop)
    }

    async fn ask_for_plans(
        &mut self,
        alerts: &[(OrgId, AlertId)],
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(ASK_FOR_PLANS)
            .bind(column(alerts, |(_, alert)| alert.0))
            .bind(column(alerts, |(org, _)| org.0))
            .bind(now.as_millis());
        self.run(query).await.map(drop)
    }

    async fn insert_audit(&mut self, entries: &[AuditEntry]) -> Result<(), sqlx::Error> {
        let query = sqlx::query(INSERT_AUDIT)
            .bind(column(entries, |entry| entry.id))
            .bind(column(entries, |entry| entry.org.0))
            .bind(column(entries, |entry| entry.at.as_millis()))
            .bind(column(entries, |entry| actor_columns(entry.actor).0))
            .bind(column(entries, |entry| actor_columns(entry.actor).1))
            .bind(column(entries, |entry| entry.action.clone()))
            .bind(column(entries, |entry| entry.object_kind.clone()))
            .bind(column(entries, |entry| entry.object_id))
            .bind(column(entries, |entry| entry.detail.clone()))
            .bind(column(entries, |entry| entry.reason.clone()))
            .bind(column(entries, |entry| entry.before.as_ref().map(Value::to_string)))
            .bind(column(entries, |entry| entry.after.as_ref().map(Value::to_string)));
        self.run(query).await.map(drop)
    }

    async fn insert_statuses(&mut self, rows: &[StatusRow<'_>]) -> Result<(), sqlx::Error> {
        let query = sqlx::query(INSERT_STATUSES)
            .bind(column(rows, |row| row.org.0))
            .bind(column(rows, |row| row.unit.0))
            .bind(column(rows, |row| row.change.at.as_millis()))
            .bind(column(rows, |row| row.version.0))
            .bind(column(rows, |row| row.ordinal))
            .bind(column(rows, |row| row.written_at.as_millis()))
            .bind(column(rows, |row| row.change.status.name()))
            .bind(column(rows, |row| row.change.thermal.name()))
            .bind(column(rows, |row| row.change.link.name()))
            .bind(column(rows, |row| row.change.door.name()))
            .bind(column(rows, |row| row.change.manual_log.name()))
            .bind(column(rows, |row| row.change.mode));
        self.run(query).await.map(drop)
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.has_begun = false;
        self.say("COMMIT", ANSWER_WITHIN).await
    }

    async fn rollback(&mut self) {
        if std::mem::take(&mut self.has_begun) && self.say("ROLLBACK", ALIVE_WITHIN).await.is_err()
        {
            self.connection = None;
        }
    }

    async fn abandon(&mut self) {
        self.has_begun = false;
        self.connection = None;
    }

    async fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await.ok();
        }
    }
}

fn readings(sql: &'static str, rows: &[Row<'_>]) -> PgQuery {
    let query = sqlx::query(sql)
        .bind(column(rows, |row| row.org.0))
        .bind(column(rows, |row| row.unit.0))
        .bind(column(rows, |row| row.reading.point.source.0));
    let channels: Vec<&str> = rows.iter().map(|row| row.reading.point.channel.as_str()).collect();
    let query = query.bind(channels);
    query
        .bind(column(rows, |row| row.reading.recorded_at.as_millis()))
        .bind(column(rows, |row| row.reading.sequence))
        .bind(column(rows, |row| row.reading.received_at.as_millis()))
        .bind(column(rows, |row| row.reading.temperature.0))
        .bind(column(rows, |row| row.reading.humidity.map(|humidity| humidity.0)))
        .bind(column(rows, |row| row.reading.battery_percent.map(i16::from)))
        .bind(column(rows, |row| row.reading.battery_mv.map(i32::from)))
        .bind(column(rows, |row| row.reading.door_open))
        .bind(column(rows, |row| row.reading.signal_dbm))
}

/// Binds what an update and an insert of alerts have in common.
fn alerts(sql: &'static str, changes: &[&AlertChange]) -> PgQuery {
    sqlx::query(sql)
        .bind(column(changes, |change| change.record.id.0))
        .bind(column(changes, |change| change.record.unit.0))
        .bind(column(changes, |change| change.record.severity.name()))
        .bind(column(changes, |change| change.record.status.name()))
        .bind(column(changes, |change| millis(change.record.confirmed_at)))
        .bind(column(changes, |change| millis(change.record.acknowledged_at)))
        .bind(column(changes, |change| change.record.acknowledged_by.map(|by| by.0)))
        .bind(column(changes, |change| millis(change.escalated_at)))
        .bind(column(changes, |change| millis(change.record.resolved_at)))
        .bind(column(changes, |change| change.record.resolved_by.map(|by| by.0)))
        .bind(column(changes, |change| change.record.peak.map(|peak| peak.0)))
        .bind(column(changes, |change| change.record.rule_version))
        .bind(column(changes, |change| i64::try_from(change.events.len()).unwrap_or(i64::MAX)))
}
