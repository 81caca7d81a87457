//! The socket's questions, answered by the hub's own parts.

use std::collections::{HashMap, HashSet};

use hub_actors::{AskError, Units, channel::ChannelName};
use hub_domain::{OrgId, SiteId, UserId};
use hub_store::{
    Store, StoreError,
    records::{Life, PageQuery, Role},
};

use super::access::{Access, Answer, Organization, Place, Unavailable};
use crate::auth::{Deed, Identity, TokenError, Verifier};

/// How many sites are listed at a time.
const PAGE: u16 = 200;

/// Answers from the token verifier, the store and the units.
#[derive(Clone)]
pub struct HubAccess {
    verifier: Verifier,
    store: Store,
    units: Units,
}

impl HubAccess {
    /// Answers from these.
    #[must_use]
    pub const fn new(verifier: Verifier, store: Store, units: Units) -> Self {
        Self { verifier, store, units }
    }

    async fn place_of(&self, channel: ChannelName) -> Result<Option<Place>, StoreError> {
        Ok(match channel {
            ChannelName::Organization(org) => Some(Place { org, site: None }),
            ChannelName::Site(site) => self
                .store
                .find_site(site)
                .await?
                .map(|site| Place { org: site.org, site: Some(site.id) }),
            ChannelName::Unit(unit) => self
                .store
                .site_of_unit(unit)
                .await?
                .map(|(org, site)| Place { org, site: Some(site) }),
        })
    }

    async fn still_hearing(
        &self,
        heard: Vec<(UserId, OrgId)>,
    ) -> Result<HashSet<(UserId, OrgId)>, StoreError> {
        let least = Deed::ReadConfiguration.takes();
        let mut members = self.store.members_among(&heard, least).await?;
        // few are here without being members: operators for a while, and who was just taken out
        for (user, org) in
            heard.into_iter().filter(|pair| !members.contains(pair)).collect::<Vec<_>>()
        {
            let standing = self.store.standing(org, user).await?;
            if standing.is_some_and(|standing| may_hear(standing.role)) {
                members.insert((user, org));
            }
        }
        Ok(members)
    }

    async fn seen_by(&self, user: UserId, org: OrgId) -> Result<Organization, StoreError> {
        let seen = match self.store.standing(org, user).await? {
            Some(_) => self.store.organization(org).await?,
            None => None,
        };
        let mut organization = Organization {
            name: seen.map(|seen| seen.name).unwrap_or_default(),
            sites: Vec::new(),
        };
        let mut query = PageQuery { limit: PAGE, cursor: None };
        loop {
            let page = self.store.sites(org, Life::Present, query).await?;
            organization.sites.extend(page.items.into_iter().map(|site| site.id));
            if page.next.is_none() {
                return Ok(organization);
            }
            query = PageQuery { limit: PAGE, cursor: page.next };
        }
    }
}

/// Sockets show all sites and how they are set up.
fn may_hear(role: Role) -> bool {
    role >= Deed::ReadConfiguration.takes()
}

impl Access for HubAccess {
    fn identify<'a>(&'a self, token: &'a str) -> Answer<'a, Result<Identity, TokenError>> {
        Box::pin(self.verifier.identify(token))
    }

    fn token_generations(
        &self,
        users: Vec<UserId>,
    ) -> Answer<'_, Result<HashMap<UserId, i64>, Unavailable>> {
        Box::pin(async move { self.store.token_generations(&users).await.map_err(unavailable) })
    }

    fn place(&self, channel: ChannelName) -> Answer<'_, Result<Option<Place>, Unavailable>> {
        Box::pin(async move { self.place_of(channel).await.map_err(unavailable) })
    }

    fn is_member(&self, user: UserId, org: OrgId) -> Answer<'_, Result<bool, Unavailable>> {
        Box::pin(async move {
            let standing = self.store.standing(org, user).await.map_err(unavailable)?;
            Ok(standing.is_some_and(|standing| may_hear(standing.role)))
        })
    }

    fn members_among(
        &self,
        heard: Vec<(UserId, OrgId)>,
    ) -> Answer<'_, Result<HashSet<(UserId, OrgId)>, Unavailable>> {
        Box::pin(async move { self.still_hearing(heard).await.map_err(unavailable) })
    }

    fn organization(
        &self,
        user: UserId,
        org: OrgId,
    ) -> Answer<'_, Result<Organization, Unavailable>> {
        Box::pin(async move { self.seen_by(user, org).await.map_err(unavailable) })
    }

    fn activate(&self, site: SiteId) -> Answer<'_, Result<(), Unavailable>> {
        Box::pin(async move { self.units.hear(site).await.map_err(not_activated) })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn unavailable(error: StoreError) -> Unavailable {
    tracing::warn!(%error, "a socket's question could not be answered");
    Unavailable
}

fn not_activated(error: AskError) -> Unavailable {
    tracing::warn!(%error, "a site could not be made live for a socket");
    Unavailable
}
