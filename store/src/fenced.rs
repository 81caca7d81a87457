//! Connections for what is of one organization. Nothing is asked over them but in a transaction that has said for itself
//! who asks, whose rows it may see, and that its commit is to last; so any session of the server will do.

use hub_domain::OrgId;
use sea_orm::{
    ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DatabaseTransaction,
    SqlxPostgresConnector, Statement, TransactionTrait as _,
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{StoreError, sql};

/// Makes a transaction one of the role that answers people, and names the organization whose rows the database shows it.
/// All in one: whoever else had the session before, or has it after, has no part in it. A commit is not left to a setting
/// that was made behind our back, and a transaction in which nothing is said does not hold its rows for long.
const NAME: &str = "
SELECT set_config('role', 'hub_api', TRUE), set_config('hub.org_id', $1, TRUE),
    set_config('synchronous_commit',
        coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), TRUE),
    set_config('idle_in_transaction_session_timeout', '10s', TRUE)";

/// The connections. They are to be had as transactions alone.
pub(crate) struct Fenced(Lines);

enum Lines {
    Postgres {
        pool: PgPool,
        db: DatabaseConnection,
    },
    /// The store's own, which has one role.
    Sqlite {
        readers: DatabaseConnection,
        writer: DatabaseConnection,
    },
}

impl Fenced {
    pub(crate) fn on_postgres(pool: PgPool) -> Self {
        let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        Self(Lines::Postgres { pool, db })
    }

    pub(crate) const fn on_sqlite(readers: DatabaseConnection, writer: DatabaseConnection) -> Self {
        Self(Lines::Sqlite { readers, writer })
    }

    /// Begins to ask within one organization. All that is asked is of one instant on SQLite.
    pub(crate) async fn ask(&self, org: OrgId) -> Result<DatabaseTransaction, StoreError> {
        match &self.0 {
            Lines::Postgres { db, .. } => named(db.begin().await?, org).await,
            Lines::Sqlite { readers, .. } => Ok(readers.begin().await?),
        }
    }

    /// Begins a change within one organization.
    pub(crate) async fn change(&self, org: OrgId) -> Result<DatabaseTransaction, StoreError> {
        match &self.0 {
            Lines::Postgres { db, .. } => named(sql::begin_change(db).await?, org).await,
            Lines::Sqlite { writer, .. } => sql::begin_change(writer).await,
        }
    }

    /// Whether a transaction can be had. That it is of no organization is no matter.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.ask(OrgId(Uuid::nil())).await?.rollback().await?)
    }

    pub(crate) async fn close(&self) {
        if let Lines::Postgres { pool, .. } = &self.0 {
            pool.close().await;
        }
    }
}

async fn named(begun: DatabaseTransaction, org: OrgId) -> Result<DatabaseTransaction, StoreError> {
    let values = [org.0.to_string().into()];
    let name = Statement::from_sql_and_values(DatabaseBackend::Postgres, NAME, values);
    begun.execute_raw(name).await?;
    Ok(begun)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hub_testkit::postgres::PrivatePostgres;
    use sqlx::Executor as _;

    use super::*;
    use crate::{mint::Mint, sql::Sql};

    #[derive(Debug)]
    struct HubClock;

    impl hub_domain::Clock for HubClock {
        fn now(&self) -> hub_domain::Timestamp {
            hub_domain::Timestamp::EARLIEST
        }
    }

    async fn who(asked: &DatabaseTransaction) -> [String; 3] {
        let who = "SELECT current_user::text, current_setting('synchronous_commit'),
            current_setting('idle_in_transaction_session_timeout')";
        let who = Statement::from_string(DatabaseBackend::Postgres, who);
        let row = asked.query_one_raw(who).await.unwrap().unwrap();
        [0, 1, 2].map(|column| row.try_get_by_index::<String>(column).unwrap())
    }

    #[tokio::test]
    async fn a_transaction_within_an_organization_names_itself_whoever_had_the_session_before() {
        let url = PrivatePostgres::shared().create_database();
        let mint = Arc::new(Mint::new(Arc::new(HubClock)));
        let sql = Sql::open_postgres(&url, None, 2, mint).await.unwrap();
        sql.migrate().await.unwrap();
        let Lines::Postgres { pool, .. } = &sql.fenced.0 else { panic!("it is a PostgreSQL") };
        // as a pooler would hand over sessions that another has used: the login's, who owns the tables
        let mut all = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
        for session in &mut all {
            let hasty = "RESET ROLE; SET synchronous_commit = off;
                SET idle_in_transaction_session_timeout = 0";
            session.execute(sqlx::raw_sql(hasty)).await.unwrap();
        }
        drop(all);
        let org = OrgId(Uuid::nil());
        let expected = ["hub_api", "on", "10s"].map(str::to_owned);
        assert_eq!(who(&sql.of(org).await.unwrap()).await, expected);
        assert_eq!(who(&sql.begin_of(org).await.unwrap()).await, expected);
    }
}
