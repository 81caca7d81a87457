//! FreshTrack Hub: watches fridges, freezers and cold rooms.
//!
//! This crate is the edge: it reads settings, speaks HTTP and WebSocket, and wires the parts together in [`app`].

pub mod admin;
pub mod app;
pub mod auth;
pub mod bus;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod database;
pub mod dead_man;
pub mod decimal;
pub mod demo;
pub mod demonstration;
pub mod follow_up;
pub mod http;
pub mod maintenance;
pub mod nodes;
pub mod payments;
pub mod queue_board;
pub mod rule_changes;
pub mod telemetry;
pub mod telnyx;
pub mod ttn;
pub mod wire;
pub mod worker;
pub mod workers;
pub mod ws;

use std::io::Write as _;

use anyhow::Context as _;
use hub_domain::Clock as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin::Bootstrap,
    app::App,
    cli::{AdminCommand, BootstrapArgs, Command, OperatorCommand, PersonArgs, ServeArgs},
    clock::SystemClock,
    database::open_store,
};

/// Does what the command line asks for.
///
/// # Errors
/// When it cannot be done; a [`config::ConfigError`] where a setting is the reason.
pub fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(args) => serve(args).await,
            Command::Worker(args) => worker::run(args, asked_to_stop()?).await,
            Command::Demo(args) => demonstration::run(args, asked_to_stop()?).await,
            Command::Migrate(args) => migrate(args).await,
            Command::Admin(AdminCommand::Bootstrap(args)) => bootstrap(args).await,
            Command::Admin(AdminCommand::Operator(command)) => operator(command).await,
            Command::Admin(AdminCommand::ResetLink(args)) => reset_link(args).await,
            Command::Replay(args) => client::replay::run(*args).await,
            Command::Simulate(args) => client::simulate::run(*args).await,
        }
    })
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let settings = args.settings.settings()?;
    telemetry::start_logs(&settings.log, settings.log_format)?;
    let stopped = asked_to_stop()?;
    let listener = app::listen(&settings).await?;
    let store = open_store(&settings).await?;
    let app = App::start(settings, listener, store, None).await?;
    say(&format!("listening on {}", app.url()?))?;
    app.run(stopped).await;
    Ok(())
}

async fn migrate(args: ServeArgs) -> anyhow::Result<()> {
    let mut settings = args.settings.settings()?;
    telemetry::start_logs(&settings.log, settings.log_format)?;
    settings.migrates = true;
    open_store(&settings).await?.close().await;
    say("the database is up to date")
}

async fn bootstrap(args: BootstrapArgs) -> anyhow::Result<()> {
    let mut settings = args.settings.settings()?;
    settings.migrates = true;
    let store = open_store(&settings).await?;
    let asked = Bootstrap {
        organization: args.organization,
        email: args.email,
        password: args.password,
        name: args.name,
    };
    let made = admin::bootstrap(&store, asked, settings.token_secs, SystemClock.now()).await?;
    store.close().await;
    say(&serde_json::to_string(&made)?)
}

async fn operator(command: OperatorCommand) -> anyhow::Result<()> {
    let (OperatorCommand::Add(args) | OperatorCommand::Remove(args)) = &command;
    let mut settings = args.settings.clone().settings()?;
    settings.migrates = true;
    let store = open_store(&settings).await?;
    let said = match &command {
        OperatorCommand::Add(_) => {
            serde_json::to_string(&admin::add_operator(&store, &args.email).await?)?
        }
        OperatorCommand::Remove(_) => {
            admin::remove_operator(&store, &args.email).await?;
            "they run the platform no more".to_owned()
        }
    };
    store.close().await;
    say(&said)
}

async fn reset_link(args: PersonArgs) -> anyhow::Result<()> {
    let mut settings = args.settings.settings()?;
    settings.migrates = true;
    let store = open_store(&settings).await?;
    let own = || format!("http://{}", settings.listen);
    let public_url = settings.public_url.clone().unwrap_or_else(own);
    let made = admin::reset_link(&store, &args.email, &public_url).await?;
    store.close().await;
    say(&serde_json::to_string(&made)?)
}

/// Ready when the process is asked to end.
fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate()).context("signals cannot be heard")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("signals cannot be heard")?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
