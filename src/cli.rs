//! The command line.

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;

use crate::{
    client::{replay::ReplayArgs, simulate::SimulateArgs},
    config::SettingArgs,
};

/// Watches fridges, freezers and cold rooms: readings in, alarms out, dashboards live
#[derive(Debug, Parser)]
#[command(name = "hub", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the hub
    Serve(ServeArgs),
    /// Do the hub's jobs and serve nobody; as many as are wanted, beside any `hub serve` on the same database
    Worker(ServeArgs),
    /// Run a hub with three simulated businesses, to look at
    Demo(DemoArgs),
    /// Bring the database up to date
    Migrate(ServeArgs),
    /// Things that only an operator does
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Send a logger's CSV to a hub
    Replay(Box<ReplayArgs>),
    /// Send a simulated fleet's readings to a hub
    Simulate(Box<SimulateArgs>),
}

/// How to run.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// How to run a demonstration.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// What befalls the units; the same seed tells the same story
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Things that only an operator does.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Make an organization with an owner and a key for readings, and print them as one line of JSON
    Bootstrap(BootstrapArgs),
    /// Say who runs the platform: makes organizations, and enters one for a while and a reason
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Make a link with which somebody sets a password, good for an hour, and print it as one line of JSON
    ResetLink(PersonArgs),
}

/// Who runs the platform.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Make somebody an operator, with an account if they have none, and print them as one line of JSON
    Add(PersonArgs),
    /// Make somebody no operator any more
    Remove(PersonArgs),
}

/// Whom.
#[derive(Debug, Args)]
pub struct PersonArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// E-mail address
    pub email: String,
}

/// What to make.
#[derive(Debug, Args)]
pub struct BootstrapArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Name of the organization
    #[arg(long)]
    pub organization: String,
    /// The owner's e-mail address, to sign in with
    #[arg(long)]
    pub email: String,
    /// The owner's password, 12 characters or more; without it one is made and printed
    #[arg(long, env = "HUB_ADMIN_PASSWORD", hide_env_values = true)]
    pub password: Option<SecretString>,
    /// The owner's name; without it the part of the address before the @
    #[arg(long)]
    pub name: Option<String>,
}
