//! An organization's rows as the database has them, read past the hub.
//!
//! What a tenant owns is found in the database itself: every table with an `org_id`, and every table of people by their
//! memberships. So a table that is added later is looked at too.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use sqlx::{
    AssertSqlSafe, PgPool, Row as _, SqlitePool, postgres::PgPoolOptions, sqlite::SqlitePoolOptions,
};

/// A connection of the tests' own to the hub's database.
#[derive(Debug, Clone)]
pub enum Rows {
    /// To a PostgreSQL, as the owner of the tables, whom row-level security does not bind.
    Postgres(PgPool),
    /// To a SQLite file.
    Sqlite(SqlitePool),
}

/// The rows of somebody, by table: each as text, sorted.
pub type Owned = BTreeMap<String, Vec<String>>;

/// What is noted of the mere use of a thing, which is no change of it.
const OF_USE: [&str; 2] = ["last_used_at", "last_seen_at"];

/// How a table's rows are an organization's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    name: String,
    columns: Vec<String>,
}

impl Rows {
    /// Opens a connection to `url`, as `DATABASE_URL` has it.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("sqlite") {
            let pool = SqlitePoolOptions::new().max_connections(1).connect(url).await?;
            return Ok(Self::Sqlite(pool));
        }
        Ok(Self::Postgres(PgPoolOptions::new().max_connections(1).connect(url).await?))
    }

    /// All rows of an organization (an id in its usual form).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(&self, org: &str) -> anyhow::Result<Owned> {
        let mut owned = Owned::new();
        for table in self.tables().await? {
            let Some(condition) = self.condition(&table, org) else { continue };
            let row = self.row(&table);
            let sql = format!("SELECT {row} FROM {} WHERE {condition} ORDER BY 1", table.name);
            let rows = self.texts(&sql).await.with_context(|| table.name.clone())?;
            owned.insert(table.name, rows);
        }
        Ok(owned)
    }

    /// The names of the tables that have an `org_id`, `organizations` not among them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenant_tables(&self) -> anyhow::Result<Vec<String>> {
        let tables = self.tables().await?;
        let tenants = tables.into_iter().filter(|table| table.has("org_id"));
        Ok(tenants.map(|table| table.name).collect())
    }

    /// Makes another person of an organization, who has the password of the person with the e-mail `like`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_member(
        &self,
        org: &str,
        like: &str,
        (id, email, name): (&str, &str, &str),
        role: &str,
    ) -> anyhow::Result<()> {
        let tables = self.tables().await?;
        let users = tables.iter().find(|table| table.name == "users").context("there are users")?;
        let value = |column: &String| match column.as_str() {
            "id" => self.id(id),
            "email" => format!("'{email}'"),
            "name" => format!("'{name}'"),
            "issuer" | "subject" => "NULL".to_owned(),
            column => column.to_owned(),
        };
        let values: Vec<String> = users.columns.iter().map(value).collect();
        let (columns, values) = (users.columns.join(", "), values.join(", "));
        self.run(&format!(
            "INSERT INTO users ({columns}) SELECT {values} FROM users WHERE email = '{like}'"
        ))
        .await?;
        let (org, id) = (self.id(org), self.id(id));
        self.run(&format!(
            "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ({org}, {id}, '{role}', 0)"
        ))
        .await
    }

    /// Takes a person out of an organization.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remove_member(&self, org: &str, user: &str) -> anyhow::Result<()> {
        let (org, user) = (self.id(org), self.id(user));
        self.run(&format!("DELETE FROM memberships WHERE org_id = {org} AND user_id = {user}"))
            .await
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn run(&self, sql: &str) -> anyhow::Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop)?,
            Self::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop)?,
        }
        Ok(())
    }

    /// The first column of what a question finds, as text.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn texts(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let sql = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Self::Postgres(pool) => {
                let rows = sqlx::query(sql).fetch_all(pool).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
            Self::Sqlite(pool) => {
                let rows = sqlx::query(sql).fetch_all(pool).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
        })
    }

    /// Ends the connection.
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }

    /// An id as the database's text has it.
    #[must_use]
    pub fn id(&self, id: &str) -> String {
        match self {
            Self::Postgres(_) => format!("'{id}'"),
            Self::Sqlite(_) => format!("X'{}'", id.replace('-', "").to_uppercase()),
        }
    }

    async fn tables(&self) -> anyhow::Result<Vec<Table>> {
        let columns = match self {
            // a part of a table that is parted by time is looked at with the whole
            Self::Postgres(_) => {
                "SELECT tables.relname || ' ' || columns.attname
                 FROM pg_class AS tables JOIN pg_attribute AS columns ON columns.attrelid = tables.oid
                 WHERE tables.relnamespace = current_schema()::regnamespace AND tables.relkind IN ('r', 'p')
                     AND NOT tables.relispartition AND columns.attnum > 0 AND NOT columns.attisdropped
                 ORDER BY tables.relname, columns.attnum"
            }
            Self::Sqlite(_) => {
                "SELECT tables.name || ' ' || columns.name
                 FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
                 WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
                 ORDER BY tables.name, columns.cid"
            }
        };
        let mut tables: Vec<Table> = Vec::new();
        for line in self.texts(columns).await? {
            let (table, column) = line.split_once(' ').context("a table and a column")?;
            if tables.last().is_none_or(|last| last.name != table) {
                tables.push(Table { name: table.to_owned(), columns: Vec::new() });
            }
            tables.last_mut().context("one was pushed")?.columns.push(column.to_owned());
        }
        Ok(tables)
    }

    fn condition(&self, table: &Table, org: &str) -> Option<String> {
        let org = self.id(org);
        let members = format!("(SELECT user_id FROM memberships WHERE org_id = {org})");
        if table.has("org_id") {
            return Some(format!("org_id = {org}"));
        }
        match table.name.as_str() {
            "organizations" => Some(format!("id = {org}")),
            "users" => Some(format!("id IN {members}")),
            _ => table.has("user_id").then(|| format!("user_id IN {members}")),
        }
    }

    fn row(&self, table: &Table) -> String {
        match self {
            Self::Postgres(_) => {
                let of_use = OF_USE.map(|column| format!(" - '{column}'")).concat();
                format!("(to_jsonb({}){of_use})::text", table.name)
            }
            Self::Sqlite(_) => {
                let columns =
                    table.columns.iter().filter(|column| !OF_USE.contains(&column.as_str()));
                let quoted: Vec<String> =
                    columns.map(|column| format!("'{column}=' || quote({column})")).collect();
                quoted.join(" || ', ' || ")
            }
        }
    }
}

impl Table {
    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|own| own == column)
    }
}

/// What of `before` is otherwise in `after`, a line a row; empty where nothing is.
#[must_use]
pub fn changes(before: &Owned, after: &Owned) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let set = |owned: &Owned| -> BTreeSet<String> {
            owned.get(name).into_iter().flatten().cloned().collect()
        };
        let (before, after) = (set(before), set(after));
        changes.extend(before.difference(&after).map(|row| format!("- {name}: {row}")));
        changes.extend(after.difference(&before).map(|row| format!("+ {name}: {row}")));
    }
    changes
}

/// Every UUID in the rows, in its usual form.
#[must_use]
pub fn ids(owned: &Owned) -> BTreeSet<String> {
    owned.values().flatten().flat_map(|row| ids_in(row)).collect()
}

/// Every UUID in a text, with hyphens or as 32 hex digits, in its usual form.
#[must_use]
pub fn ids_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '-';
    let words = text.split(|c: char| !is_part(c));
    let usual = |word: &str| match word.len() {
        32 | 36 => uuid::Uuid::try_parse(word).ok().map(|id| id.to_string()),
        _ => None,
    };
    words.filter_map(usual).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_are_found_by_their_organization_and_compared() {
        let rows = Rows::open("sqlite::memory:").await.unwrap();
        let (ours, theirs) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        rows.run("CREATE TABLE things (org_id BLOB, name TEXT); CREATE TABLE others (id BLOB); CREATE TABLE memberships (org_id BLOB, user_id BLOB)")
            .await
            .unwrap();
        for (org, name) in [(ours, "a"), (theirs, "b")] {
            let org = rows.id(&org.to_string());
            rows.run(&format!("INSERT INTO things VALUES ({org}, '{name}')")).await.unwrap();
        }
        let before = rows.of(&ours.to_string()).await.unwrap();
        assert_eq!(before["things"].len(), 1);
        assert_eq!(ids(&before), [ours.to_string()].into());
        assert_eq!(rows.tenant_tables().await.unwrap(), ["memberships", "things"]);
        rows.run("UPDATE things SET name = 'c' WHERE name = 'b'").await.unwrap();
        assert!(changes(&before, &rows.of(&ours.to_string()).await.unwrap()).is_empty());
        rows.run("UPDATE things SET name = 'd' WHERE name = 'a'").await.unwrap();
        assert_eq!(changes(&before, &rows.of(&ours.to_string()).await.unwrap()).len(), 2);
    }

    #[test]
    fn ids_are_found_in_both_spellings() {
        let id = "018f4e6c-7b5a-7c3d-8e9f-0a1b2c3d4e5f";
        let text = format!("X'018F4E6C7B5A7C3D8E9F0A1B2C3D4E5F', ({id},x) 12");
        assert_eq!(ids_in(&text), [id.to_owned()].into());
    }
}
