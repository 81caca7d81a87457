//! What a sending came to: counts of verdicts, reasons and the time it took.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::ingest::Verdict;

/// So many refused readings and unreadable rows are told one by one.
const SHOWN: usize = 5;

/// Running counts of one sending.
#[derive(Debug)]
pub struct Summary {
    /// Readings the hub has answered for.
    pub sent: u64,
    /// Stored.
    pub accepted: u64,
    /// Stored, but older than the newest of their point.
    pub late: u64,
    /// Known already.
    pub duplicates: u64,
    /// Kept aside.
    pub quarantined: u64,
    /// Refused one by one.
    pub rejected: u64,
    /// The first of the refused.
    pub reasons: Vec<String>,
    /// Readings left without an answer.
    pub unsent: u64,
    /// Why sending ended before its time.
    pub stopped_by: Option<String>,
    started: Instant,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            sent: 0,
            accepted: 0,
            late: 0,
            duplicates: 0,
            quarantined: 0,
            rejected: 0,
            reasons: Vec::new(),
            unsent: 0,
            stopped_by: None,
            started: Instant::now(),
        }
    }
}

impl Summary {
    /// Counts the verdict on a batch of `size`; `name` tells a person which reading an index means.
    pub fn count(&mut self, size: usize, verdict: Verdict, name: impl Fn(usize) -> String) {
        self.sent += size as u64;
        self.accepted += verdict.accepted;
        self.late += verdict.late;
        self.duplicates += verdict.duplicates;
        self.quarantined += verdict.quarantined;
        self.rejected += verdict.rejected.len() as u64;
        for refused in verdict.rejected {
            if self.reasons.len() == SHOWN {
                break;
            }
            let who = name(refused.index);
            self.reasons.push(format!("{who}: {}: {}", refused.code, refused.detail));
        }
    }

    /// Notes that sending ended with so many readings left over.
    pub fn stop(&mut self, unsent: usize, reason: &impl std::fmt::Display) {
        self.unsent += unsent as u64;
        self.stopped_by = Some(reason.to_string());
    }

    /// Writes the counts, one line, and the first reasons below.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "sent {}  accepted {}  late {}  duplicates {}  quarantined {}  rejected {}  elapsed {:.1} s",
            self.sent,
            self.accepted,
            self.late,
            self.duplicates,
            self.quarantined,
            self.rejected,
            self.started.elapsed().as_secs_f64(),
        )?;
        for reason in &self.reasons {
            writeln!(out, "  rejected: {reason}")?;
        }
        if self.rejected > self.reasons.len() as u64 {
            writeln!(out, "  … and {} more", self.rejected - self.reasons.len() as u64)?;
        }
        if self.unsent > 0 {
            writeln!(out, "unsent {}", self.unsent)?;
        }
        out.flush()
    }

    /// Fails where a reading was refused or left without an answer, so that a script notices.
    ///
    /// # Errors
    /// See above.
    pub fn verdict(&self) -> anyhow::Result<()> {
        if let Some(reason) = &self.stopped_by {
            anyhow::bail!("{} readings could not be sent: {reason}", self.unsent);
        }
        anyhow::ensure!(self.rejected == 0, "the hub rejected {} readings", self.rejected);
        Ok(())
    }
}

/// A progress bar on a terminal, and nothing where the output goes elsewhere.
///
/// Without a total it only counts.
pub fn progress_bar(total: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, layout) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{bar:40} {pos}/{len}  {per_sec}  {eta} left  {msg}")
        }
        None => (ProgressBar::no_length(), "{spinner} {elapsed}  {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(layout) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
