//! `cargo xtask test`: every check there is, in one command.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::prerequisites::{self, Need};
use crate::{browser, conformance, run, sdk, tidy, watched, web};

/// What to leave out.
#[derive(Args)]
pub(crate) struct Options {
    /// Leaves out the browser, the SDKs and the conformance to the OpenAPI document
    #[arg(long)]
    fast: bool,
    /// Has the tests reach PostgreSQL through a pooler of sessions (PgBouncer)
    #[arg(long)]
    pooler: bool,
    /// Runs these steps alone
    #[arg(long, value_name = "NAME")]
    only: Vec<Step>,
}

/// The steps, in the order they run: first what everything needs, then the quick to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    Prerequisites,
    Tidy,
    Format,
    Board,
    Clippy,
    Docs,
    Tests,
    Conformance,
    Sdk,
    Browser,
}

/// How a step went.
struct Outcome {
    step: Step,
    took: Duration,
    error: Option<anyhow::Error>,
}

/// Runs the steps up to the first that fails. The last line is `N passed, N failed`.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut outcomes = Vec::new();
    let steps = options.steps();
    for step in &steps {
        outcomes.push(step.timed(&steps, options.pooler));
        if outcomes.last().is_some_and(|outcome| outcome.error.is_some()) {
            break; // what comes after would only hide the cause
        }
    }
    summarize(&outcomes)
}

impl Options {
    fn steps(&self) -> Vec<Step> {
        let wanted = |step: &Step| {
            let named = self.only.is_empty() || self.only.contains(step);
            named && !(self.fast && matches!(step, Step::Conformance | Step::Sdk | Step::Browser))
        };
        Step::value_variants().iter().copied().filter(wanted).collect()
    }
}

impl Step {
    fn timed(self, others: &[Self], pooler: bool) -> Outcome {
        run::say(&format!("\n=== {self:?}"));
        let begun = Instant::now();
        let error = self.run(others, pooler).err();
        let outcome = Outcome { step: self, took: begun.elapsed(), error };
        run::say(&outcome.line());
        outcome
    }

    fn run(self, others: &[Self], pooler: bool) -> anyhow::Result<()> {
        prerequisites::ensure(self.needs())?;
        if self.embeds_the_board() {
            web::build()?;
        }
        match self {
            Self::Prerequisites => {
                let needs: Vec<Need> =
                    others.iter().flat_map(|step| step.needs()).copied().collect();
                prerequisites::ensure(&needs) // all at once, rather than half-way through
            }
            Self::Tidy => tidy::run(),
            Self::Format => run::check(&mut run::cargo(["fmt", "--all", "--check"])),
            Self::Board => web::test(),
            Self::Clippy => {
                let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                run::check(&mut run::cargo(arguments))
            }
            Self::Docs => {
                let mut doc =
                    run::cargo(["doc", "--workspace", "--no-deps", "--document-private-items"]);
                run::check(doc.env("RUSTDOCFLAGS", "-D warnings"))
            }
            Self::Tests => {
                let mut tests = run::cargo(["test", "--workspace", "--no-fail-fast"]);
                if pooler {
                    tests.env("HUB_TEST_POOLER", "session");
                }
                watched::check(&mut tests)
            }
            Self::Conformance => conformance::test(),
            Self::Sdk => sdk::test(),
            Self::Browser => browser::test(),
        }
    }

    /// Whether the step compiles the hub, which has the built board in it.
    const fn embeds_the_board(self) -> bool {
        !matches!(self, Self::Prerequisites | Self::Tidy | Self::Format)
    }

    const fn needs(self) -> &'static [Need] {
        match self {
            Self::Prerequisites | Self::Tidy | Self::Format => &[],
            Self::Board | Self::Clippy | Self::Docs => &[Need::Node],
            Self::Tests => &[
                Need::Node,
                Need::Postgres,
                Need::PgBouncer,
                Need::Redis,
                Need::Python,
                Need::Curl,
            ],
            Self::Conformance | Self::Sdk => &[Need::Node, Need::Python],
            Self::Browser => &[Need::Node, Need::Chromium],
        }
    }
}

impl Outcome {
    fn line(&self) -> String {
        let (name, took) = (format!("{:?}", self.step), self.took.as_secs_f32());
        let verdict = if self.error.is_none() { "passed" } else { "failed" };
        let reason = self.error.as_ref().map(|error| format!("  {error:#}")).unwrap_or_default();
        format!("{name:<14} {verdict}  {took:>7.1} s{reason}")
    }
}

fn summarize(outcomes: &[Outcome]) -> ExitCode {
    run::say("");
    outcomes.iter().for_each(|outcome| run::say(&outcome.line()));
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    run::say(&format!("{} passed, {failed} failed", outcomes.len() - failed));
    if failed == 0 && !outcomes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_leaves_out_what_is_not_written_in_rust() {
        let steps = Options { fast: true, pooler: false, only: Vec::new() }.steps();
        assert_eq!(steps.first(), Some(&Step::Prerequisites));
        assert_eq!(steps.last(), Some(&Step::Tests));
    }

    #[test]
    fn a_step_that_is_named_runs_alone() {
        assert_eq!(
            Options { fast: false, pooler: false, only: vec![Step::Docs] }.steps(),
            [Step::Docs]
        );
    }
}
