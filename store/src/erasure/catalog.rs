//! Which tables hold rows of organizations, how their rows are found, and in which order they may go: as the database's
//! own catalog says.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, SqlitePool};

use super::rows::{Connection, Eraser};
use crate::StoreError;

/// Tables that an erasure leaves alone, or sees to in its own way.
const APART: [&str; 4] = ["erasures", "organizations", "users", "memberships"];

/// The tables of one database.
#[derive(Debug)]
pub(super) struct Catalog {
    /// Those with a column `org_id`, each before those that it refers to.
    pub(super) tables: Vec<Table>,
    /// Those without one whose rows are a person's: table and column.
    pub(super) of_people: Vec<(String, String)>,
}

/// A table of tenants' rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// By which index its rows of an organization are found.
    pub(super) way: Way,
    /// The columns of its primary key, where it has no other name for a row (SQLite's `WITHOUT ROWID`).
    pub(super) key: Option<String>,
}

/// How rows of an organization are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By `org_id`.
    Organization,
    /// By this column, for the ids of that table's rows.
    Through { column: String, table: String },
}

/// What the catalog says of one table.
#[derive(Debug, Default)]
pub(super) struct Facts {
    columns: BTreeSet<String>,
    /// The first columns of its indexes.
    leading: BTreeSet<String>,
    /// The tables that it refers to, by its own column beside `org_id`.
    refers: Vec<(String, String)>,
    key: Option<String>,
}

impl Catalog {
    /// Reads what there is.
    pub(super) async fn read(eraser: &mut Eraser) -> Result<Self, StoreError> {
        let facts = match eraser.connection() {
            Connection::Postgres(connection) => of_postgres(connection).await?,
            Connection::Sqlite { readers, .. } => of_sqlite(readers).await?,
        };
        Ok(Self::of(&facts))
    }

    fn of(facts: &BTreeMap<String, Facts>) -> Self {
        let is_tenants = |name: &str| facts[name].columns.contains("org_id");
        let wanted: BTreeSet<&str> = facts
            .keys()
            .map(String::as_str)
            .filter(|name| is_tenants(name) && !APART.contains(name))
            .collect();
        let of_people = facts.iter().filter(|(name, _)| {
            !is_tenants(name) && !APART.contains(&name.as_str()) && *name != "operators"
        });
        let of_people = of_people.flat_map(|(name, facts)| {
            let of_users = facts.refers.iter().filter(|(_, table)| table == "users");
            of_users.map(move |(column, _)| (name.clone(), column.clone()))
        });
        let table = |name: &str| Table {
            name: name.to_owned(),
            way: facts[name].way(facts),
            key: facts[name].key.clone(),
        };
        Self {
            tables: in_order(&wanted, facts).into_iter().map(table).collect(),
            of_people: of_people.collect(),
        }
    }
}

impl Facts {
    /// By organization where an index begins with it; else by a column of an index that names a row of another table.
    fn way(&self, all: &BTreeMap<String, Self>) -> Way {
        let units = ("unit_id".to_owned(), "units".to_owned()); // readings have no foreign keys
        let through = self.refers.iter().chain([&units]).find(|(column, table)| {
            let has_id = all.get(table).is_some_and(|facts| {
                facts.columns.contains("id") && facts.leading.contains("org_id")
            });
            self.leading.contains(column) && has_id
        });
        match through {
            Some((column, table)) if !self.leading.contains("org_id") => {
                Way::Through { column: column.clone(), table: table.clone() }
            }
            _ => Way::Organization,
        }
    }
}

/// Tables before those that they refer to, or whose ids their rows are found by.
fn in_order<'a>(wanted: &BTreeSet<&'a str>, facts: &BTreeMap<String, Facts>) -> Vec<&'a str> {
    let mut left = wanted.clone();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let is_needed = |name: &str| {
            left.iter().any(|other| *other != name && needs(other, &facts[*other], name, facts))
        };
        let free: Vec<&str> = left.iter().copied().filter(|name| !is_needed(name)).collect();
        // tables that refer to each other in a ring: one of them has to be tried first
        let next = if free.is_empty() { left.iter().copied().take(1).collect() } else { free };
        for name in next {
            left.remove(name);
            order.push(name);
        }
    }
    order
}

fn needs(name: &str, own: &Facts, other: &str, all: &BTreeMap<String, Facts>) -> bool {
    let is_found_by = matches!(own.way(all), Way::Through { table, .. } if table == other);
    is_found_by || (name != other && own.refers.iter().any(|(_, table)| table == other))
}

/// Column by column: table, column, whether it leads an index, and the table it refers to.
const OF_POSTGRES: &str = "
SELECT tables.relname::text, columns.attname::text,
    EXISTS (SELECT 1 FROM pg_index WHERE indrelid = tables.oid AND indkey[0] = columns.attnum AND indpred IS NULL),
    (SELECT min(target.relname)::text FROM pg_constraint
        JOIN pg_class AS target ON target.oid = confrelid
        WHERE contype = 'f' AND conrelid = tables.oid AND conkey[array_upper(conkey, 1)] = columns.attnum)
FROM pg_class AS tables JOIN pg_attribute AS columns ON columns.attrelid = tables.oid
WHERE tables.relnamespace = current_schema()::regnamespace AND tables.relkind = 'r'
    AND columns.attnum > 0 AND NOT columns.attisdropped
ORDER BY 1, 2";

async fn of_postgres(connection: &mut PgConnection) -> Result<BTreeMap<String, Facts>, StoreError> {
    let rows: Vec<(String, String, bool, Option<String>)> =
        sqlx::query_as(OF_POSTGRES).fetch_all(connection).await?;
    let mut all: BTreeMap<String, Facts> = BTreeMap::new();
    for (table, column, leads, refers) in rows {
        all.entry(table).or_default().note(column, leads, refers);
    }
    Ok(all)
}

const OF_SQLITE: &str = "
SELECT tables.name, columns.name,
    columns.name IN (SELECT info.name FROM pragma_index_list(tables.name) AS indexes
        JOIN pragma_index_info(indexes.name) AS info ON info.seqno = 0 WHERE indexes.partial = 0),
    (SELECT min(keys.\"table\") FROM pragma_foreign_key_list(tables.name) AS keys
        WHERE keys.\"from\" = columns.name AND keys.seq =
            (SELECT max(seq) FROM pragma_foreign_key_list(tables.name) AS others WHERE others.id = keys.id))
FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
ORDER BY 1, 2";

const KEYS_OF_SQLITE: &str = "
SELECT tables.name, (SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info(tables.name) WHERE pk > 0 ORDER BY pk))
FROM pragma_table_list AS tables WHERE tables.schema = 'main' AND tables.wr = 1";

async fn of_sqlite(pool: &SqlitePool) -> Result<BTreeMap<String, Facts>, StoreError> {
    let rows: Vec<(String, String, bool, Option<String>)> =
        sqlx::query_as(OF_SQLITE).fetch_all(pool).await?;
    let mut all: BTreeMap<String, Facts> = BTreeMap::new();
    for (table, column, leads, refers) in rows {
        all.entry(table).or_default().note(column, leads, refers);
    }
    let keys: Vec<(String, String)> = sqlx::query_as(KEYS_OF_SQLITE).fetch_all(pool).await?;
    for (table, key) in keys {
        all.entry(table).or_default().key = Some(key);
    }
    Ok(all)
}

impl Facts {
    fn note(&mut self, column: String, leads: bool, refers: Option<String>) {
        if leads {
            self.leading.insert(column.clone());
        }
        self.refers.extend(refers.map(|table| (column.clone(), table)));
        self.columns.insert(column);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(columns: &[&str], leading: &[&str], refers: &[(&str, &str)]) -> Facts {
        let mut facts = Facts::default();
        for column in columns {
            let target = refers.iter().find(|(own, _)| own == column);
            let target = target.map(|(_, table)| (*table).to_owned());
            facts.note((*column).to_owned(), leading.contains(column), target);
        }
        facts
    }

    #[test]
    fn tables_go_before_those_that_they_refer_to() {
        let all = BTreeMap::from([
            (
                "alerts".to_owned(),
                facts(&["id", "org_id", "unit_id"], &["id", "org_id"], &[("unit_id", "units")]),
            ),
            (
                "events".to_owned(),
                facts(&["alert_id", "org_id"], &["alert_id"], &[("alert_id", "alerts")]),
            ),
            ("readings".to_owned(), facts(&["org_id", "unit_id"], &["unit_id"], &[])),
            ("units".to_owned(), facts(&["id", "org_id"], &["id", "org_id"], &[])),
            ("tokens".to_owned(), facts(&["id", "user_id"], &["id"], &[("user_id", "users")])),
            ("users".to_owned(), facts(&["id"], &["id"], &[])),
            ("erasures".to_owned(), facts(&["org_id"], &["org_id"], &[])),
        ]);
        let catalog = Catalog::of(&all);
        let names: Vec<&str> = catalog.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["events", "readings", "alerts", "units"]);
        let through = |column: &str, table: &str| Way::Through {
            column: column.to_owned(),
            table: table.to_owned(),
        };
        assert_eq!(catalog.tables[0].way, through("alert_id", "alerts"));
        assert_eq!(catalog.tables[1].way, through("unit_id", "units"));
        assert_eq!(catalog.tables[2].way, Way::Organization);
        assert_eq!(catalog.of_people, [("tokens".to_owned(), "user_id".to_owned())]);
    }
}
