//! `cargo xtask trials`: what the hub has to survive, at the size that a night has time for.

use clap::Args;

use crate::prerequisites::{self, Need};
use crate::{run, web};

/// The trials of what the hub stands on, each with the test that is it.
const OF_SERVERS: [(&str, &str); 6] = [
    ("k1", "kill::kills_lose"),
    ("k3", "kill::database"),
    ("k4", "kill::standby"),
    ("k5", "kill::bus"),
    ("k7", "kill::cut"),
    ("k10", "kill::rolling"),
];

/// The trials of messages, all in one test that is told which.
const OF_MESSAGES: &str = "trials::nobody_is_left_untold";

/// Which trials to do.
#[derive(Args)]
pub(crate) struct Options {
    /// Does these alone: n1, n2, n3, o1, o2, k2, k9, a3, or one of them on one database such as n1-sqlite; k1, k3, k4, k5, k7, k10
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
}

/// Builds the hub and its trials for release, and does them one after another. Each says its figures in a line.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    prerequisites::ensure(&[Need::Node, Need::Postgres, Need::Redis, Need::Python])?;
    web::build()?;
    let (servers, messages) = asked(&options.only);
    if messages.is_some() || options.only.is_empty() {
        let mut trials = release_tests(&[OF_MESSAGES]);
        run::check(trials.env("HUB_TRIALS", messages.unwrap_or_default()))?;
    }
    if servers.is_empty() {
        return Ok(());
    }
    run::check(release_tests(&servers).arg("--test-threads=1"))
}

/// The tests of servers, and the names of messages' trials, if any.
fn asked(only: &[String]) -> (Vec<&'static str>, Option<String>) {
    let of_servers = |name: &str| OF_SERVERS.iter().find(|(known, _)| *known == name);
    let is_asked = |name: &str| only.is_empty() || only.iter().any(|it| it == name);
    let servers = OF_SERVERS.iter().filter(|(name, _)| is_asked(name)).map(|(_, test)| *test);
    let messages: Vec<&str> =
        only.iter().map(String::as_str).filter(|name| of_servers(name).is_none()).collect();
    (servers.collect(), (!messages.is_empty()).then(|| messages.join(",")))
}

fn release_tests(filters: &[&str]) -> std::process::Command {
    let mut tests =
        run::cargo(["test", "--release", "--workspace", "--test", "it", "--", "--nocapture"]);
    tests.args(filters).env("HUB_TRIAL", "night");
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn trials_are_found_by_their_names() {
        assert_eq!(asked(&[]), (OF_SERVERS.map(|(_, test)| test).to_vec(), None));
        assert_eq!(
            asked(&names(&["k1", "k10"])),
            (vec!["kill::kills_lose", "kill::rolling"], None)
        );
        assert_eq!(asked(&names(&["n1-sqlite", "a3"])), (vec![], Some("n1-sqlite,a3".to_owned())));
    }
}
