//! One text for both databases: what differs is named in braces and filled in here.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

/// Statements, for one database or both.
pub(crate) enum Part {
    /// The same on both, but for the types in braces.
    Both(&'static str),
    /// On PostgreSQL alone.
    Postgres(&'static str),
    /// On SQLite alone.
    Sqlite(&'static str),
}

/// What each name in braces stands for: on PostgreSQL, on SQLite. SQLite's tables are strict: a value of another
/// type is refused there too.
const WORDS: &[(&str, &str, &str)] = &[
    ("{uuid}", "UUID", "BLOB"),
    ("{bytes}", "BYTEA", "BLOB"),
    ("{bool}", "BOOLEAN", "INTEGER"),
    ("{false}", "FALSE", "0"),
    ("{bigint}", "BIGINT", "INTEGER"),
    ("{smallint}", "SMALLINT", "INTEGER"),
    // sorted by bytes, as Rust and SQLite do
    ("{ascii}", "TEXT COLLATE \"C\"", "TEXT"),
    ("{strict}", "", "STRICT"),
    ("{readings_storage}", "PARTITION BY RANGE (recorded_at)", "STRICT, WITHOUT ROWID"),
];

/// Runs `parts` in order.
pub(crate) async fn run(manager: &SchemaManager<'_>, parts: &[Part]) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    for part in parts {
        let sql = match (part, backend) {
            (Part::Both(sql), _)
            | (Part::Postgres(sql), DatabaseBackend::Postgres)
            | (Part::Sqlite(sql), DatabaseBackend::Sqlite) => fill(sql, backend),
            (Part::Postgres(_) | Part::Sqlite(_), _) => continue,
        };
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

fn fill(sql: &str, backend: DatabaseBackend) -> String {
    let is_postgres = backend == DatabaseBackend::Postgres;
    WORDS.iter().fold(sql.to_owned(), |sql, (word, postgres, sqlite)| {
        sql.replace(word, if is_postgres { postgres } else { sqlite })
    })
}

/// A migration from two constants of its file, `UP` and `DOWN`, named after the file.
macro_rules! migration {
    () => {
        /// The change of this file.
        #[derive(sea_orm_migration::prelude::DeriveMigrationName)]
        pub(crate) struct Migration;

        #[expect(
            elided_lifetimes_in_paths,
            reason = "as in the trait, whose macro needs them alike"
        )]
        #[sea_orm_migration::prelude::async_trait::async_trait]
        impl sea_orm_migration::prelude::MigrationTrait for Migration {
            async fn up(
                &self,
                manager: &sea_orm_migration::prelude::SchemaManager,
            ) -> Result<(), sea_orm_migration::DbErr> {
                $crate::ddl::run(manager, UP).await
            }

            async fn down(
                &self,
                manager: &sea_orm_migration::prelude::SchemaManager,
            ) -> Result<(), sea_orm_migration::DbErr> {
                $crate::ddl::run(manager, DOWN).await
            }

            // SQLite's run outside one otherwise, and half a migration would stay
            fn use_transaction(&self) -> Option<bool> {
                Some(true)
            }
        }
    };
}
pub(crate) use migration;
