//! What processes use: processor time and resident memory, as Linux counts them.

use std::fs;

use anyhow::Context as _;

/// The length of a tick in `/proc/*/stat`: Linux shows its users a hundred a second on every platform.
const TICKS_PER_SEC: f64 = 100.0;

/// Processor seconds that a process has used so far, of all its threads.
///
/// # Errors
/// When there is no such process.
pub fn cpu_secs(process: u32) -> anyhow::Result<f64> {
    Ok(Times::of(process)?.own)
}

/// Processor seconds of a server that forks: its own, its children's, and those of the children that it has buried.
///
/// # Errors
/// When there is no such process.
pub fn tree_cpu_secs(parent: u32) -> anyhow::Result<f64> {
    let root = Times::of(parent)?;
    let living: f64 =
        children(parent).filter_map(|child| Times::of(child).ok()).map(|t| t.own).sum();
    Ok(root.own + root.buried + living)
}

/// Processor seconds that the calling thread has used so far.
///
/// # Errors
/// When the system does not say.
pub fn thread_cpu_secs() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/stat")?;
    Ok(Times::parse(&text).context("/proc/thread-self/stat has another form")?.own)
}

/// Processor seconds of this very process.
#[must_use]
pub fn own_cpu_secs() -> f64 {
    cpu_secs(std::process::id()).unwrap_or_default() // /proc is there: others were read from it
}

/// Resident bytes of a process.
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("a living process has resident memory")? * 1024)
}

struct Times {
    parent: u32,
    own: f64,
    buried: f64,
}

impl Times {
    fn of(process: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat"))
            .with_context(|| format!("process {process} is gone"))?;
        Self::parse(&text).context("/proc/*/stat has another form")
    }

    /// The name in parentheses may hold anything, so fields are counted from behind it.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let secs = |index: usize| Some(fields.get(index)?.parse::<f64>().ok()? / TICKS_PER_SEC);
        let parent = fields.get(1)?.parse().ok()?;
        Some(Self { parent, own: secs(11)? + secs(12)?, buried: secs(13)? + secs(14)? })
    }
}

fn children(parent: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes =
        entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    processes.filter(move |process| Times::of(*process).is_ok_and(|times| times.parent == parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_behind_a_name_that_holds_parentheses() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 0 0 0 0 0 150 50 1000 200 20 0 1 0 0 0";
        let times = Times::parse(line).unwrap();
        assert_eq!((times.parent, times.own, times.buried), (7, 2.0, 12.0));
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
        assert!(tree_cpu_secs(std::process::id()).unwrap() >= 0.0);
    }
}
