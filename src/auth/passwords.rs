//! Passwords: argon2id, hashed away from the threads that serve, a few at once.

use std::sync::{Arc, LazyLock};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// At most so many wait for their turn. More is an attack or an accident; they are told to come back.
const WAITING: usize = 64;

/// The longest password that is hashed, in bytes.
pub const LONGEST: usize = 1024;

/// A password that is chosen has so many characters at least.
pub const SHORTEST: usize = 12;

/// What is wrong with a password that somebody chooses, if anything. Length is what makes one hard to guess; what else
/// is refused is what would be tried first.
#[must_use]
pub fn fault_of(password: &str, email: &str) -> Option<&'static str> {
    let lower = password.to_lowercase();
    let mut letters: Vec<char> = lower.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let local = email.split('@').next().unwrap_or_default();
    if password.chars().count() < SHORTEST {
        Some("the password has fewer than 12 characters")
    } else if password.len() > LONGEST {
        Some("the password is longer than 1024 bytes")
    } else if lower == email.to_lowercase() || lower.replace(local, "").chars().count() < 5 {
        Some("the password is little else than the e-mail address")
    } else if letters.len() < 5 {
        Some("the password has fewer than 5 different characters")
    } else {
        None
    }
}

/// Verified in place of the hash of a user who does not exist, so that both take the same time.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash_now(&super::fresh_secret()));

/// Hashes and verifies passwords. Each takes some 20 MiB and 30 ms, so their number at once is bounded.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// Why a password was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many are being verified. Try again.
    #[error("too many passwords are being verified")]
    Busy,
    /// Hashing failed.
    #[error("password could not be hashed")]
    Failed,
}

impl Passwords {
    /// A hasher that does at most `at_once` at a time.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.max(1);
        Self {
            turns: Arc::new(Semaphore::new(at_once)),
            queue: Arc::new(Semaphore::new(at_once + WAITING)),
        }
    }

    /// The argon2id hash of `password`, in PHC form.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.in_turn(move || hash_now(&password)).await?.ok_or(PasswordError::Failed)
    }

    /// Whether `password` is the one that was hashed; with no `hash` it takes as long and is false.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub async fn is_right(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.in_turn(move || {
            let known = hash.is_some();
            let hash = hash.or_else(|| NOBODY.clone()).unwrap_or_default();
            is_right_now(&password, &hash) && known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let _turn = self.turns.acquire().await.map_err(|_| PasswordError::Failed)?;
        spawn_blocking(work).await.map_err(|_| PasswordError::Failed)
    }
}

fn hash_now(password: &str) -> Option<String> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).ok()?;
    Some(hash.to_string())
}

fn is_right_now(password: &str, hash: &str) -> bool {
    password.len() <= LONGEST
        && PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_no_repetition() {
        let fault = |password: &str| fault_of(password, "ada.lovelace@example.test");
        for good in
            ["correct horse battery staple", "twelve chars", "öäü öäü abc d", &"ab3d5f".repeat(170)]
        {
            assert_eq!(fault(good), None, "{good}");
        }
        let long = "ab3d5f".repeat(171);
        for bad in [
            "",
            "eleven char",
            "aaaaaaaaaaaaaaaa",
            "ada.lovelace@example.test",
            "Ada.Lovelace123",
            &long,
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash("open sesame".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.is_right("open sesame".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.is_right("open sesam".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.is_right("open sesame".to_owned(), None).await.unwrap());
        assert!(
            !passwords
                .is_right("open sesame".to_owned(), Some("nonsense".to_owned()))
                .await
                .unwrap()
        );
    }
}
