//! What a subscriber begins with.

use super::{OrganizationSnapshot, Position, Publication, SiteSnapshot, UnitSnapshot};

/// Why nobody was subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The channel's owner is not here yet: activate the site, then ask again.
    #[error("the channel is not live")]
    NotLive,
    /// This subscriber has the channel already.
    #[error("already subscribed")]
    Already,
}

/// A subscription that has begun: what came after its position will be in the outbox.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Where it begins.
    pub position: Position,
    /// What the subscriber begins with.
    pub start: Start,
}

/// What a subscriber begins with.
#[derive(Clone, Debug)]
pub enum Start {
    /// Everything it missed since the position it named.
    Resumed(Vec<Publication>),
    /// The whole picture.
    Snapshot(Snapshot),
}

/// The whole picture at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// Of a site.
    Site(SiteSnapshot),
    /// Of a unit.
    Unit(UnitSnapshot),
    /// Of an organization.
    Organization(OrganizationSnapshot),
}

/// What a channel's history has.
#[derive(Clone, Debug)]
pub struct History {
    /// Where the channel stands.
    pub position: Position,
    /// The publications, oldest first; `None` if some after the position asked for are gone.
    pub publications: Option<Vec<Publication>>,
}

/// A subscription from where a stream stands: with what was missed, if all of that is there.
pub(super) fn begin(
    (position, missed): (Position, Option<Vec<Publication>>),
    snapshot: impl FnOnce() -> Snapshot,
) -> Subscription {
    let start = missed.map_or_else(|| Start::Snapshot(snapshot()), Start::Resumed);
    Subscription { position, start }
}
