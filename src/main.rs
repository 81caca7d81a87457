//! The `hub` binary.

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use freshtrack_hub::{cli::Cli, config::ConfigError, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: with two providers compiled in by accident, rustls would panic at first use.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    if cfg!(debug_assertions)
        && let Ok(place) = std::env::var("HUB_FORGET_TENANT_AT")
    {
        hub_store::forget(place); // so a suite that looks for leaks can show that it would find one
    }
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "hub: {error:#}").ok();
            ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}
