//! The account that private servers run as: PostgreSQL and PgBouncer refuse root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use tempfile::TempDir;

/// Whom a server runs as, where that is somebody else than we are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// `None` for an ordinary user, who runs servers himself.
    pub(crate) fn for_servers() -> anyhow::Result<Option<Self>> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("the accounts cannot be read")?;
        let account = ["postgres", "nobody"].iter().find_map(|name| Self::named(&accounts, name));
        Ok(Some(
            account
                .context("servers refuse root, and there is no account `postgres` or `nobody`")?,
        ))
    }

    fn named(accounts: &str, name: &str) -> Option<Self> {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse);
        Some(Self { user: numbers.next()?.ok()?, group: numbers.next()?.ok()? })
    }

    /// Has a program run as this account.
    pub(crate) fn runs(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// A temporary folder in `root` that belongs to the account.
pub(crate) fn folder_of(
    account: Option<Account>,
    root: &Path,
    prefix: &str,
) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(root)?;
    if let Some(account) = account {
        std::os::unix::fs::chown(folder.path(), Some(account.user), Some(account.group))?;
    }
    Ok(folder)
}

/// The system's temporary folder, or `/tmp` where the account could not enter that one.
pub(crate) fn temp_root(account: Option<Account>) -> PathBuf {
    let usual = std::env::temp_dir();
    let open = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
    };
    if account.is_none() || usual.ancestors().all(open) { usual } else { PathBuf::from("/tmp") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_line() {
        let accounts =
            "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        let account = Account::named(accounts, "postgres").unwrap();
        assert_eq!((account.user, account.group), (101, 104));
        assert!(Account::named(accounts, "post").is_none());
    }
}
