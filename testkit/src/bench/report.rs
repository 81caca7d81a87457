//! Keeps and prints the figures: `bench.json` for programs, `bench.md` for people.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::figures::{Figure, table};
use super::machine::{self, Machine};

/// All that a run found out.
#[derive(Debug)]
pub(super) struct Report {
    machine: Machine,
    quick: bool,
    begun_at: DateTime<Utc>,
    load_before: String,
    taken: Vec<Taken>,
    figures: Vec<Figure>,
}

/// A measure that was taken, or could not be.
#[derive(Debug)]
struct Taken {
    measure: &'static str,
    took: Duration,
    load: String,
    failure: Option<String>,
}

impl Report {
    pub(super) fn begin(machine: Machine, quick: bool) -> Self {
        let (begun_at, load_before) = (Utc::now(), machine::load());
        Self { machine, quick, begun_at, load_before, taken: Vec::new(), figures: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        measure: &'static str,
        took: Duration,
        figures: anyhow::Result<Vec<Figure>>,
    ) {
        say(&format!("{measure}: {:.1} s, load {}", took.as_secs_f64(), machine::load()));
        let failure = figures.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            say(&format!("  failed: {failure}"));
        }
        for figure in figures.iter().flatten() {
            say(&format!("  {figure}"));
        }
        self.figures.extend(figures.unwrap_or_default());
        self.taken.push(Taken { measure, took, load: machine::load(), failure });
    }

    /// The measures that could not be taken.
    pub(super) fn failures(&self) -> Vec<&'static str> {
        let failed = self.taken.iter().filter(|taken| taken.failure.is_some());
        failed.map(|taken| taken.measure).collect()
    }

    pub(super) fn say_machine(&self) {
        say(&format!("{}\nload {}", self.machine.shown(), self.load_before));
    }

    pub(super) fn say_table(&self) {
        say(&format!("\n{}", table(&self.figures)));
    }

    /// Writes both files.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(super) fn store(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).context("the folder for the figures cannot be made")?;
        let text = serde_json::to_string_pretty(&self.json())? + "\n";
        fs::write(folder.join("bench.json"), text)?;
        fs::write(folder.join("bench.md"), self.page()).context("the page cannot be written")
    }

    fn json(&self) -> Value {
        let taken = self.taken.iter().map(|taken| {
            json!({"measure": taken.measure, "secs": taken.took.as_secs_f64(), "load": taken.load, "failure": taken.failure})
        });
        json!({
            "begunAt": self.begun_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "quick": self.quick,
            "machine": self.machine.json(),
            "loadBefore": self.load_before,
            "measures": taken.collect::<Vec<_>>(),
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
        })
    }

    fn page(&self) -> String {
        let begun = self.begun_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut page = format!("# Figures of {begun}\n\n{}.\n", self.machine.shown());
        if self.quick {
            page.push_str("\nA quick run: shorter than what is quoted elsewhere.\n");
        }
        write!(page, "\n{}\n", table(&self.figures)).expect("a string takes all");
        writeln!(page, "Load before: {}.\n", self.load_before).expect("a string takes all");
        for Taken { measure, took, load, failure } in &self.taken {
            let failure =
                failure.as_ref().map(|why| format!("; failed: {why}")).unwrap_or_default();
            let secs = took.as_secs_f64();
            writeln!(page, "- {measure}: {secs:.1} s, load after it {load}{failure}")
                .expect("a string takes all");
        }
        page
    }
}

/// Writes to standard output: it is what this program is for.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // nobody may be listening any more, and the files are written all the same
    writeln!(out, "{text}").and_then(|()| out.flush()).ok();
}
