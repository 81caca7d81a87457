//! The hub is killed at random instants while readings, incidents and subscribers go on: nothing promised is
//! lost, nothing is doubled, every alert is the reference model's, and nobody is left with a wrong picture.

mod bus;
mod cut;
mod database;
mod pair;
mod probe;
mod rolling;
mod run;
mod standby;
mod told;
mod watcher;

use run::{Least, Run};

use crate::{promises::Backend, trials::Size};

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nothing_on_sqlite() {
    survives(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nothing_on_postgres() {
    survives(Backend::Postgres).await;
}

async fn survives(backend: Backend) {
    let mut run = Run::begin(backend).await;
    run.kill_at_random(Size::asked().of(10, 200)).await;
    let outcome = run.end().await;
    let complaints = outcome.complaints(Least::LONG);
    assert!(
        complaints.is_empty(),
        "{backend:?}, {} complaints:\n{}",
        complaints.len(),
        shown(&complaints)
    );
}

/// The first complaints, one a line.
fn shown(complaints: &[String]) -> String {
    complaints.iter().take(20).map(|complaint| format!("- {complaint}\n")).collect()
}
