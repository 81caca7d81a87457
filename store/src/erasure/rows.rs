//! How rows go: a few at a time, as the owner of the tables, fewer where a few take long.

use std::time::{Duration, Instant};

use hub_domain::OrgId;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlitePool};
use uuid::Uuid;

use super::catalog::{Catalog, Table, Way};
use crate::{
    StoreError,
    sql::{PIN_SESSION, Pools},
};

/// The lock under which one process at a time erases: "hub" and a number of ours.
const ERASURE_LOCK: i64 = 0x6875_6200_0003;

/// At most so many rows go in one statement.
const MOST: i64 = 4_000;
/// At least so many, and as many to begin with.
const FEWEST: i64 = 20;
const FIRST: i64 = 250;
/// A statement that takes longer than this was too much at once; one that takes a fifth of it, too little.
const SLOW: Duration = Duration::from_millis(200);
/// So many rows of another table are gone through at a time by their ids.
const PARENTS: i64 = 250;

/// The connection of an erasure.
pub(super) enum Connection {
    Postgres(Box<PgConnection>),
    Sqlite { readers: SqlitePool, writer: SqlitePool },
}

/// Deletes one organization's rows.
pub(super) struct Eraser {
    connection: Connection,
    org: Uuid,
    at_a_time: i64,
}

impl Eraser {
    /// Connects as the owner of the tables: the hub's roles may not take anything from the audit log.
    pub(super) async fn open(pools: &Pools, org: OrgId) -> Result<Self, StoreError> {
        let connection = match pools {
            Pools::Postgres { options, .. } => {
                let mut connection = PgConnection::connect_with(options).await?;
                connection.execute(PIN_SESSION).await?;
                let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(ERASURE_LOCK);
                lock.execute(&mut connection).await?;
                Connection::Postgres(Box::new(connection))
            }
            Pools::Sqlite { readers, writer, .. } => {
                Connection::Sqlite { readers: readers.clone(), writer: writer.clone() }
            }
        };
        Ok(Self { connection, org: org.0, at_a_time: FIRST })
    }

    pub(super) async fn close(self) {
        if let Connection::Postgres(connection) = self.connection {
            connection.close().await.ok(); // and the lock goes with it
        }
    }

    pub(super) const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Deletes what there is, people and the organization itself last; gives how many rows that were.
    pub(super) async fn empty_all(&mut self, catalog: &Catalog) -> Result<u64, StoreError> {
        let mut gone = 0;
        for table in &catalog.tables {
            gone += match &table.way {
                Way::Organization => self.empty(table, "org_id", None).await?,
                Way::Through { column, table: parent } => {
                    self.empty_through(table, column, parent).await?
                }
            };
        }
        gone += self.let_people_go(catalog).await?;
        let itself = "DELETE FROM organizations WHERE id = $1";
        match self.run(itself, self.org, &[], 0).await {
            Ok(rows) => Ok(gone + rows),
            // a row came meanwhile: it goes with the next pass
            Err(error) if is_referred_to(&error) => Ok(gone + 1),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes through the ids of `parent` and deletes what refers to them, then what is left by the organization alone.
    async fn empty_through(
        &mut self,
        table: &Table,
        column: &str,
        parent: &str,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        let mut after = Uuid::nil();
        loop {
            let ids = self.ids_after(parent, after).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            gone += self.empty(table, column, Some(&ids)).await?;
        }
        if self.has_any(table).await? {
            gone += self.empty(table, "org_id", None).await?;
        }
        Ok(gone)
    }

    /// Whether a row is left. It may have to look at them all, so nobody else waits for it.
    async fn has_any(&mut self, table: &Table) -> Result<bool, sqlx::Error> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE org_id = $1)", table.name);
        let sql = AssertSqlSafe(sql);
        match &mut self.connection {
            Connection::Postgres(connection) => {
                sqlx::query_scalar(sql).bind(self.org).fetch_one(&mut **connection).await
            }
            Connection::Sqlite { readers, .. } => {
                sqlx::query_scalar(sql).bind(self.org).fetch_one(&*readers).await
            }
        }
    }

    /// Deletes rows a few at a time until there are none.
    async fn empty(
        &mut self,
        table: &Table,
        column: &str,
        ids: Option<&[Uuid]>,
    ) -> Result<u64, StoreError> {
        let sql = self.statement(table, column, ids.is_some());
        let mut gone = 0;
        loop {
            let (begun, limit) = (Instant::now(), self.at_a_time);
            let rows = self.run(&sql, self.org, ids.unwrap_or_default(), limit).await?;
            gone += rows;
            let took = begun.elapsed();
            self.suit(took);
            if rows < u64::try_from(limit).unwrap_or(u64::MAX) {
                return Ok(gone);
            }
            tokio::time::sleep(took.min(SLOW)).await; // it is others' turn
        }
    }

    /// Takes fewer rows next time if these took long, more if they took no time.
    fn suit(&mut self, took: Duration) {
        if took > SLOW {
            self.at_a_time = (self.at_a_time / 2).max(FEWEST);
        } else if took < SLOW / 5 {
            self.at_a_time = (self.at_a_time * 2).min(MOST);
        }
    }

    /// `$1` is the organization, `$2` how many rows, `$3` the ids.
    fn statement(&self, table: &Table, column: &str, by_ids: bool) -> String {
        let Table { name, key, .. } = table;
        match &self.connection {
            Connection::Postgres(_) => {
                let which = if by_ids { format!("{column} = ANY($3)") } else { "TRUE".to_owned() };
                format!(
                    "DELETE FROM {name} WHERE ctid = ANY(ARRAY(
                        SELECT ctid FROM {name} WHERE {which} AND org_id = $1 LIMIT $2))"
                )
            }
            Connection::Sqlite { .. } => {
                let which = "IN (SELECT unhex(value) FROM json_each($3))";
                let which = if by_ids { format!("{column} {which}") } else { "TRUE".to_owned() };
                let row = key.as_deref().unwrap_or("rowid");
                format!(
                    "DELETE FROM {name} WHERE ({row}) IN (
                        SELECT {row} FROM {name} WHERE {which} AND org_id = $1 LIMIT $2)"
                )
            }
        }
    }

    async fn run(
        &mut self,
        sql: &str,
        org: Uuid,
        ids: &[Uuid],
        limit: i64,
    ) -> Result<u64, sqlx::Error> {
        let has_limit = sql.contains("$2");
        // only names out of the database's own catalog are filled in
        let sql = AssertSqlSafe(sql.to_owned());
        match &mut self.connection {
            Connection::Postgres(connection) => {
                let mut query = sqlx::query(sql).bind(org);
                if has_limit {
                    query = query.bind(limit);
                }
                if !ids.is_empty() {
                    query = query.bind(ids.to_vec());
                }
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
            Connection::Sqlite { writer, .. } => {
                let mut query = sqlx::query(sql).bind(org);
                if has_limit {
                    query = query.bind(limit);
                }
                if !ids.is_empty() {
                    query = query.bind(listed(ids));
                }
                Ok(query.execute(&*writer).await?.rows_affected())
            }
        }
    }

    async fn ids_after(&mut self, parent: &str, after: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
        let sql = format!(
            "SELECT id FROM {parent} WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT {PARENTS}"
        );
        let sql = AssertSqlSafe(sql);
        match &mut self.connection {
            Connection::Postgres(connection) => {
                let query = sqlx::query_scalar(sql).bind(self.org).bind(after);
                query.fetch_all(&mut **connection).await
            }
            Connection::Sqlite { readers, .. } => {
                let query = sqlx::query_scalar(sql).bind(self.org).bind(after);
                query.fetch_all(&*readers).await
            }
        }
    }

    /// Takes the members out, and erases those who are in no other organization and no operators.
    async fn let_people_go(&mut self, catalog: &Catalog) -> Result<u64, StoreError> {
        let mut gone = 0;
        loop {
            let members = self.some_members().await?;
            if members.is_empty() {
                return Ok(gone);
            }
            for user in members {
                gone += self.let_go(user, catalog).await?;
            }
        }
    }

    async fn some_members(&mut self) -> Result<Vec<Uuid>, sqlx::Error> {
        const SOME: &str = "SELECT user_id FROM memberships WHERE org_id = $1 LIMIT 250";
        match &mut self.connection {
            Connection::Postgres(connection) => {
                sqlx::query_scalar(SOME).bind(self.org).fetch_all(&mut **connection).await
            }
            Connection::Sqlite { readers, .. } => {
                sqlx::query_scalar(SOME).bind(self.org).fetch_all(&*readers).await
            }
        }
    }

    /// One transaction, so that nobody is ever left who is in no organization because of this.
    async fn let_go(&mut self, user: Uuid, catalog: &Catalog) -> Result<u64, StoreError> {
        let mut steps =
            vec!["DELETE FROM memberships WHERE org_id = $1 AND user_id = $2".to_owned()];
        let alone = "NOT EXISTS (SELECT 1 FROM memberships WHERE memberships.user_id = $2)
            AND NOT EXISTS (SELECT 1 FROM operators WHERE operators.user_id = $2) AND $1 = $1";
        for (table, column) in &catalog.of_people {
            steps.push(format!("DELETE FROM {table} WHERE {column} = $2 AND {alone}"));
        }
        steps.push(format!("DELETE FROM users WHERE id = $2 AND {alone}"));
        match self.together(&steps, user).await {
            Ok(rows) => Ok(rows),
            // somebody else's rows speak of them: they stay, and only leave this organization
            Err(error) if is_referred_to(&error) => Ok(self.together(&steps[..1], user).await?),
            Err(error) => Err(error.into()),
        }
    }

    async fn together(&mut self, steps: &[String], user: Uuid) -> Result<u64, sqlx::Error> {
        let mut rows = 0;
        match &mut self.connection {
            Connection::Postgres(connection) => {
                let mut change = connection.begin().await?;
                for sql in steps {
                    let step = sqlx::query(AssertSqlSafe(sql.clone())).bind(self.org).bind(user);
                    rows += step.execute(&mut *change).await?.rows_affected();
                }
                change.commit().await?;
            }
            Connection::Sqlite { writer, .. } => {
                let mut change = writer.begin().await?;
                for sql in steps {
                    let step = sqlx::query(AssertSqlSafe(sql.clone())).bind(self.org).bind(user);
                    rows += step.execute(&mut *change).await?.rows_affected();
                }
                change.commit().await?;
            }
        }
        Ok(rows)
    }
}

/// Ids as one text of JSON, as SQLite takes a list.
fn listed(ids: &[Uuid]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
    serde_json::json!(ids).to_string()
}

fn is_referred_to(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_foreign_key_violation())
}
