//! The root: starts a site's supervisor when somebody asks for the site, and forgets one that ended.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use hub_domain::SiteId;
use hub_store::records::LoadedSite;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{
    answer::AskError,
    directory::Directory,
    site::{SiteActor, folded},
    unit::{Ask, UnitTools},
};

/// How long a site may take to end that is let go. It ends later, too, and commits nothing meanwhile.
const LET_GO_WITHIN: Duration = Duration::from_secs(2);

/// What the root is asked.
pub(crate) enum RootMessage {
    /// Make sure that these sites are live.
    Activate(Vec<SiteId>, Ask<Result<(), AskError>>),
    /// This site was deleted: end it and its channel.
    Forget(SiteId, Ask<()>),
    /// These sites are another node's, and stored like this: show them, unless they are live here.
    Follow(Vec<LoadedSite>, Ask<()>),
    /// These sites are another node's: end those that are held under an older epoch than this.
    LetGo(Vec<(SiteId, i64)>, Ask<()>),
}

/// The root of the tree.
pub(crate) struct RootActor {
    pub(crate) tools: Arc<UnitTools>,
    pub(crate) directory: Arc<Directory>,
}

impl Actor for RootActor {
    type Msg = RootMessage;
    type State = HashMap<ActorId, SiteId>;
    type Arguments = ();

    async fn pre_start(
        &self,
        _me: ActorRef<RootMessage>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(HashMap::new())
    }

    async fn handle(
        &self,
        me: ActorRef<RootMessage>,
        message: RootMessage,
        sites: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMessage::Activate(wanted, ask) => ask.tell(self.activate(&me, sites, wanted).await),
            RootMessage::Forget(site, ask) => {
                self.forget(site);
                ask.tell(());
            }
            RootMessage::Follow(peeked, ask) => {
                peeked.into_iter().for_each(|site| self.follow(site));
                ask.tell(());
            }
            RootMessage::LetGo(lost, ask) => {
                join_all(lost.into_iter().map(|(site, epoch)| self.let_go(site, epoch))).await;
                ask.tell(());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _me: ActorRef<RootMessage>,
        event: SupervisionEvent,
        sites: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                if let Some(site) = sites.remove(&cell.get_id()) {
                    tracing::error!(site.id = %site, %error, "site ended; it starts anew when asked for");
                    self.directory.remove_site(site, &[]);
                }
            }
            SupervisionEvent::ActorTerminated(cell, _, _) => drop(sites.remove(&cell.get_id())),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl RootActor {
    /// Here and not in the caller, so that no loading of the site is under way.
    fn forget(&self, site: SiteId) {
        if let Some(actor) = self.directory.site(site) {
            actor.stop(Some("the site was deleted".to_owned()));
        }
        self.tools.channels.remove_site(site);
    }

    /// Here and not in whoever looked, so that what was read before a site became live here is not shown after it.
    fn follow(&self, peeked: LoadedSite) {
        let LoadedSite { site, owner_epoch, units, alerts, broken: _ } = peeked;
        if self.directory.site(site.id).is_some() {
            return;
        }
        let now = self.tools.clock.now();
        let folded = units.into_iter().filter_map(|unit| folded(unit, owner_epoch, now));
        let shown = folded.map(|unit| unit.shown()).collect();
        self.tools.channels.follow_site(site, shown, alerts);
    }

    /// Returns once nothing of the site runs here any more, so that whoever asks next finds it gone.
    async fn let_go(&self, site: SiteId, epoch: i64) {
        if self.directory.site_epoch(site).is_some_and(|held| held >= epoch) {
            return; // it was taken back since
        }
        if let Some(actor) = self.directory.site(site) {
            let reason = "another node looks after the site".to_owned();
            actor.stop_and_wait(Some(reason), Some(LET_GO_WITHIN)).await.ok();
        }
        self.tools.channels.let_go(site);
    }

    /// Loads the sites that are not live in one go: a cold start of thousands asks the store a few times only.
    async fn activate(
        &self,
        me: &ActorRef<RootMessage>,
        sites: &mut HashMap<ActorId, SiteId>,
        mut wanted: Vec<SiteId>,
    ) -> Result<(), AskError> {
        wanted.retain(|site| self.directory.site(*site).is_none());
        if wanted.is_empty() {
            return Ok(());
        }
        let edits = self.tools.rule_edits.load(Ordering::Acquire);
        let loaded = self.tools.store.load_sites(&wanted).await.map_err(|error| {
            tracing::warn!(%error, "sites could not be loaded");
            AskError::Unavailable
        })?;
        for loaded in loaded {
            let site = loaded.site.id;
            let actor = SiteActor {
                tools: Arc::clone(&self.tools),
                directory: Arc::clone(&self.directory),
            };
            match Actor::spawn_linked(None, actor, (loaded, edits), me.get_cell()).await {
                Ok((actor, _)) => drop(sites.insert(actor.get_id(), site)),
                // the others must not wait for it; the scan for due units asks again
                Err(error) => {
                    tracing::error!(site.id = %site, %error, "site could not be started");
                }
            }
        }
        Ok(())
    }
}
