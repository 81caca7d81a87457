//! Who may hear a channel, and how they begin to: the same for sockets and for plain HTTP readers.

use std::time::Duration;

use hub_actors::channel::{ChannelName, Position, Subscription};
use hub_domain::UserId;
use tokio::time::timeout;

use super::{
    Shared,
    access::{Answer, Place, Unavailable},
    codes::Refused,
    sessions::{Seat, Unsubscribed},
};

/// How often a subscription is tried while its channel comes and goes.
const TRIES: usize = 5;

/// How long an answer of the rest of the hub may take; waking a site reads all its units.
const ASKED_WITHIN: Duration = Duration::from_secs(20);

/// Somebody who is signed in, with their place in the register.
pub(super) struct Hearing<'a> {
    shared: &'a Shared,
    seat: &'a Seat,
    user: UserId,
}

impl<'a> Hearing<'a> {
    pub(super) const fn new(shared: &'a Shared, seat: &'a Seat, user: UserId) -> Self {
        Self { shared, seat, user }
    }

    /// Subscribes, from `since` on where that is still known.
    pub(super) async fn begin(
        &self,
        channel: ChannelName,
        since: Option<Position>,
    ) -> Result<Subscription, Unsubscribed> {
        if self.seat.holds(channel) {
            return Err(Unsubscribed::Refused(Refused::AlreadySubscribed));
        }
        for _ in 0..TRIES {
            let edits = self.seat.memberships().edits();
            let place = self.admit(channel).await.map_err(Unsubscribed::Refused)?;
            if place.site.is_none() {
                self.wake_all(place).await.map_err(Unsubscribed::Refused)?;
            }
            match self.seat.subscribe(channel, place.org, since, edits) {
                Err(Unsubscribed::NotLive) => {
                    self.wake(place).await.map_err(Unsubscribed::Refused)?
                }
                Err(Unsubscribed::Again) => {}
                settled => return settled,
            }
        }
        Err(Unsubscribed::NotLive)
    }

    /// The channel's place, if the user may hear it. What is somebody else's is refused like what does not exist.
    pub(super) async fn admit(&self, channel: ChannelName) -> Result<Place, Refused> {
        let place = match known_place(&self.shared.channels, channel) {
            Some(place) => Some(place),
            None => asked(self.shared.access.place(channel)).await?,
        };
        let place = place.ok_or(Refused::PermissionDenied)?;
        let edits = self.seat.memberships().edits();
        if !self.seat.memberships().holds(self.user, place.org) {
            if !asked(self.shared.access.is_member(self.user, place.org)).await? {
                return Err(Refused::PermissionDenied);
            }
            self.seat.memberships().remember(self.user, place.org, edits);
        }
        Ok(place)
    }

    async fn wake(&self, place: Place) -> Result<(), Refused> {
        match place.site {
            Some(site) => asked(self.shared.access.activate(site)).await,
            None => Ok(()),
        }
    }

    /// Wakes every site of an organization: its snapshot is to have them all.
    async fn wake_all(&self, place: Place) -> Result<(), Refused> {
        let organization = asked(self.shared.access.organization(self.user, place.org)).await?;
        for site in organization.sites {
            if !self.shared.channels.is_live(site) {
                asked(self.shared.access.activate(site)).await?;
            }
        }
        self.shared.channels.name_organization(place.org, &organization.name);
        Ok(())
    }
}

fn known_place(channels: &hub_actors::Channels, channel: ChannelName) -> Option<Place> {
    match channel {
        ChannelName::Organization(org) => Some(Place { org, site: None }),
        ChannelName::Site(site) => {
            channels.organization_of(site).map(|org| Place { org, site: Some(site) })
        }
        ChannelName::Unit(unit) => {
            let site = channels.site_of(unit)?;
            channels.organization_of(site).map(|org| Place { org, site: Some(site) })
        }
    }
}

async fn asked<T>(answer: Answer<'_, Result<T, Unavailable>>) -> Result<T, Refused> {
    match timeout(ASKED_WITHIN, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Unavailable)) | Err(_) => Err(Refused::Internal),
    }
}
