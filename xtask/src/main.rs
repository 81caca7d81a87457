//! The project's chores: `cargo xtask demo`, `test`, `bench`, `trials` and `tidy`.
//!
//! It depends on nothing of ours, so it builds in seconds in a fresh clone and still runs when the rest does not
//! compile. What it needs beyond the Rust toolchain it installs where it may, and names where it may not.

mod bench;
mod browser;
mod conformance;
mod demo;
mod harness;
mod hub;
mod prerequisites;
mod python;
mod run;
mod sdk;
mod test;
mod tidy;
mod trials;
mod watched;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's chores", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Builds the board and the hub, and starts a hub with simulated units
    Demo {
        /// Passed on to `hub demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs every check there is, and ends with a line `N passed, N failed`
    Test(test::Options),
    /// Builds for release and measures; writes JSON and a readable page
    Bench {
        /// Passed on to `hub-bench`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Builds for release and does the trials at their whole size; ends with a line `N passed, N failed`
    Trials(trials::Options),
    /// Checks what no compiler checks: who may depend on whom, and what may stand where
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Demo { arguments } => demo::run(&arguments),
        Chore::Test(options) => return test::run(&options),
        Chore::Bench { arguments } => bench::run(&arguments),
        Chore::Trials(options) => trials::run(&options),
        Chore::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
