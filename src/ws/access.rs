//! What the socket asks of the rest of the hub.

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
};

use hub_actors::channel::ChannelName;
use hub_domain::{OrgId, SiteId, UserId};

use crate::auth::{Identity, TokenError};

/// An answer that may take a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is asked could not be looked up. Asking again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not be looked up")]
pub struct Unavailable;

/// Where a channel belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The tenant.
    pub org: OrgId,
    /// The site that must be live; `None` for an organization's own channel.
    pub site: Option<SiteId>,
}

/// An organization as its channel's snapshot needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// All its sites.
    pub sites: Vec<SiteId>,
}

/// Who people are, what they may hear, and how a quiet site is woken.
pub trait Access: Send + Sync + 'static {
    /// Whose token this is.
    fn identify<'a>(&'a self, token: &'a str) -> Answer<'a, Result<Identity, TokenError>>;

    /// The generation of each of these people's tokens at this moment.
    fn token_generations(
        &self,
        users: Vec<UserId>,
    ) -> Answer<'_, Result<HashMap<UserId, i64>, Unavailable>>;

    /// Where the channel belongs; `None` if there is no such object.
    fn place(&self, channel: ChannelName) -> Answer<'_, Result<Option<Place>, Unavailable>>;

    /// Whether the user may hear the organization at this moment.
    fn is_member(&self, user: UserId, org: OrgId) -> Answer<'_, Result<bool, Unavailable>>;

    /// Those of `heard` who may hear the organization at this moment, all asked for at once.
    fn members_among(
        &self,
        heard: Vec<(UserId, OrgId)>,
    ) -> Answer<'_, Result<HashSet<(UserId, OrgId)>, Unavailable>>;

    /// The organization as a member of it sees it.
    fn organization(
        &self,
        user: UserId,
        org: OrgId,
    ) -> Answer<'_, Result<Organization, Unavailable>>;

    /// Makes the site's channels live.
    fn activate(&self, site: SiteId) -> Answer<'_, Result<(), Unavailable>>;
}
