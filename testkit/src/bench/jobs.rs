//! What the queue and its workers get through, on either database.
//!
//! The jobs are the hub's own, of both queues of messages, each of a line that the ledger does not have: a worker fetches it,
//! looks it up, finds that there is nothing to send, and ends it. So all is paid for but the message itself. They wait for
//! an instant that one statement then makes this one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::database::{Database, open_sqlite};
use super::delays::as_f64;
use super::figures::{Figure, Target};
use super::lab::Lab;
use crate::usage;

const MEASURE: &str = "jobs";
const QUEUES: [&str; 2] = ["send_sms", "send_email"];
const JOBS: usize = 20_000;
const JOBS_QUICK: usize = 4_000;
const PATIENCE: Duration = Duration::from_secs(300);

/// 10,000 messages (trial N1) are through within half a minute, whatever the providers take.
const TARGET: Target = Target::AtLeast(350.0);

/// Crockford's digits, in which ids of jobs are written.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The statements that differ by database.
struct Words {
    insert: &'static str,
    begin: &'static str,
    left: &'static str,
}

const ON_POSTGRES: Words = Words {
    insert: "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key)
        SELECT new ->> 'id', new ->> 'queue', convert_to(new ->> 'payload', 'UTF8'), 'Pending', 0, 8,
            now() + interval '1 day', 0, new ->> 'id'
        FROM jsonb_array_elements($1::jsonb) AS new",
    begin: "UPDATE apalis.jobs SET run_at = now()",
    left: "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'",
};

const ON_SQLITE: Words = Words {
    insert: "INSERT INTO Jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata, idempotency_key)
        SELECT value ->> 'id', value ->> 'queue', CAST(value ->> 'payload' AS BLOB), 'Pending', 0, 8,
            unixepoch() + 86400, 0, '{}', value ->> 'id'
        FROM json_each($1)",
    begin: "UPDATE Jobs SET run_at = unixepoch()",
    left: "SELECT count(*) FROM Jobs WHERE status <> 'Done'",
};

/// The figures of jobs.
///
/// # Errors
/// When the jobs are not done within five minutes.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let mut figures = vec![on(lab, "PostgreSQL", &lab.postgres_database()?, &ON_POSTGRES).await?];
    figures.push(on(lab, "SQLite", &lab.sqlite_database()?, &ON_SQLITE).await?);
    Ok(figures)
}

async fn on(lab: &Lab, name: &str, database: &Database, words: &Words) -> anyhow::Result<Figure> {
    let count = if lab.is_quick() { JOBS_QUICK } else { JOBS };
    insert(database, words, count).await.context("the jobs cannot be written")?;
    let hub = lab.start_hub(database).await?;
    let process = hub.process_id().context("the hub is running")?;
    tokio::time::sleep(Duration::from_secs(1)).await; // its workers have begun
    let (hub_before, postgres_before) = (usage::cpu_secs(process)?, lab.postgres_cpu_secs()?);
    let begun = Instant::now();
    say(database, words.begin).await?;
    loop {
        let left = count_of(database, words.left).await?;
        if left == 0 {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "{left} of {count} jobs are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let secs = begun.elapsed().as_secs_f64();
    let count = as_f64(count as u64);
    let micros = |secs: f64| secs * 1e6 / count;
    let (hub, postgres) = (
        micros(usage::cpu_secs(process)? - hub_before),
        micros(lab.postgres_cpu_secs()? - postgres_before),
    );
    let figure = Figure::new(MEASURE, format!("{name}: jobs ended"), count / secs, "jobs/s");
    Ok(figure.target(TARGET).note(format!(
        "{count} jobs by two queues in one process; a job costs the hub {hub:.0} µs, PostgreSQL {postgres:.0} µs"
    )))
}

async fn insert(database: &Database, words: &Words, count: usize) -> anyhow::Result<()> {
    let job = |number: usize| {
        let payload = json!({ "intent": Uuid::now_v7(), "generation": 1 }).to_string();
        json!({ "id": ulid(Uuid::now_v7()), "queue": QUEUES[number % QUEUES.len()], "payload": payload })
    };
    let all: Vec<_> = (0..count).map(job).collect();
    for some in all.chunks(2_000) {
        let text = serde_json::to_string(some)?;
        match database {
            Database::Postgres { url } => {
                let mut line = PgConnection::connect(url).await?;
                sqlx::query(words.insert).bind(text).execute(&mut line).await?;
            }
            Database::Sqlite { folder } => {
                let mut line = open_sqlite(folder).await?;
                sqlx::query(words.insert).bind(text).execute(&mut line).await?;
            }
        }
    }
    if let Database::Postgres { url } = database {
        let mut line = PgConnection::connect(url).await?;
        sqlx::query("ANALYZE apalis.jobs").execute(&mut line).await?; // as autovacuum would have by and by
    }
    Ok(())
}

async fn say(database: &Database, sql: &'static str) -> anyhow::Result<()> {
    match database {
        Database::Postgres { url } => {
            sqlx::query(sql).execute(&mut PgConnection::connect(url).await?).await?;
        }
        Database::Sqlite { folder } => {
            sqlx::query(sql).execute(&mut open_sqlite(folder).await?).await?;
        }
    }
    Ok(())
}

async fn count_of(database: &Database, sql: &'static str) -> anyhow::Result<i64> {
    Ok(match database {
        Database::Postgres { url } => {
            sqlx::query_scalar(sql).fetch_one(&mut PgConnection::connect(url).await?).await?
        }
        Database::Sqlite { folder } => {
            sqlx::query_scalar(sql).fetch_one(&mut open_sqlite(folder).await?).await?
        }
    })
}

/// An id as the queue writes it: 26 digits of five bits, the first of three.
fn ulid(id: Uuid) -> String {
    let id = id.as_u128();
    let digit = |place: u32| {
        let bits = (id >> (5 * place)) & 31;
        char::from(DIGITS[usize::try_from(bits).expect("it is below 32")])
    };
    (0..26).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_26_digits() {
        assert_eq!(ulid(Uuid::nil()), "0".repeat(26));
        assert_eq!(ulid(Uuid::max()), format!("7{}", "Z".repeat(25)));
        assert_eq!(ulid(Uuid::from_u128(32)), format!("{}10", "0".repeat(24)));
    }
}
