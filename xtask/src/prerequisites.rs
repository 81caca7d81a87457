//! What the chores need beyond the Rust toolchain: found, installed where we may, or named.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::{run, workspace};

/// The oldest Node.js that the board's tools run on.
const NODE: (u32, u32) = (20, 19);

/// The Node.js taken from npm where the distribution's own is older.
const NODE_FROM_NPM: &str = "22";

/// Something that a chore needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The server programs of PostgreSQL.
    Postgres,
    /// A pooler before PostgreSQL.
    PgBouncer,
    /// What hubs tell each other by, how it is told what to do, and what signs for it.
    Redis,
    /// Node.js and npm, to build and test the board.
    Node,
    /// A browser to look at the board with.
    Chromium,
    /// Python with virtual environments.
    Python,
    /// What the tasks of the reference are run with.
    Curl,
}

impl Need {
    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::PgBouncer => &["pgbouncer"],
            Self::Redis => &["redis-server", "redis-tools", "openssl"],
            Self::Node => &["nodejs", "npm"],
            Self::Chromium => &["chromium"],
            Self::Python => &["python3", "python3-venv"],
            Self::Curl => &["curl"],
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::Postgres => has_postgres(),
            Self::PgBouncer => has_pgbouncer(),
            Self::Redis => {
                ["redis-server", "redis-cli", "openssl"].iter().all(|it| on_path(it).is_some())
            }
            Self::Node => on_path("node").is_some() && on_path("npm").is_some(),
            Self::Chromium => chromium().is_some(),
            Self::Python => {
                succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
            }
            Self::Curl => on_path("curl").is_some(),
        }
    }
}

/// Makes sure that all of `needs` are met.
pub(crate) fn ensure(needs: &[Need]) -> anyhow::Result<()> {
    let missing = || needs.iter().copied().filter(|need| !need.is_met());
    let packages: Vec<&str> = missing().flat_map(Need::packages).copied().collect();
    if !packages.is_empty() {
        install(&packages)?;
    }
    match missing().next() {
        Some(need) => bail!("{need:?} is still missing after its installation"),
        None => Ok(()),
    }
}

/// Installs packages of the distribution, or says how to.
fn install(packages: &[&str]) -> anyhow::Result<()> {
    let list = packages.join(" ");
    let by_hand =
        format!("install what is missing: sudo apt-get install -y --no-install-recommends {list}");
    if on_path("apt-get").is_none() || !is_root()? {
        bail!(by_hand);
    }
    let apt = |arguments: &[&str]| {
        run::check(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-q"]).with_context(|| by_hand.clone())?;
    let options = ["install", "-q", "-y", "--no-install-recommends"];
    apt(&[options.as_slice(), packages].concat()).context(by_hand)
}

fn is_root() -> anyhow::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata("/proc/self").context("/proc is not mounted")?.uid() == 0)
}

/// A search path on which `node` is new enough, for `npm` and what it starts.
///
/// Debian 12 has Node.js 18, too old for the board's tools; npm itself then brings a newer one, into the target folder.
pub(crate) fn node_path() -> anyhow::Result<OsString> {
    let usual = std::env::var_os("PATH").unwrap_or_default();
    if node_version(Path::new("node")).is_some_and(|version| version >= NODE) {
        return Ok(usual);
    }
    let folder = workspace::target()?.join("node");
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let programs = folder.join(format!("node_modules/node-linux-{machine}/bin"));
    if node_version(&programs.join("node")).is_none() {
        fs::create_dir_all(&folder)?;
        let package = format!("node-linux-{machine}@{NODE_FROM_NPM}");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .arg(package);
        run::check(&mut npm).context("Node.js 20.19 or newer is needed")?;
    }
    let folders = std::iter::once(programs).chain(std::env::split_paths(&usual));
    std::env::join_paths(folders).context("the search path cannot be extended")
}

fn node_version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    version_in(&String::from_utf8_lossy(&output.stdout))
}

fn version_in(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// The browser: `CHROMIUM` if set, else the first known name on the search path.
pub(crate) fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named
        .or_else(|| ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path))
}

fn has_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let packaged =
        versions.map(|version| version.path().join("bin/initdb")).any(|program| program.is_file());
    packaged || (on_path("initdb").is_some() && on_path("postgres").is_some())
}

/// `PGBOUNCER` if set; else as it is found, which Debian has in a folder that is not on every search path.
fn has_pgbouncer() -> bool {
    let is_named = std::env::var_os("PGBOUNCER").is_some();
    is_named || on_path("pgbouncer").is_some() || Path::new("/usr/sbin/pgbouncer").is_file()
}

/// Where a program lies, by the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|found| found.is_file())
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_compare_as_numbers() {
        assert_eq!(version_in("v20.20.2\n"), Some((20, 20)));
        assert!(version_in("v18.20.4").unwrap() < NODE);
        assert!(version_in("v20.9.0").unwrap() < NODE);
        assert_eq!(version_in("none"), None);
    }

    #[test]
    fn every_need_names_its_packages() {
        let servers = [Need::Postgres, Need::PgBouncer, Need::Redis];
        let programs = [Need::Node, Need::Chromium, Need::Python, Need::Curl];
        for need in servers.into_iter().chain(programs) {
            assert!(!need.packages().is_empty(), "{need:?}");
        }
    }
}
