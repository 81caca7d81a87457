//! Subscribing: who may, from where on, and what the reply carries.

use std::time::Duration;

use hub_actors::channel::{ChannelName, Publication, Start, Subscription};
use hub_domain::UserId;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{
    access::{Answer, Place, Unavailable},
    codes::{Close, Refused},
    command::{HistoryIn, SubscribeIn, UnsubscribeIn},
    encode::{PublicationOut, SnapshotOut},
    reply::{EmptyOut, HistoryOut, SubscribeOut, epoch_text, position},
    session::{End, Session},
    sessions::Unsubscribed,
};

/// How often a subscription is tried while its channel comes and goes.
const TRIES: usize = 5;

/// The flag by which a client asks for error 112 where its position cannot be recovered.
const REJECT_UNRECOVERED: u64 = 2;

/// How long an answer of the rest of the hub may take; waking a site reads all its units.
const ASKED_WITHIN: Duration = Duration::from_secs(20);

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Whether the socket has all the channels it may have.
    pub(super) fn is_full(&self) -> bool {
        self.seat.held() >= self.shared.settings.channels_per_socket
    }

    pub(super) async fn subscribe(
        &mut self,
        user: UserId,
        id: u64,
        request: Result<SubscribeIn, Refused>,
    ) -> Result<Result<(), Refused>, End> {
        let begun = match request.and_then(|request| Ok((named(&request.channel)?, request))) {
            Ok((channel, request)) => {
                self.begin(user, channel, &request).await.map(|begun| (request, begun))
            }
            Err(refused) => return Ok(Err(refused)),
        };
        match begun {
            Ok((request, begun)) => {
                self.replies.answer(id, "subscribe", &reply(&request, &begun));
                Ok(Ok(()))
            }
            Err(Unsubscribed::Refused(refused)) => Ok(Err(refused)),
            Err(Unsubscribed::TooMany) => Err(Close::CONNECTION_LIMIT.into()),
            Err(Unsubscribed::Again | Unsubscribed::NotLive) => Ok(Err(Refused::Internal)),
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        id: u64,
        request: Result<UnsubscribeIn, Refused>,
    ) -> Result<(), Refused> {
        self.seat.unsubscribe(named(&request?.channel)?);
        self.replies.answer(id, "unsubscribe", &EmptyOut {});
        Ok(())
    }

    pub(super) async fn history(
        &mut self,
        user: UserId,
        id: u64,
        request: Result<HistoryIn, Refused>,
    ) -> Result<(), Refused> {
        let request = request?;
        let channel = named(&request.channel)?;
        self.admit(user, channel).await?;
        let since = request.since.as_ref();
        let since = since
            .map(|s| position(&s.epoch, s.offset).ok_or(Refused::UnrecoverablePosition))
            .transpose()?;
        let history = self.shared.channels.history(channel, since).ok_or(Refused::NotAvailable)?;
        let mut publications = history.publications.ok_or(Refused::UnrecoverablePosition)?;
        cut(&mut publications, request.limit, request.reverse);
        self.replies.answer(
            id,
            "history",
            &HistoryOut {
                publications: publications.iter().map(PublicationOut::from).collect(),
                epoch: epoch_text(history.position.epoch),
                offset: history.position.offset,
            },
        );
        Ok(())
    }

    async fn begin(
        &mut self,
        user: UserId,
        channel: ChannelName,
        request: &SubscribeIn,
    ) -> Result<Subscription, Unsubscribed> {
        if self.seat.holds(channel) {
            return Err(Unsubscribed::Refused(Refused::AlreadySubscribed));
        }
        let since = request.recover.then(|| position(&request.epoch, request.offset)).flatten();
        for _ in 0..TRIES {
            let edits = self.seat.memberships().edits();
            let place = self.admit(user, channel).await.map_err(Unsubscribed::Refused)?;
            if place.site.is_none() {
                self.wake_all(user, place).await.map_err(Unsubscribed::Refused)?;
            }
            match self.seat.subscribe(channel, place.org, since, edits) {
                Ok(begun) => return self.unless_rejected(channel, request, begun),
                Err(Unsubscribed::NotLive) => {
                    self.wake(place).await.map_err(Unsubscribed::Refused)?
                }
                Err(Unsubscribed::Again) => {}
                Err(refused) => return Err(refused),
            }
        }
        Err(Unsubscribed::NotLive)
    }

    fn unless_rejected(
        &self,
        channel: ChannelName,
        request: &SubscribeIn,
        begun: Subscription,
    ) -> Result<Subscription, Unsubscribed> {
        let is_lost = request.recover && matches!(begun.start, Start::Snapshot(_));
        if is_lost && request.flag & REJECT_UNRECOVERED != 0 {
            self.seat.unsubscribe(channel);
            return Err(Unsubscribed::Refused(Refused::UnrecoverablePosition));
        }
        Ok(begun)
    }

    /// The channel's place, if the user may hear it. What is somebody else's is refused like what does not exist.
    async fn admit(&mut self, user: UserId, channel: ChannelName) -> Result<Place, Refused> {
        let place = match known_place(&self.shared.channels, channel) {
            Some(place) => Some(place),
            None => asked(self.shared.access.place(channel)).await?,
        };
        let place = place.ok_or(Refused::PermissionDenied)?;
        let edits = self.seat.memberships().edits();
        if !self.seat.memberships().holds(user, place.org) {
            if !asked(self.shared.access.is_member(user, place.org)).await? {
                return Err(Refused::PermissionDenied);
            }
            self.seat.memberships().remember(user, place.org, edits);
        }
        Ok(place)
    }

    async fn wake(&mut self, place: Place) -> Result<(), Refused> {
        match place.site {
            Some(site) => asked(self.shared.access.activate(site)).await,
            None => Ok(()),
        }
    }

    /// Wakes every site of an organization: its snapshot is to have them all.
    async fn wake_all(&mut self, user: UserId, place: Place) -> Result<(), Refused> {
        let organization = asked(self.shared.access.organization(user, place.org)).await?;
        for site in organization.sites {
            if !self.shared.channels.is_live(site) {
                asked(self.shared.access.activate(site)).await?;
            }
        }
        self.shared.channels.name_organization(place.org, &organization.name);
        Ok(())
    }
}

fn named(channel: &str) -> Result<ChannelName, Refused> {
    channel.parse().map_err(|_| Refused::UnknownChannel)
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

/// Keeps what the client asked for: a limit of 0 wants no publication, a negative one all of them.
fn cut(publications: &mut Vec<Publication>, limit: i64, newest_first: bool) {
    if newest_first {
        publications.reverse();
    }
    if let Ok(limit) = usize::try_from(limit) {
        publications.truncate(limit);
    }
}

fn reply<'a>(request: &SubscribeIn, begun: &'a Subscription) -> SubscribeOut<'a> {
    let (publications, data) = match &begun.start {
        Start::Resumed(missed) => (Some(missed.iter().map(PublicationOut::from).collect()), None),
        Start::Snapshot(snapshot) => (None, Some(SnapshotOut::from(snapshot))),
    };
    SubscribeOut {
        recoverable: true,
        positioned: true,
        epoch: epoch_text(begun.position.epoch),
        offset: begun.position.offset,
        was_recovering: request.recover,
        recovered: request.recover.then_some(data.is_none()),
        publications,
        data,
    }
}
