//! Memberships that were just looked up.
//!
//! Clients come back in crowds, each with several subscriptions, and a membership is asked for with every one of
//! them. What the store said holds for half a second; an edit ends that at once.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use hub_domain::{OrgId, UserId};
use tokio::time::Instant;

/// How long a membership holds after it was looked up.
const HOLDS: Duration = Duration::from_millis(500);

/// At most so many are remembered; past it all are looked up again.
const REMEMBERED: usize = 20_000;

/// Memberships by user and organization. Only those that were there are remembered.
#[derive(Debug, Default)]
pub(crate) struct Memberships {
    edits: AtomicU64,
    known: Mutex<HashMap<(UserId, OrgId), Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    at: Instant,
    edits: u64,
}

impl Memberships {
    /// Rises with each edit of any membership.
    pub(crate) fn edits(&self) -> u64 {
        self.edits.load(SeqCst)
    }

    /// Notes an edit: everything is looked up again.
    pub(crate) fn edited(&self) {
        self.edits.fetch_add(1, SeqCst);
    }

    /// Whether the user was a member a moment ago, with no edit since.
    pub(crate) fn holds(&self, user: UserId, org: OrgId) -> bool {
        let known = self.known().get(&(user, org)).copied();
        known.is_some_and(|known| known.edits == self.edits() && known.at.elapsed() < HOLDS)
    }

    /// Remembers a membership that was looked up after `edits`.
    pub(crate) fn remember(&self, user: UserId, org: OrgId, edits: u64) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert((user, org), Known { at: Instant::now(), edits });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(UserId, OrgId), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const USER: UserId = UserId(Uuid::nil());
    const ORG: OrgId = OrgId(Uuid::nil());

    #[tokio::test(start_paused = true)]
    async fn a_membership_holds_for_half_a_second() {
        let memberships = Memberships::default();
        assert!(!memberships.holds(USER, ORG));
        memberships.remember(USER, ORG, memberships.edits());
        assert!(memberships.holds(USER, ORG));
        tokio::time::advance(HOLDS).await;
        assert!(!memberships.holds(USER, ORG));
    }

    #[tokio::test]
    async fn an_edit_ends_it_at_once_even_one_during_the_look_up() {
        let memberships = Memberships::default();
        let before = memberships.edits();
        memberships.edited();
        memberships.remember(USER, ORG, before);
        assert!(!memberships.holds(USER, ORG));
        memberships.remember(USER, ORG, memberships.edits());
        assert!(memberships.holds(USER, ORG));
        memberships.edited();
        assert!(!memberships.holds(USER, ORG));
    }
}
