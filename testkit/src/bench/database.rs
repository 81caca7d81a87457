//! The hub's database, seen from beside the hub.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

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

/// A copy of a row: the same but for these.
#[derive(Debug)]
pub(super) struct Copied {
    /// Its id.
    pub(super) id: Uuid,
    /// Its site, where it has one.
    pub(super) site: Option<Uuid>,
    /// Its name.
    pub(super) name: String,
}

impl Database {
    /// Its address as the hub takes it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Postgres { url } => url.clone(),
            Self::Sqlite { folder } => format!("sqlite://{}", file(folder).display()),
        }
    }

    /// Copies the only row of a table.
    ///
    /// # Errors
    /// When the table has another number of rows, or refuses.
    pub(super) async fn copy_rows(&self, table: &str, copies: Vec<Copied>) -> anyhow::Result<()> {
        if copies.is_empty() {
            return Ok(());
        }
        let expected = copies.len() as u64;
        let written = match self {
            Self::Postgres { url } => copy_in_postgres(url, table, &copies).await?,
            Self::Sqlite { folder } => copy_in_sqlite(folder, table, &copies).await?,
        };
        ensure!(written == expected, "{table} has not one row to copy but several, or none");
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

async fn copy_in_postgres(url: &str, table: &str, copies: &[Copied]) -> anyhow::Result<u64> {
    let mut connection = PgConnection::connect(url).await?;
    let site = if copies[0].site.is_some() { ", 'site_id', copied.site" } else { "" };
    let sql = format!(
        "INSERT INTO {table}
         SELECT (jsonb_populate_record(original, jsonb_build_object('id', copied.id, 'name', copied.name{site}))).*
         FROM {table} original, UNNEST($1::uuid[], $2::uuid[], $3::text[]) AS copied(id, site, name)"
    );
    let written = sqlx::query(AssertSqlSafe(sql))
        .bind(copies.iter().map(|copy| copy.id).collect::<Vec<_>>())
        .bind(copies.iter().map(|copy| copy.site.unwrap_or_default()).collect::<Vec<_>>())
        .bind(copies.iter().map(|copy| copy.name.clone()).collect::<Vec<_>>())
        .execute(&mut connection)
        .await?;
    sqlx::query("ANALYZE").execute(&mut connection).await?; // as autovacuum would have by and by
    Ok(written.rows_affected())
}

async fn copy_in_sqlite(folder: &TempDir, table: &str, copies: &[Copied]) -> anyhow::Result<u64> {
    let mut connection = open_sqlite(folder).await?;
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
        .bind(table)
        .fetch_all(&mut connection)
        .await?;
    let copied = |place: usize| {
        let text = format!("json_extract(copied.value, '$[{place}]')");
        format!("CASE typeof(original.id) WHEN 'blob' THEN unhex(replace({text}, '-', '')) ELSE {text} END")
    };
    let values = columns.iter().map(|column| match column.as_str() {
        "id" => copied(0),
        "site_id" => copied(1),
        "name" => "json_extract(copied.value, '$[2]')".to_owned(),
        other => format!("original.{other}"),
    });
    let sql = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM {table} original, json_each(?) copied",
        columns.join(", "),
        values.collect::<Vec<_>>().join(", ")
    );
    let rows: Vec<_> =
        copies.iter().map(|copy| json!([copy.id, copy.site, copy.name])).collect();
    let written = sqlx::query(AssertSqlSafe(sql))
        .bind(serde_json::to_string(&rows)?)
        .execute(&mut connection)
        .await?;
    Ok(written.rows_affected())
}
