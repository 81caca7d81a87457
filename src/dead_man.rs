//! The dead man's sign: an address outside is asked each minute as long as all that must work does, so that somebody
//! is told when it stops, which a hub that is dead cannot do itself.

use std::time::Duration;

use hub_jobs::Vitals;
use hub_store::Store;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

/// Between two signs.
const EVERY: Duration = Duration::from_secs(60);
/// How long a part may be silent.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// A commit that has waited longer than this means that the writer is stuck.
const STALLED: Duration = Duration::from_secs(30);
/// How long the database may take to answer, and whom we ask.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running sign. Ends when dropped.
#[derive(Debug)]
pub struct DeadMan(JoinHandle<()>);

/// Why the sign is not given.
#[derive(Debug, thiserror::Error)]
enum Unwell {
    #[error("the database does not answer")]
    Database,
    #[error("the store's writer is stalled")]
    Writer,
    #[error("no sign of life from {}", .0.join(", "))]
    Silent(Vec<String>),
}

impl DeadMan {
    /// Starts it: a sign at once, then each minute.
    #[must_use]
    pub fn start(url: SecretString, store: Store, vitals: Vitals) -> Self {
        Self(tokio::spawn(keep(url, store, vitals)))
    }
}

impl Drop for DeadMan {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(url: SecretString, store: Store, vitals: Vitals) {
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let Ok(client) = client else {
        tracing::error!("no sign of life can be given: the client cannot be made");
        return;
    };
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        match wellness(&store, &vitals).await {
            Ok(()) => say(&client, &url).await,
            Err(reason) => tracing::error!(%reason, "no sign of life is given"),
        }
    }
}

/// Whether all that must work does.
async fn wellness(store: &Store, vitals: &Vitals) -> Result<(), Unwell> {
    if !matches!(timeout(PATIENCE, store.ping()).await, Ok(Ok(()))) {
        return Err(Unwell::Database);
    }
    if store.writer_stalled_for().is_some_and(|waited| waited > STALLED) {
        return Err(Unwell::Writer);
    }
    let silent = vitals.silent(SILENT_FOR);
    if silent.is_empty() { Ok(()) } else { Err(Unwell::Silent(silent)) }
}

/// Asks the address. It is a secret: whoever knows it can say that we live.
async fn say(client: &reqwest::Client, url: &SecretString) {
    let answer = client.get(url.expose_secret()).send().await;
    if let Err(error) = answer.and_then(reqwest::Response::error_for_status) {
        let error = error.without_url();
        tracing::warn!(%error, "a sign of life was not taken");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hub_store::OpenOptions;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;
    use crate::clock::SystemClock;

    async fn store(folder: &tempfile::TempDir) -> Store {
        let url = format!("sqlite://{}", folder.path().join("hub.db").display());
        let options = OpenOptions { url, max_connections: 2, clock: Arc::new(SystemClock) };
        Store::open(options).await.unwrap()
    }

    /// An address that tells of each request's first line.
    async fn address() -> (String, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ping/secret", listener.local_addr().unwrap());
        let (asked, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                asked.send(text.lines().next().unwrap_or_default().to_owned()).ok();
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        });
        (url, heard)
    }

    #[tokio::test]
    async fn the_address_is_asked_while_all_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let (url, mut heard) = address().await;
        let _dead_man = DeadMan::start(url.into(), store(&folder).await, Vitals::default());
        let line = timeout(Duration::from_secs(10), heard.recv()).await.unwrap().unwrap();
        assert_eq!(line, "GET /ping/secret HTTP/1.1");
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_not_well() {
        let folder = tempfile::tempdir().unwrap();
        let (store, vitals) = (store(&folder).await, Vitals::default());
        assert!(wellness(&store, &vitals).await.is_ok());
        store.close().await;
        assert!(matches!(wellness(&store, &vitals).await, Err(Unwell::Database)));
        let (url, mut heard) = address().await;
        let _dead_man = DeadMan::start(url.into(), store, vitals);
        let nothing = timeout(Duration::from_secs(1), heard.recv()).await;
        assert!(nothing.is_err(), "it was asked: {nothing:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_fell_silent_is_not_well_and_is_named() {
        let clock = Arc::new(SystemClock);
        let options = OpenOptions { url: "memory:".to_owned(), max_connections: 1, clock };
        let (store, vitals) = (Store::open(options).await.unwrap(), Vitals::default());
        let planner = vitals.watch("planner");
        assert!(wellness(&store, &vitals).await.is_ok());
        tokio::time::advance(Duration::from_secs(61)).await;
        let unwell = wellness(&store, &vitals).await.unwrap_err();
        assert_eq!(unwell.to_string(), "no sign of life from planner");
        planner.beat();
        assert!(wellness(&store, &vitals).await.is_ok());
    }
}
