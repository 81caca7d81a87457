//! The address of a pooler of transactions, over which people's requests alone may go ([`crate::fenced`]).

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use crate::OpenError;

/// How often each of two connections asks: another client may have the session between.
const ROUNDS: usize = 3;

/// The first half of a lock's number; the second is that of the process that holds it.
const LOCK: i32 = 0x0068_7562;

/// Asked over two connections, each under the name of the connection's own next statement: the same one.
const QUESTIONS: [&str; 2] = ["SELECT 'one ' || $1", "SELECT 'other ' || $1"];

/// What should be answered.
const ANSWERS: [&str; 2] = ["one answer", "other answer"];

/// Refuses an address that leads to another database, or to a pooler that takes one connection's prepared statements for
/// another's: the hub's all have the same names.
pub(crate) async fn refuse_unfit(
    own: &PgConnectOptions,
    pooled: &PgConnectOptions,
    within: Duration,
) -> Result<(), OpenError> {
    match timeout(within, Lines::open_and_ask(own, pooled)).await {
        Ok(Ok(Fitness::Fit)) => Ok(()),
        Ok(Ok(Fitness::Elsewhere)) => Err(OpenError::Unsafe(
            "the pooled address (DATABASE_POOLED_URL) leads to another database than DATABASE_URL, or to a copy of it"
                .to_owned(),
        )),
        Ok(Ok(Fitness::Mixed(what))) => Err(OpenError::Unsafe(format!(
            "the pooled address (DATABASE_POOLED_URL) leads to a pooler that does not carry prepared statements ({what}); \
             PgBouncer does from 1.21 on, with pool_mode = transaction and max_prepared_statements above 0"
        ))),
        Ok(Err(error)) => Err(unreachable(&error.to_string())),
        Err(_) => Err(unreachable(&format!("no answer within {within:?}"))),
    }
}

fn unreachable(why: &str) -> OpenError {
    OpenError::Unreachable(format!("by the pooled address (DATABASE_POOLED_URL): {why}"))
}

/// What the address is good for.
enum Fitness {
    Fit,
    Elsewhere,
    Mixed(String),
}

struct Lines {
    own: PgConnection,
    two: [PgConnection; 2],
}

impl Lines {
    async fn open_and_ask(
        own: &PgConnectOptions,
        pooled: &PgConnectOptions,
    ) -> Result<Fitness, sqlx::Error> {
        let own = PgConnection::connect_with(own).await?;
        let one = PgConnection::connect_with(pooled).await?;
        let other = PgConnection::connect_with(pooled).await?;
        let mut lines = Self { own, two: [one, other] };
        let fitness = lines.ask().await;
        let Self { own, two: [one, other] } = lines;
        for line in [own, one, other] {
            line.close().await.ok(); // and the lock goes with it
        }
        match fitness {
            Err(sqlx::Error::Database(error)) => Ok(Fitness::Mixed(error.to_string())),
            asked => asked,
        }
    }

    async fn ask(&mut self) -> Result<Fitness, sqlx::Error> {
        if self.is_elsewhere().await? {
            return Ok(Fitness::Elsewhere);
        }
        for _ in 0..ROUNDS {
            for (line, (question, answer)) in self.two.iter_mut().zip(QUESTIONS.iter().zip(ANSWERS))
            {
                let mut begun = line.begin().await?;
                let asked = sqlx::query_scalar::<_, String>(*question).bind("answer");
                let got = asked.fetch_one(&mut *begun).await?;
                begun.commit().await?;
                if got != answer {
                    return Ok(Fitness::Mixed("one was answered by another's".to_owned()));
                }
            }
        }
        Ok(Fitness::Fit)
    }

    /// A lock that is held there is not to be had here, unless here is somewhere else.
    async fn is_elsewhere(&mut self) -> Result<bool, sqlx::Error> {
        let process: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut self.own).await?;
        let hold = sqlx::query("SELECT pg_advisory_lock($1, $2)").bind(LOCK).bind(process);
        hold.execute(&mut self.own).await?;
        let mut begun = self.two[0].begin().await?;
        let take = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1, $2)");
        let is_taken = take.bind(LOCK).bind(process).fetch_one(&mut *begun).await?;
        begun.rollback().await?;
        Ok(is_taken)
    }
}
