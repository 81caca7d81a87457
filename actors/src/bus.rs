//! What nodes tell each other of the sites that they look after, for those whose dashboards hear them.

use futures_util::future::BoxFuture;
use hub_domain::SiteId;

use crate::UnitUpdate;

/// What is told of a site.
#[derive(Clone, Debug)]
pub enum Told {
    /// A unit after a commit.
    Unit(Box<UnitUpdate>),
    /// It is stored in another way than it was: it was edited, or a unit of it is no more.
    Look(SiteId),
}

impl Told {
    /// The site that it is of.
    #[must_use]
    pub const fn site(&self) -> SiteId {
        match self {
            Self::Unit(update) => update.shown.site,
            Self::Look(site) => *site,
        }
    }
}

/// Carries what is told from node to node. It may lose, double and reorder: what is stored is looked at besides, and what
/// comes is compared by [`Progress`](crate::Progress).
pub trait Bus: Send + Sync + 'static {
    /// Tells whoever listens. Never waits.
    fn tell(&self, told: Told);

    /// Begins to listen to a site; ready when it does, or when it is not known how long that will take.
    fn listen(&self, site: SiteId) -> BoxFuture<'_, ()>;

    /// Listens to a site no more.
    fn leave(&self, site: SiteId);

    /// Whether what is told is certainly heard here now.
    fn is_heard(&self) -> bool;
}
