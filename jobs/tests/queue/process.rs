//! Workers in a process of their own: this test program once more, told to be one.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use hub_jobs::queue::Pace;

use crate::{
    diary::Diary,
    world::{self, Working, World},
};

const URL: &str = "QUEUE_TRIAL_URL";
const DIARY: &str = "QUEUE_TRIAL_DIARY";
const BEAT_SECS: &str = "QUEUE_TRIAL_BEAT_SECS";
const ROOM: &str = "QUEUE_TRIAL_ROOM";

/// A process that works. Killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(world: &World, pace: Pace) -> Self {
        Self::with_room(world, pace, (8, 1))
    }

    /// One that does so many jobs at once and fetches them by so many.
    pub(crate) fn with_room(world: &World, pace: Pace, room: (usize, usize)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "process::is_a_worker_where_it_is_told_to_be", "--nocapture"])
            .env(URL, &world.url)
            .env(DIARY, world.diary.path())
            .env(BEAT_SECS, pace.beat_every.as_secs().to_string())
            .env(ROOM, format!("{} {}", room.0, room.1))
            .current_dir(world.folder())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it at once.
    pub(crate) fn kill9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Stops it where it is.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_a_worker_where_it_is_told_to_be() {
    let Ok(url) = std::env::var(URL) else { return };
    let var = |name| std::env::var(name).unwrap();
    let beat_every = Duration::from_secs(var(BEAT_SECS).parse().unwrap());
    let pace = Pace { beat_every, ..Pace::default() };
    let diary = Diary::open(PathBuf::from(var(DIARY)));
    let room = var(ROOM);
    let (concurrency, batch) = room.split_once(' ').unwrap();
    let spec = world::spec().concurrency(concurrency.parse().unwrap(), batch.parse().unwrap());
    let store = world::open(&url).await;
    let _working = Working::start(&store, &diary, spec, pace);
    std::future::pending::<()>().await;
}
