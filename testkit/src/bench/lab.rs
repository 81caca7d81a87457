//! What every measure needs: the hub's binary, a PostgreSQL server of our own, and how long to measure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::Options;
use super::database::Database;
use crate::hub::{HubBuilder, HubProcess};
use crate::postgres::PrivatePostgres;
use crate::usage;

/// Where measures are taken.
#[derive(Debug)]
pub(super) struct Lab {
    hub: PathBuf,
    postgres: PrivatePostgres,
    quick: bool,
}

impl Lab {
    pub(super) fn new(options: &Options, postgres: PrivatePostgres) -> Self {
        Self { hub: options.hub.clone(), postgres, quick: options.quick }
    }

    /// How long to measure: `full`, or a part of it in a quick run.
    pub(super) fn span(&self, full: u64) -> Duration {
        Duration::from_millis(if self.quick { full * 300 } else { full * 1000 })
    }

    /// Whether this run is only to see that all works.
    pub(super) const fn is_quick(&self) -> bool {
        self.quick
    }

    /// A new PostgreSQL database with the hub's tables.
    ///
    /// # Errors
    /// When `hub migrate` fails.
    pub(super) fn postgres_database(&self) -> anyhow::Result<Database> {
        let url = self.postgres.create_database();
        self.migrate(&url)?;
        Ok(Database::Postgres { url })
    }

    /// A new SQLite database with the hub's tables.
    ///
    /// # Errors
    /// When `hub migrate` fails.
    pub(super) fn sqlite_database(&self) -> anyhow::Result<Database> {
        let folder = tempfile::Builder::new().prefix("hub-bench-").tempdir()?;
        let database = Database::Sqlite { folder };
        self.migrate(&database.url())?;
        Ok(database)
    }

    /// A hub on a database, with limits that are those of the machine and not of a customer.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(super) async fn start_hub(&self, database: &Database) -> anyhow::Result<HubProcess> {
        self.hub_builder(database).start().await
    }

    /// How such a hub is started.
    pub(super) fn hub_builder(&self, database: &Database) -> HubBuilder {
        HubProcess::builder(&self.hub).database_url(database.url()).env("HUB_LOG", "warn")
    }

    /// Processor seconds that PostgreSQL has used so far.
    ///
    /// # Errors
    /// When it is down.
    pub(super) fn postgres_cpu_secs(&self) -> anyhow::Result<f64> {
        usage::tree_cpu_secs(self.postgres.process_id().context("the server is running")?)
    }

    fn migrate(&self, url: &str) -> anyhow::Result<()> {
        let output = Command::new(&self.hub)
            .arg("migrate")
            .env("DATABASE_URL", url)
            .env("HUB_DATA_DIR", Path::new("."))
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .output()
            .context("hub migrate cannot be run")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "hub migrate failed: {errors}");
        Ok(())
    }
}
