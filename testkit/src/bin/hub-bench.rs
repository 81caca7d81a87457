//! `hub-bench`: the figures. `cargo xtask bench` builds what it needs and runs it.

use std::path::PathBuf;

use clap::Parser;
use hub_testkit::bench::{self, Options};

/// Measures the hub against its targets, and prints and stores the figures.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The hub's binary, built for release
    #[arg(long, value_name = "PATH", default_value = "target/release/hub")]
    hub: PathBuf,

    /// Take only these measures
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = bench::MEASURES)]
    only: Vec<String>,

    /// Where to put bench.json and bench.md
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,

    /// Shorter runs and a smaller cold start, to see that all works
    #[arg(long)]
    quick: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Arguments { hub, only, out, quick } = Arguments::parse();
    let hub = std::path::absolute(hub)?; // the hub is started in folders of its own
    bench::run(&Options { hub, only, out, quick }).await
}
