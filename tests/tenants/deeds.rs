//! The role matrix, by the names that the document uses.

use freshtrack_hub::auth::Deed;
use hub_store::records::Role;

/// How high the least role is that a deed takes; `None` for what is no deed.
pub(crate) fn least(deed: &str) -> Option<usize> {
    let deed = Deed::ALL.iter().find(|known| known.name() == deed)?;
    rank(deed.takes().name())
}

/// How high a role is.
pub(crate) fn rank(role: &str) -> Option<usize> {
    Role::ALL.iter().position(|known| known.name() == role)
}
