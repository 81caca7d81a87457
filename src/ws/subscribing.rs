//! Subscribing: who may, from where on, and what the reply carries.

use hub_actors::channel::{ChannelName, Publication, Start, Subscription};
use hub_domain::UserId;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    codes::{Close, Refused},
    command::{HistoryIn, SubscribeIn, UnsubscribeIn},
    encode::{PublicationOut, SnapshotOut},
    hearing::Hearing,
    reply::{EmptyOut, HistoryOut, SubscribeOut, epoch_text, position},
    session::{End, Session},
    sessions::Unsubscribed,
};

/// The flag by which a client asks for error 112 where its position cannot be recovered.
const REJECT_UNRECOVERED: u64 = 2;

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
        Hearing::new(&self.shared, &self.seat, user).admit(channel).await?;
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
        let since = request.recover.then(|| position(&request.epoch, request.offset)).flatten();
        let begun = Hearing::new(&self.shared, &self.seat, user).begin(channel, since).await?;
        let is_lost = request.recover && matches!(begun.start, Start::Snapshot(_));
        if is_lost && request.flag & REJECT_UNRECOVERED != 0 {
            self.seat.unsubscribe(channel);
            return Err(Unsubscribed::Refused(Refused::UnrecoverablePosition));
        }
        Ok(begun)
    }
}

fn named(channel: &str) -> Result<ChannelName, Refused> {
    channel.parse().map_err(|_| Refused::UnknownChannel)
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
