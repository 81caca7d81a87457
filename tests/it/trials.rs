//! The trials of messages: workers and hubs are killed, put to sleep and cut off, answers lost, partners silent; and nobody
//! is left untold, nor told twice without a mark.
//!
//! Each is done on every change at a size that a test can have, and at its whole size by `cargo xtask trials`, which says so
//! by `HUB_TRIAL=night` and names some of them in `HUB_TRIALS`. docs/RELIABILITY.md says what is done in each.

mod aborted;
mod asleep;
mod crowd;
mod hub_killed;
mod judge;
mod lost_answers;
mod reports;
mod silent_partners;
mod steady;
mod storm;
mod told_in_time;
mod workers_killed;

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::BoxFuture};

use crate::promises::Backend;

/// How much of a trial is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// What a test has time for.
    Push,
    /// All of it.
    Night,
}

impl Size {
    /// The one that is asked for.
    pub(crate) fn asked() -> Self {
        if std::env::var("HUB_TRIAL").is_ok_and(|it| it == "night") {
            Self::Night
        } else {
            Self::Push
        }
    }

    /// The number of this size.
    pub(crate) const fn of<T: Copy>(self, push: T, night: T) -> T {
        match self {
            Self::Push => push,
            Self::Night => night,
        }
    }
}

/// A trial: its figures, or `None` where what it is judged by is not at hand.
struct Trial {
    name: &'static str,
    run: fn(Size) -> BoxFuture<'static, Option<String>>,
}

/// Those whose time goes into waiting: side by side they take as long as the longest.
const SIDE_BY_SIDE: &[Trial] = &[
    Trial { name: "n1-postgres", run: |size| workers_killed::on_postgres(size).boxed() },
    Trial { name: "n1-sqlite", run: |size| workers_killed::on_sqlite(size).boxed() },
    Trial { name: "n2-postgres", run: |size| lost_answers::run(Backend::Postgres, size).boxed() },
    Trial { name: "n2-sqlite", run: |size| lost_answers::run(Backend::Sqlite, size).boxed() },
    Trial { name: "k2-postgres", run: |size| hub_killed::sms(Backend::Postgres, size).boxed() },
    Trial { name: "k2-sqlite", run: |size| hub_killed::sms(Backend::Sqlite, size).boxed() },
    Trial { name: "o1-postgres", run: |size| aborted::on_postgres(size).boxed() },
    Trial { name: "o1-sqlite", run: |size| aborted::on_sqlite(size).boxed() },
    Trial { name: "o2-asking", run: |size| asleep::run(size).boxed() },
    Trial { name: "o2-planning", run: |size| asleep::in_a_transaction(size).boxed() },
    Trial { name: "n3-postgres", run: |size| storm::run(Backend::Postgres, size).boxed() },
    Trial { name: "k2-stripe", run: |size| hub_killed::stripe(size).boxed() },
];

/// Those that measure times: each has the machine to itself, as far as a test has.
const ALONE: &[Trial] = &[
    Trial { name: "k9", run: |size| silent_partners::run(size).boxed() },
    Trial { name: "a3", run: |size| told_in_time::run(size).boxed() },
];

/// How a trial ended.
struct Ended {
    name: &'static str,
    took: Duration,
    figures: Result<Option<String>, String>,
}

impl Trial {
    async fn ended(&self, size: Size) -> Ended {
        let begun = Instant::now();
        let done = tokio::spawn(AssertUnwindSafe((self.run)(size))).await;
        let figures = done.map_err(|error| match error.try_into_panic() {
            Ok(said) => said
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| said.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_default(),
            Err(error) => error.to_string(),
        });
        let ended = Ended { name: self.name, took: begun.elapsed(), figures };
        eprintln!("{}", ended.line());
        ended
    }
}

impl Ended {
    fn line(&self) -> String {
        let (verdict, said) = match &self.figures {
            Ok(Some(figures)) => ("passed", figures.as_str()),
            Ok(None) => ("skipped", "the contracts are not beside the checkout"),
            Err(why) => ("failed", why.as_str()),
        };
        format!("trial {:<12} {verdict:<7} {:>6.1} s  {said}", self.name, self.took.as_secs_f32())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_left_untold_and_nobody_is_told_twice_without_a_mark() {
    let size = Size::asked();
    let named = std::env::var("HUB_TRIALS").unwrap_or_default();
    let is_named = |trial: &&Trial| {
        named.is_empty() || named.split(',').any(|name| trial.name.starts_with(name))
    };
    let mut ended = Vec::new();
    let together = SIDE_BY_SIDE.iter().filter(is_named);
    if size == Size::Push {
        ended = futures_util::future::join_all(together.map(|trial| trial.ended(size))).await;
    } else {
        for trial in together {
            ended.push(trial.ended(size).await);
        }
    }
    for trial in ALONE.iter().filter(is_named) {
        ended.push(trial.ended(size).await);
    }
    assert!(!ended.is_empty(), "there is no trial {named}");
    let failed: Vec<String> =
        ended.iter().filter(|it| it.figures.is_err()).map(Ended::line).collect();
    eprintln!("{} passed, {} failed", ended.len() - failed.len(), failed.len());
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}
