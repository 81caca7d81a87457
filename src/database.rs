//! The database that the settings name: found or made, asked until it answers, and brought up to date or refused.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use hub_store::{OpenError, OpenOptions, Store, StoreError};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use crate::{
    clock::SystemClock,
    config::{ConfigError, Settings},
};

/// How long a hub waits at its start for a database that does not answer.
const DATABASE_WITHIN: Duration = Duration::from_secs(30);

/// Opens the store that the settings name, up to date or refused.
///
/// # Errors
/// When it cannot be opened, or is not up to date and must not be brought there.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    let options = OpenOptions {
        url: database_url(settings)?,
        max_connections: settings.database_connections,
        clock: Arc::new(SystemClock),
    };
    let is_silence = |error: &OpenError| matches!(error, OpenError::Unreachable(_));
    let pooled = settings.database_pooled_url.as_ref().map(|url| url.expose_secret());
    let open = async || Store::open_by(options.clone(), pooled).await;
    let opened = patiently(open, is_silence).await;
    let store = opened.map_err(|error| match error {
        OpenError::BadUrl(_) | OpenError::Unsafe(_) => {
            anyhow::Error::new(ConfigError(error.to_string()))
        }
        OpenError::Unreachable(_) => anyhow::Error::new(error),
    })?;
    if settings.migrates {
        let migrated = patiently(async || store.migrate().await, is_away).await;
        migrated.context("the database cannot be brought up to date")?;
    } else {
        ensure_migrated(&store).await?;
    }
    // its connections are made here, so that who asks next does not find it still at that
    patiently(async || store.ping().await, is_away).await?;
    Ok(store)
}

/// Whether a store may answer if it is asked again.
const fn is_away(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

async fn ensure_migrated(store: &Store) -> anyhow::Result<()> {
    let pending = patiently(async || store.pending_migrations().await, is_away).await;
    let pending = pending.context("the state of the database cannot be read")?;
    let Some(first) = pending.first() else { return Ok(()) };
    let count = pending.len();
    let text = format!(
        "the database lacks {count} migrations, the first of them {first}: run `hub migrate`, or start without --no-migrate"
    );
    Err(ConfigError(text).into())
}

/// Asks a database until it answers: it may still have to start, or be busy with others that start.
async fn patiently<T, E: std::fmt::Display>(
    ask: impl AsyncFn() -> Result<T, E>,
    is_silence: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(error) if is_silence(&error) && begun.elapsed() < DATABASE_WITHIN => {
                tracing::warn!(%error, "the database does not answer; it is asked again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            answer => return answer,
        }
    }
}

/// The database named, or a file of the hub's own.
fn database_url(settings: &Settings) -> Result<String, ConfigError> {
    if let Some(url) = &settings.database_url {
        return Ok(url.expose_secret().to_owned());
    }
    let file = own_file(&settings.data_dir).map_err(|error| {
        let folder = settings.data_dir.display();
        ConfigError(format!(
            "the data folder {folder} (--data-dir, HUB_DATA_DIR) cannot be used: {error}"
        ))
    })?;
    Ok(format!("sqlite://{}", as_url_path(&file)))
}

/// The database of a hub without one, which only its owner may read; files beside it get the same mode.
fn own_file(folder: &Path) -> std::io::Result<PathBuf> {
    private_folder(folder)?;
    let file = folder.canonicalize()?.join("hub.db");
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&file)?;
    Ok(file)
}

/// A path as it stands in an address: what has a meaning there is written as `%` and its number.
fn as_url_path(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(byte);
    let text = path.to_string_lossy();
    let written =
        |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(written).collect()
}

/// Makes a folder that only its owner may look into: it holds keys and hashes.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
