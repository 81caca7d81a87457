//! The hub's database, seen from beside the hub.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// A database that a hub runs on.
#[derive(Debug)]
pub(super) enum Database {
    /// One of the private server.
    Postgres {
        /// Its address.
        url: String,
    },
    /// A file in a temporary folder.
    Sqlite {
        /// The folder.
        folder: TempDir,
    },
}

impl Database {
    /// Its address as the hub takes it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Postgres { url } => url.clone(),
            Self::Sqlite { folder } => format!("sqlite://{}", file(folder).display()),
        }
    }

    /// Copies the only row of a table. Each copy is an object of the columns in which it differs, the same for all.
    ///
    /// # Errors
    /// When the table has another number of rows, or refuses.
    pub(super) async fn copy_rows(&self, table: &str, copies: &[Value]) -> anyhow::Result<()> {
        let Some(first) = copies.first().and_then(Value::as_object) else { return Ok(()) };
        let json = serde_json::to_string(copies)?;
        let written = match self {
            Self::Postgres { url } => copy_in_postgres(url, table, &json).await,
            Self::Sqlite { folder } => copy_in_sqlite(folder, table, first, json).await,
        };
        let written = written.with_context(|| format!("rows of {table} cannot be copied"))?;
        ensure!(
            written == copies.len() as u64,
            "{table} has not one row to copy but several, or none"
        );
        Ok(())
    }

    /// How many alerts are not resolved.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn open_alerts(&self) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM alerts WHERE resolved_at IS NULL";
        let count = match self {
            Self::Postgres { url } => {
                let mut connection = PgConnection::connect(url).await?;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
            Self::Sqlite { folder } => {
                let mut connection = open_sqlite(folder).await?;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
        };
        count.context("the alerts cannot be counted")
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("hub.db")
}

/// A connection of our own to the file.
///
/// # Errors
/// When it cannot be opened.
pub(super) async fn open_sqlite(folder: &TempDir) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(file(folder)).pragma("synchronous", "FULL");
    options.connect().await.context("the SQLite file cannot be opened")
}

async fn copy_in_postgres(url: &str, table: &str, copies: &str) -> anyhow::Result<u64> {
    let mut connection = PgConnection::connect(url).await?;
    let sql = format!(
        "INSERT INTO {table} SELECT (jsonb_populate_record(original, copied)).*
         FROM {table} original, jsonb_array_elements($1::jsonb) copied"
    );
    let written = sqlx::query(AssertSqlSafe(sql)).bind(copies).execute(&mut connection).await?;
    // as autovacuum would have by and by
    sqlx::query(AssertSqlSafe(format!("ANALYZE {table}"))).execute(&mut connection).await?;
    Ok(written.rows_affected())
}

async fn copy_in_sqlite(
    folder: &TempDir,
    table: &str,
    differing: &Map<String, Value>,
    copies: String,
) -> anyhow::Result<u64> {
    let mut connection = open_sqlite(folder).await?;
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
        .bind(table)
        .fetch_all(&mut connection)
        .await?;
    let values: Vec<String> = columns
        .iter()
        .map(|column| {
            let text = format!("copied.value ->> '{column}'");
            if !differing.contains_key(column) {
                return format!("original.{column}");
            }
            format!(
                "CASE typeof(original.{column}) WHEN 'blob' THEN unhex(replace({text}, '-', '')) ELSE {text} END"
            )
        })
        .collect();
    let sql = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM {table} original, json_each(?) copied",
        columns.join(", "),
        values.join(", ")
    );
    let written = sqlx::query(AssertSqlSafe(sql)).bind(copies).execute(&mut connection).await?;
    Ok(written.rows_affected())
}
