//! `cargo xtask trials`: what the hub has to survive, at the size that a night has time for.

use clap::Args;

use crate::prerequisites::{self, Need};
use crate::{run, web};

/// Which trials to do.
#[derive(Args)]
pub(crate) struct Options {
    /// Does these alone: n1, n2, n3, o1, o2, k2, k9, a3, or one of them on one database such as n1-sqlite
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
}

/// Builds the hub and its trials for release, and does them one after another. Each says its figures in a line.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    prerequisites::ensure(&[Need::Node, Need::Postgres, Need::Python])?;
    web::build()?;
    let mut trials = run::cargo(["test", "--release", "--workspace", "--test", "it"]);
    trials.args(["--", "--nocapture", "trials::nobody_is_left_untold"]);
    trials.env("HUB_TRIAL", "night").env("HUB_TRIALS", options.only.join(","));
    run::check(&mut trials)
}
