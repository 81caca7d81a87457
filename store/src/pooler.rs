//! Whether a session of PostgreSQL stays one: a pooler in between may give each transaction another.
//!
//! The hub needs sessions: for the locks of migrations, erasures and workers, for the role of a connection, for `LISTEN`,
//! and for statements that are prepared once. Where a pooler takes them away each of these fails in its own way and at its
//! own time, or does not fail and does not hold. So it is found out at the start.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection, Row as _, postgres::PgConnectOptions};
use tokio::time::timeout;

use crate::OpenError;

/// How often it is asked. Another client may have the session between two questions of ours, though hardly each time.
const ROUNDS: usize = 3;

/// A session's own number: the process of the server that it is.
const ASK: &str = "SELECT pg_backend_pid()";

/// The same within a transaction, which is left open. In one message, so that it is one question to a pooler as well.
const BEGIN_AND_ASK: &str = "BEGIN; SELECT pg_backend_pid()";

/// What PostgreSQL says of a prepared statement that another has prepared (42P05), or that this session has not (26000).
const OF_PREPARED: [&str; 2] = ["42P05", "26000"];

/// Refuses a database behind a pooler that gives each transaction, or each statement, another session.
///
/// Two connections are told apart by the processes that serve them. While both are there, a process that has served the
/// one and then the other, or one connection that is served by another process than before, is a pooler's doing. Each
/// waits `within` at most; no more than one is in a transaction, and not while the other is asked: a pooler with a single
/// connection would never answer.
pub(crate) async fn refuse_without_sessions(
    first: &mut PgConnection,
    options: &PgConnectOptions,
    within: Duration,
    connections: u32,
) -> Result<(), OpenError> {
    let silent = |_| OpenError::Unreachable(format!("no answer within {within:?}"));
    let own = timeout(within, number(first, ASK)).await.map_err(silent)?.map_err(why)?;
    let too_few = |_| OpenError::Unreachable(too_few(within, connections));
    let second = timeout(within, PgConnection::connect_with(options)).await.map_err(too_few)?;
    let mut second = second.map_err(why)?;
    let mut is_kept = true;
    for _ in 0..ROUNDS {
        let begun = timeout(within, number(&mut second, BEGIN_AND_ASK)).await;
        let other = begun.map_err(too_few)?.map_err(why)?;
        let ended = timeout(within, second.execute("ROLLBACK")).await;
        ended.map_err(silent)?.map_err(why)?;
        let again = timeout(within, number(first, ASK)).await.map_err(silent)?.map_err(why)?;
        is_kept &= other != own && again == own;
    }
    second.close().await.ok();
    if is_kept { Ok(()) } else { Err(OpenError::Unsafe(no_sessions())) }
}

async fn number(line: &mut PgConnection, question: &'static str) -> Result<i32, sqlx::Error> {
    // nothing is prepared: what another has left under the same name would answer
    sqlx::raw_sql(question).fetch_one(line).await?.try_get(0)
}

/// What a failure at the start says: that a pooler keeps no sessions, or that there is no database.
pub(crate) fn why(error: sqlx::Error) -> OpenError {
    let of_pooler = error.as_database_error().is_some_and(|error| {
        let is_of_prepared = error.code().is_some_and(|code| OF_PREPARED.contains(&&*code));
        // PgBouncer's own words, where it gives each statement another session, for whoever begins a transaction
        is_of_prepared || error.message().contains("statement pooling")
    });
    if of_pooler {
        OpenError::Unsafe(no_sessions())
    } else {
        OpenError::Unreachable(error.to_string())
    }
}

fn no_sessions() -> String {
    "the database's address (DATABASE_URL) leads to a pooler that keeps no sessions, without which the hub's locks and \
     roles would not hold; set pool_mode = session for this database in PgBouncer, or name PostgreSQL's own address"
        .to_owned()
}

fn too_few(within: Duration, connections: u32) -> String {
    format!(
        "it answers on one connection and not on a second within {within:?}; a pooler of sessions in front of it needs room \
         for all {connections} connections of this hub (in PgBouncer, default_pool_size)"
    )
}
