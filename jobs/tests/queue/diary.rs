//! What handlers did, written down where other processes can, too.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hub_jobs::{Job, JobError};
use serde::Deserialize;

/// A file with a line for each thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Diary(PathBuf);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at_ms: u64,
    pub(crate) process: u32,
    pub(crate) key: String,
    pub(crate) what: String,
}

impl Diary {
    pub(crate) fn at(path: PathBuf) -> Self {
        File::create(&path).unwrap();
        Self(path)
    }

    /// One that is there already.
    pub(crate) fn open(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn note(&self, key: &str, what: &str) {
        let mut file = OpenOptions::new().append(true).open(&self.0).unwrap();
        let line = format!("{}|{}|{key}|{what}\n", now_ms(), std::process::id());
        file.write_all(line.as_bytes()).unwrap(); // one write: lines of several processes stay whole
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.0).unwrap();
        text.lines().map(Line::read).collect()
    }

    /// What happened to a job.
    pub(crate) fn of(&self, key: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.key == key).collect()
    }

    /// How often something happened to a job.
    pub(crate) fn count(&self, key: &str, what: &str) -> usize {
        self.of(key).iter().filter(|line| line.what == what).count()
    }

    /// Waits until something happened to a job so often; gives the last time.
    #[track_caller]
    pub(crate) fn sees(
        &self,
        key: &str,
        what: &str,
        times: usize,
        within: Duration,
    ) -> impl Future<Output = Line> {
        let at = std::panic::Location::caller();
        async move {
            let until = tokio::time::Instant::now() + within;
            loop {
                let seen: Vec<_> = self.of(key).into_iter().filter(|it| it.what == what).collect();
                if seen.len() >= times {
                    return seen[times - 1].clone();
                }
                let lines = self.lines();
                assert!(
                    tokio::time::Instant::now() < until,
                    "{at}: {what} of {key} not seen {times} times within {within:?}: {lines:#?}"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

impl Line {
    fn read(line: &str) -> Self {
        let mut parts = line.splitn(4, '|');
        let mut part = || parts.next().unwrap().to_owned();
        let (at_ms, process) = (part().parse().unwrap(), part().parse().unwrap());
        Self { at_ms, process, key: part(), what: part() }
    }
}

pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// What a job of the tests says: do this, for so long.
#[derive(Debug, Deserialize)]
struct Order {
    r#do: String,
    #[serde(default)]
    ms: u64,
}

/// Does what a job says, and writes it down.
pub(crate) async fn obey(job: Job, diary: Diary) -> Result<(), JobError> {
    let order: Order = job.args()?;
    let key = job.key.clone().unwrap();
    diary.note(&key, "begun");
    let length = Duration::from_millis(order.ms);
    let ended = match order.r#do.as_str() {
        "succeed" => Ok(()),
        "sleep" => {
            tokio::time::sleep(length).await;
            Ok(())
        }
        "block" => {
            std::thread::sleep(length);
            Ok(())
        }
        "look again" => {
            tokio::time::sleep(length).await;
            let is_ours = job.is_still_ours().await?;
            diary.note(&key, if is_ours { "ours" } else { "not ours" });
            Ok(())
        }
        "fail" => Err(JobError::Retry("the provider is away".to_owned())),
        "wait" => Err(JobError::RetryAfter("too many requests".to_owned(), length)),
        "give up" => Err(JobError::GiveUp("no such number".to_owned())),
        "panic" => panic!("a handler's bug"),
        "panic once" if job.attempt == 1 => panic!("a handler's bug"),
        "panic once" => Ok(()),
        "die" => std::process::abort(),
        other => Err(JobError::GiveUp(format!("what is {other}?"))),
    };
    diary.note(&key, if ended.is_ok() { "done" } else { "failed" });
    ended
}
