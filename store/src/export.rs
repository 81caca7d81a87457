//! Everything that is an organization's, line by line: one JSON object for each row of each of its tables.
//!
//! Columns are looked up in the database itself, so that a new one cannot be forgotten; columns of bytes, which hold
//! hashes and secrets, are left out unless they are known to be neither.

use std::{collections::VecDeque, sync::Arc};

use hub_domain::OrgId;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult, Statement, Value};

use crate::{
    Store, StoreError,
    open::ask_database,
    scope::within_text,
    sql::{Pools, Sql},
};

/// The tables that are exported, in order. Of `users` those who are members, with what others in the organization
/// may see of them.
pub const EXPORTED: &[&str] = &[
    "organizations",
    "users",
    "memberships",
    "invitations",
    "inspector_links",
    "inspector_link_sites",
    "impersonations",
    "sites",
    "areas",
    "units",
    "unit_states",
    "unit_status_changes",
    "devices",
    "device_assignments",
    "calibrations",
    "gateways",
    "api_keys",
    "ttn_connections",
    "alert_rules",
    "alert_rule_versions",
    "alerts",
    "alert_events",
    "notification_intents",
    "delivery_attempts",
    "manual_logs",
    "corrective_actions",
    "door_events",
    "maintenance_windows",
    "contacts",
    "notification_policies",
    "digest_subscriptions",
    "digests",
    "unclaimed_devices",
    "uplinks",
    "readings",
    "subscriptions",
    "usage_ledger",
    "audit_log",
];

/// The tables of organizations that are not exported, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("device_chores", "work that the hub has yet to do on what is exported"),
    ("unit_chores", "work that the hub has yet to do on what is exported"),
    ("erasures", "kept of organizations that are gone"),
    ("alert_plans", "work that the hub has yet to do on what is exported"),
    ("organization_plans", "work that the hub has yet to do on what is exported"),
    ("reply_codes", "of use to answers to messages of open alerts alone"),
    ("idempotency_keys", "of use to requests of the last day alone"),
    ("site_owners", "which process looks after a site"),
    ("webhook_events", "what partners told the hub, kept for a month; what came of it is exported"),
];

/// Columns of bytes that are no secret. They are written as hex digits.
const PLAIN_BYTES: &[&str] = &["payload"];

/// What of a person their organization may see.
const OF_A_PERSON: &[&str] = &["id", "email", "name", "created_at"];

/// Rows asked for at a time.
const SLICE: usize = 1_000;

/// An export under way.
#[derive(Debug)]
pub struct Export {
    store: Store,
    org: OrgId,
    tables: VecDeque<&'static str>,
    table: Option<Table>,
    rows: u64,
    is_over: bool,
}

/// A table of which rows are being read.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    name: &'static str,
    columns: Vec<Column>,
    /// The columns of its primary key, in order.
    key: Vec<Column>,
    /// The key of the last row that was read, as text.
    after: Option<Vec<String>>,
    /// Where the key begins with the unit and the table is too large to be read in any other order: the units, and
    /// how many were read. Slices share them.
    units: Option<(Arc<[String]>, usize)>,
}

impl Table {
    /// The unit whose rows are being read: `None` where it does not go by units, `Some(None)` after the last.
    fn unit(&self) -> Option<Option<&String>> {
        self.units.as_ref().map(|(units, read)| units.get(*read))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Id,
    Bytes,
    Flag,
    Number,
    Text,
}

/// Some rows, and where the next ones begin.
pub(crate) struct Slice {
    rows: Vec<String>,
    rest: Option<Table>,
}

impl Store {
    /// Begins to export an organization.
    #[must_use]
    pub fn export(&self, org: OrgId) -> Export {
        let tables = EXPORTED.iter().copied().collect();
        Export { store: self.clone(), org, tables, table: None, rows: 0, is_over: false }
    }

    async fn export_table(&self, org: OrgId, name: &'static str) -> Result<Table, StoreError> {
        ask_database!(self, export_table(org, name))
    }

    async fn export_slice(&self, org: OrgId, table: &Table) -> Result<Slice, StoreError> {
        ask_database!(self, export_slice(org, table))
    }
}

impl Export {
    /// The next lines, each with its line break; `None` at the end. The last one says how many rows there were.
    ///
    /// Each call is one short question: between two nothing of the database is held.
    ///
    /// # Errors
    /// See [`StoreError`]. What was given before is not whole then.
    pub async fn next_lines(&mut self) -> Result<Option<String>, StoreError> {
        loop {
            let table = match (self.table.take(), self.tables.pop_front()) {
                (Some(table), next) => {
                    next.into_iter().for_each(|next| self.tables.push_front(next));
                    table
                }
                (None, Some(next)) => self.store.export_table(self.org, next).await?,
                (None, None) => return Ok(self.end()),
            };
            let slice = self.store.export_slice(self.org, &table).await?;
            self.table = slice.rest;
            if !slice.rows.is_empty() {
                self.rows += slice.rows.len() as u64;
                return Ok(Some(lines(table.name, &slice.rows)));
            }
        }
    }

    fn end(&mut self) -> Option<String> {
        let end = format!("{{\"end\":true,\"rows\":{}}}\n", self.rows);
        (!std::mem::replace(&mut self.is_over, true)).then_some(end)
    }
}

fn lines(table: &str, rows: &[String]) -> String {
    let line = |row: &String| format!("{{\"table\":\"{table}\",\"row\":{row}}}\n");
    rows.iter().map(line).collect()
}

impl Sql {
    pub(crate) async fn export_table(
        &self,
        org: OrgId,
        name: &'static str,
    ) -> Result<Table, StoreError> {
        let asked = self.of(org).await?;
        let text = match self.pools {
            Pools::Postgres { .. } => POSTGRES_COLUMNS,
            Pools::Sqlite { .. } => SQLITE_COLUMNS,
        };
        let statement =
            Statement::from_sql_and_values(self.db.get_database_backend(), text, [name.into()]);
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for row in asked.query_all_raw(statement).await? {
            let column = column(&row)?;
            let place: i64 = row.try_get("", "place")?;
            if place > 0 {
                key.push((place, column.clone()));
            }
            if is_exported(name, &column) {
                columns.push(column);
            }
        }
        key.sort_by_key(|(place, _)| *place);
        let key: Vec<Column> = key.into_iter().map(|(_, column)| column).collect();
        let units = match name {
            "readings" => Some((self.export_units(&asked, org).await?, 0)),
            _ => None,
        };
        Ok(Table { name, columns, key, after: None, units })
    }

    async fn export_units(
        &self,
        asked: &DatabaseTransaction,
        org: OrgId,
    ) -> Result<Arc<[String]>, StoreError> {
        let unit = self.text_of("id", Kind::Id);
        let text = format!("SELECT {unit} AS id FROM units WHERE {} ORDER BY id", within_text());
        let backend = self.db.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, text, [org.0.into()]);
        let rows = asked.query_all_raw(statement).await?;
        Ok(rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?)
    }

    pub(crate) async fn export_slice(
        &self,
        org: OrgId,
        table: &Table,
    ) -> Result<Slice, StoreError> {
        if table.unit() == Some(None) {
            return Ok(Slice { rows: Vec::new(), rest: None });
        }
        let (text, values) = self.slice_text(org, table, within_text());
        let statement =
            Statement::from_sql_and_values(self.db.get_database_backend(), text, values);
        let found = self.of(org).await?.query_all_raw(statement).await?;
        let rows = found.iter().map(|row| row.try_get("", "row_json"));
        let rows: Vec<String> = rows.collect::<Result<_, _>>()?;
        let last = found.last().map(|row| key_of(row, table)).transpose()?;
        let mut rest = Table { after: last, ..table.clone() };
        let is_whole = rows.len() < SLICE;
        if is_whole && let Some((_, read)) = &mut rest.units {
            *read += 1;
            rest.after = None;
        }
        let goes_on = rest.unit().map_or(!is_whole, |unit| unit.is_some());
        Ok(Slice { rows, rest: goes_on.then_some(rest) })
    }

    fn slice_text(&self, org: OrgId, table: &Table, within: &str) -> (String, Vec<Value>) {
        let mut values: Vec<Value> = vec![org.0.into()];
        let mut conditions = vec![match table.name {
            "organizations" => within.replace("org_id", "id"),
            "users" => format!("id IN (SELECT user_id FROM memberships WHERE {within})"),
            _ => within.to_owned(),
        }];
        if let Some(unit) = table.unit().flatten() {
            values.push(unit.clone().into());
            conditions.push(format!("unit_id = {}", self.value(Kind::Id, values.len())));
        }
        let names: Vec<&str> = table.key.iter().map(|column| column.name.as_str()).collect();
        if let Some(after) = &table.after {
            let mut places = Vec::new();
            for (column, value) in table.key.iter().zip(after) {
                values.push(value.clone().into());
                places.push(self.value(column.kind, values.len()));
            }
            conditions.push(format!("({}) > ({})", names.join(", "), places.join(", ")));
        }
        let keys = (0..).zip(&table.key);
        let keys = keys.map(|(place, column): (usize, _)| {
            format!(", {} AS key_{place}", self.text_of(&column.name, column.kind))
        });
        let text = format!(
            "SELECT {} AS row_json{} FROM {} WHERE {} ORDER BY {} LIMIT {SLICE}",
            self.json_of(&table.columns),
            keys.collect::<String>(),
            table.name,
            conditions.join(" AND "),
            names.join(", ")
        );
        (text, values)
    }

    /// A column's value as text, from which [`Sql::value`] makes it again.
    fn text_of(&self, name: &str, kind: Kind) -> String {
        match (&self.pools, kind) {
            (Pools::Sqlite { .. }, Kind::Id | Kind::Bytes) => format!("hex({name})"),
            _ => format!("CAST({name} AS TEXT)"),
        }
    }

    fn value(&self, kind: Kind, number: usize) -> String {
        match (&self.pools, kind) {
            (Pools::Postgres { .. }, Kind::Id) => format!("CAST(${number} AS uuid)"),
            (Pools::Sqlite { .. }, Kind::Id | Kind::Bytes) => format!("unhex(${number})"),
            (_, Kind::Number | Kind::Flag) => format!("CAST(${number} AS bigint)"),
            _ => format!("${number}"),
        }
    }

    /// A row as a JSON object, the same on both databases.
    fn json_of(&self, columns: &[Column]) -> String {
        let parts = columns.iter().map(|Column { name, kind }| {
            let value = match (&self.pools, kind) {
                (Pools::Postgres { .. }, Kind::Bytes) => format!("encode({name}, 'hex')"),
                (Pools::Sqlite { .. }, Kind::Bytes) => format!("lower(hex({name}))"),
                (Pools::Sqlite { .. }, Kind::Id) => id_text(name),
                (Pools::Sqlite { .. }, Kind::Flag) => {
                    format!("CASE {name} WHEN 1 THEN json('true') WHEN 0 THEN json('false') END")
                }
                _ => name.clone(),
            };
            format!("'{name}', {value}")
        });
        let parts = parts.collect::<Vec<_>>().join(", ");
        match self.pools {
            Pools::Postgres { .. } => format!("CAST(json_build_object({parts}) AS TEXT)"),
            Pools::Sqlite { .. } => format!("json_object({parts})"),
        }
    }
}

/// An id of 16 bytes in its usual form; nothing stays nothing.
fn id_text(name: &str) -> String {
    let parts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)];
    let part = |(from, length)| format!("substr(hex({name}), {from}, {length})");
    let text = parts.map(part).join(" || '-' || ");
    format!("CASE WHEN {name} IS NULL THEN NULL ELSE lower({text}) END")
}

/// Name, type and place in the primary key, from 1, of each column.
const POSTGRES_COLUMNS: &str = "
SELECT CAST(attname AS TEXT) AS name, format_type(atttypid, NULL) AS type,
    CAST(COALESCE(array_position(CAST(indkey AS smallint[]), attnum) + 1, 0) AS BIGINT) AS place
FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
ORDER BY attnum";

const SQLITE_COLUMNS: &str =
    "SELECT name, lower(type) AS type, pk AS place FROM pragma_table_info($1) ORDER BY cid";

fn column(row: &QueryResult) -> Result<Column, StoreError> {
    let (name, kind): (String, String) = (row.try_get("", "name")?, row.try_get("", "type")?);
    let kind = match kind.as_str() {
        "uuid" => Kind::Id,
        "bytea" => Kind::Bytes,
        "blob" if is_of_bytes(&name) => Kind::Bytes,
        "blob" => Kind::Id,
        "boolean" => Kind::Flag,
        "integer" if is_flag(&name) => Kind::Flag,
        "bigint" | "integer" | "smallint" => Kind::Number,
        "text" => Kind::Text,
        _ => return Err(StoreError::Corrupt(format!("column {name} of type {kind}"))),
    };
    Ok(Column { name, kind })
}

/// SQLite has one type for ids and other bytes; their names tell them apart.
fn is_of_bytes(name: &str) -> bool {
    PLAIN_BYTES.contains(&name)
        || ["_hash", "_secret", "fingerprint"].iter().any(|end| name.ends_with(end))
}

/// SQLite has no type for yes and no.
fn is_flag(name: &str) -> bool {
    name.starts_with("is_") || ["muted", "door_open", "requires_corrective_action"].contains(&name)
}

fn is_exported(table: &str, column: &Column) -> bool {
    let is_seen = table != "users" || OF_A_PERSON.contains(&column.name.as_str());
    is_seen && (column.kind != Kind::Bytes || PLAIN_BYTES.contains(&column.name.as_str()))
}

fn key_of(row: &QueryResult, table: &Table) -> Result<Vec<String>, StoreError> {
    let part = |place| row.try_get("", &format!("key_{place}"));
    Ok((0..table.key.len()).map(part).collect::<Result<_, _>>()?)
}
