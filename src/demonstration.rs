//! `hub demo`: a hub of its own, with an account, an address to open, and a story that keeps running.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use hub_domain::Clock as _;
use hub_store::Store;

use crate::{
    admin::{self, Bootstrap, BootstrapOut},
    app::{App, DemoAccount, listen},
    cli::DemoArgs,
    clock::SystemClock,
    config::Settings,
    database::open_store,
    demo, telemetry,
};

/// The demonstration's only person.
const EMAIL: &str = "demo@example.test";
/// What the board says.
const NOTE: &str =
    "A demonstration: a minute passes every second, and an excursion is an alarm after 20 s.";

/// A folder that goes when this value goes, if it was made for it.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            std::fs::remove_dir_all(&self.path).ok(); // it lies where the system cleans up anyway
        }
    }
}

/// Runs a demonstration until `stopped` is ready.
///
/// # Errors
/// When the hub cannot be started.
pub async fn run(args: DemoArgs, stopped: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut settings = args.settings.settings()?;
    telemetry::start_logs(&settings.log, settings.log_format)?;
    let folder = folder(&settings)?;
    settings.data_dir.clone_from(&folder.path);
    settings.database_url = None;
    let listener = listen(&settings).await?;
    let store = open_store(&settings).await?;
    let made = account(&store, &folder.path, settings.token_secs).await?;
    let password = made.password.clone().unwrap_or_default();
    let demo = DemoAccount { email: made.email.clone(), password, note: NOTE.to_owned() };
    let app = App::start(settings, listener, store, Some(demo)).await?;
    let url = app.url()?;
    announce(&url)?;
    let story = tokio::spawn(async move {
        if let Err(error) = demo::drive(&url, &made.token, &made.api_key, args.seed).await {
            tracing::error!(error = format!("{error:#}"), "the demonstration's story ended");
        }
    });
    app.run(stopped).await;
    story.abort();
    Ok(())
}

fn folder(settings: &Settings) -> anyhow::Result<Folder> {
    if settings.data_dir_is_said {
        return Ok(Folder { path: settings.data_dir.clone(), is_temporary: false });
    }
    let path = std::env::temp_dir().join(format!("hub-demo-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&path)
        .with_context(|| format!("the folder {} cannot be made", path.display()))?;
    Ok(Folder { path, is_temporary: true })
}

/// The demonstration's account: the one of an earlier run on the same folder, or a fresh one.
async fn account(store: &Store, folder: &Path, token_secs: u32) -> anyhow::Result<BootstrapOut> {
    let file = folder.join("demo.json");
    let now = SystemClock.now();
    if let Ok(text) = std::fs::read_to_string(&file) {
        let mut kept: BootstrapOut =
            serde_json::from_str(&text).context("demo.json in the data folder cannot be read")?;
        let (signer, _) = crate::auth::Signer::load(store, now, token_secs).await?;
        let user = kept.user_id.parse()?;
        let generation = store.token_generations(&[user]).await?.get(&user).copied();
        kept.token = signer.token(user, generation.unwrap_or_default(), now)?.0;
        return Ok(kept);
    }
    let asked = Bootstrap {
        organization: "Demonstration".to_owned(),
        email: EMAIL.to_owned(),
        password: None,
        name: Some("Demo".to_owned()),
    };
    let made = admin::bootstrap(store, asked, token_secs, now).await?;
    keep(&file, &serde_json::to_string(&made)?).context("demo.json cannot be written")?;
    Ok(made)
}

/// Writes what only the folder's owner may read.
fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}

fn announce(url: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {url}")?;
    writeln!(out, "open {url}/ in a browser; Ctrl-C ends the demonstration")?;
    Ok(out.flush()?)
}
