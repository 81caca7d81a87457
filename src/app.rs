//! Where all is wired: settings in, a running hub out.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use hub_actors::{Bus, Channels, Units, UnitsSettings, channel::ChannelSettings};
use hub_domain::Clock;
use hub_messaging::{email::LinkKeys, telnyx::PublicKeys, text::Texts};
use hub_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{
        Attempts, IngestKeys, Inspectors, Passwords, Rates, SignIns, Signer, Verifier,
        issuers::KeySet,
        link_keys,
        tokens::{Issuer, own_issuer},
    },
    bus::RedisBus,
    clock::{SystemClock, unix_nanos},
    config::{ConfigError, IssuerSettings, Settings},
    follow_up,
    http::{ingest::places::Places, platform, proxies::Proxies, router, server},
    maintenance,
    nodes::{self, Nodes},
    payments::Payments,
    queue_board, rule_changes, telemetry, telnyx,
    ttn::sightings::Sightings,
    workers::Workers,
    ws::{HubAccess, JsonEncoder, Realtime, SocketSettings},
};

/// How long the whole end may take, from the signal to the closed store.
const END_WITHIN: Duration = Duration::from_secs(9);
/// How much of it is kept for the store to close.
const STORE_WITHIN: Duration = Duration::from_secs(1);
/// How long requests in flight may take to finish at the end.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
/// How long sockets may take to close at the end, beside the requests.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How often the store looks after itself.
const UPKEEP_EVERY: Duration = Duration::from_secs(3600);
/// How often it is looked whether the stay of an operator is over.
const STAYS_EVERY: Duration = Duration::from_secs(2);

/// How often the hub says that it hears the sensors; five minutes without that, and it was away.
const BEAT_EVERY: Duration = Duration::from_secs(30);
/// How often rates of keys that are not in use are let go.
const SHED_EVERY: Duration = Duration::from_secs(60);
/// Wrong secrets in a minute before the origin is told to wait.
const FAILURES_BY_ADDRESS: u32 = 30;
const FAILURES_WINDOW: Duration = Duration::from_secs(60);
/// So many connections of operators to the board at most.
const MOST_LOOKERS: usize = 64;

/// What every handler works with. Clones share it.
#[derive(Clone)]
pub struct Hub(Arc<Parts>);

/// The parts of a hub.
pub struct Parts {
    /// What is remembered.
    pub store: Store,
    /// What decides.
    pub units: Units,
    /// The other hubs on the same database.
    pub nodes: Arc<Nodes>,
    /// By which they tell each other, if they do.
    pub bus: Option<Arc<RedisBus>>,
    /// The sockets.
    pub realtime: Realtime,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whose token is it.
    pub verifier: Verifier,
    /// The hub's own sign-in.
    pub signer: Signer,
    /// Keys of senders.
    pub keys: IngestKeys,
    /// Links of inspectors.
    pub inspectors: Inspectors,
    /// How often people may ask.
    pub rates: Rates,
    /// When gateways were last heard.
    pub gateways: Sightings,
    /// Sensors whose kept frames are being read.
    pub reading: follow_up::Reading,
    /// Which rules running units were told.
    pub rules_told: Arc<rule_changes::Told>,
    /// Where readings belong.
    pub places: Places,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Failed sign-ins.
    pub sign_ins: SignIns,
    /// Wrong secrets of webhooks by address.
    pub wrong_secrets: Attempts<IpAddr>,
    /// Where people reach this hub, without a slash at the end.
    pub public_url: String,
    /// The life of a session that nobody refreshes, in seconds.
    pub refresh_secs: u32,
    /// Renders metrics.
    pub metrics: PrometheusHandle,
    /// Who signs what Telnyx reports.
    pub telnyx_keys: PublicKeys,
    /// Every text of messages.
    pub texts: Texts,
    /// Whether mails go out: links to accounts are mailed then, and shown to nobody.
    pub mails: bool,
    /// What links in mails are signed by.
    pub link_keys: LinkKeys,
    /// Stripe, on a hub that has billing.
    pub payments: Option<Payments>,
    /// How to sign in to a demonstration, on such a hub alone.
    pub demo: Option<DemoAccount>,
    /// The hub is to end; it still answers while it hands over.
    leave: CancellationToken,
    /// It answers nothing new.
    stop: CancellationToken,
}

/// How to sign in to a demonstration.
#[derive(Clone)]
pub struct DemoAccount {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// What the board says about it.
    pub note: String,
}

impl Deref for Hub {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Hub {
    /// Erases the organizations that are to be erased, without anybody waiting for it.
    pub fn erase_soon(&self) {
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.finish_erasures().await {
                tracing::warn!(%error, "an erasure was cut short; it goes on within a minute");
            }
        });
    }
}

impl Parts {
    /// Whether the hub is on its way down.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.leave.is_cancelled()
    }

    /// Ready as soon as it is.
    pub async fn stopping(&self) {
        self.leave.cancelled().await;
    }
}

/// A hub that listens.
pub struct App {
    hub: Hub,
    listener: TcpListener,
    board: Option<TcpListener>,
    workers: Option<Workers>,
    settings: Settings,
}

/// Takes the address that the settings name. Done before anything is changed on disk.
///
/// # Errors
/// When it cannot be had.
pub async fn listen(settings: &Settings) -> Result<TcpListener, ConfigError> {
    listen_on(settings.listen, "--listen, HUB_LISTEN").await
}

async fn listen_on(address: SocketAddr, setting: &str) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address).await.map_err(|error| {
        ConfigError(format!("the hub cannot listen on {address} ({setting}): {error}"))
    })
}

/// Takes the address of the queues' board, if the settings name one.
async fn listen_for_board(settings: &Settings) -> Result<Option<TcpListener>, ConfigError> {
    let Some(address) = settings.board_listen else { return Ok(None) };
    let board = listen_on(address, "--board-listen, HUB_BOARD_LISTEN").await?;
    if let Ok(address) = board.local_addr() {
        tracing::info!(%address, "the queues' board listens");
    }
    Ok(Some(board))
}

impl App {
    /// Starts a hub on an open store. Requests are answered from [`App::run`] on.
    ///
    /// # Errors
    /// When a part of it cannot be started; the sentence says which.
    pub async fn start(
        settings: Settings,
        listener: TcpListener,
        store: Store,
        demo: Option<DemoAccount>,
    ) -> anyhow::Result<Self> {
        let metrics = telemetry::start_metrics()?;
        let board = listen_for_board(&settings).await?;
        let hub = start_hub(&settings, listener.local_addr()?, store, metrics, demo).await?;
        let workers = if settings.works {
            Workers::start(&hub.store, &settings, hub.public_url.clone()).await?
        } else {
            None
        };
        Ok(Self { hub, listener, board, workers, settings })
    }

    /// `http://HOST:PORT`, with the port that was taken.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn url(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }

    /// Serves until `stopped` is ready, then ends in order: units are handed to other nodes, if there are any; then no
    /// new connections, requests in flight finish, sockets are sent to come back, units are drained, the store is closed.
    pub async fn run(self, stopped: impl Future<Output = ()>) {
        let Self { hub, listener, board, workers, settings } = self;
        let router = router(hub.clone(), &settings.origins);
        let stop = hub.stop.clone();
        let looked_after = tokio::spawn(look_after(hub.clone()));
        let around = tokio::spawn(nodes::look_after(hub.clone(), hub.leave.clone()));
        let told = hub.bus.clone().map(|bus| tokio::spawn(bus.run(hub.units.clone())));
        let maintained = tokio::spawn(maintenance::look_after(hub.clone()));
        let taken_up = tokio::spawn(follow_up::take_up(hub.clone()));
        let ruled = tokio::spawn(rule_changes::look_after(hub.clone()));
        let reported = tokio::spawn(telnyx::look_after(hub.clone()));
        let proxies = Proxies::new(settings.trusted_proxies);
        let shown = tokio::spawn(show_board(hub.clone(), board, proxies.clone()));
        let served = tokio::spawn(server::serve(
            listener,
            router,
            proxies,
            settings.max_connections,
            stop.clone(),
            FINISH_WITHIN,
        ));
        stopped.await;
        tracing::info!("the hub is stopping");
        let end_by = Instant::now() + END_WITHIN;
        hub.leave.cancel();
        nodes::leave(&hub, around).await;
        stop.cancel();
        let worked = async {
            if let Some(workers) = workers {
                workers.stop().await
            }
        };
        let closed = hub.realtime.sessions().close_all(CLOSE_WITHIN);
        let (_, _, _, ()) = tokio::join!(closed, served, shown, worked);
        looked_after.abort();
        maintained.abort();
        taken_up.abort();
        ruled.abort();
        reported.abort();
        hub.payments.iter().for_each(Payments::stop);
        finish(&hub, end_by).await;
        told.iter().for_each(JoinHandle::abort);
        tracing::info!("the hub has stopped");
    }
}

/// Serves the board of the queues until the hub stops, if there is one.
async fn show_board(hub: Hub, listener: Option<TcpListener>, proxies: Proxies) {
    let Some((listener, board)) = listener.zip(queue_board::router(&hub)) else { return };
    server::serve(listener, board, proxies, MOST_LOOKERS, hub.stop.clone(), FINISH_WITHIN).await;
}

/// Drains the units and closes the store, whatever either is doing by the end.
async fn finish(hub: &Hub, end_by: Instant) {
    let drained_by = end_by - STORE_WITHIN;
    let left = drained_by.saturating_duration_since(Instant::now());
    if timeout_at(drained_by, hub.units.stop(left)).await.is_err() {
        tracing::warn!("units were not drained in time; what was answered is stored");
    }
    if timeout_at(end_by, hub.store.close()).await.is_err() {
        tracing::warn!("the store did not close in time; what was answered is stored");
    }
}

async fn start_hub(
    settings: &Settings,
    listens_on: SocketAddr,
    store: Store,
    metrics: PrometheusHandle,
    demo: Option<DemoAccount>,
) -> anyhow::Result<Hub> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (signer, own_keys) = Signer::load(&store, clock.now(), settings.token_secs).await?;
    let link_keys = link_keys(&store, clock.now()).await?;
    let mut issuers = vec![own_issuer(KeySet::own(store.clone(), own_keys))];
    for issuer in settings.issuers.clone() {
        issuers.push(issuer_of(issuer)?);
    }
    let verifier = Verifier::new(issuers, store.clone(), Arc::clone(&clock));
    let channels =
        Channels::new(Arc::new(JsonEncoder), Arc::new(unix_nanos), ChannelSettings::default());
    let rules_told =
        rule_changes::Told::load(&store).await.context("the rules in force cannot be read")?;
    // before anything is found silent: was the hub away?
    store.beat().await.context("it cannot be kept that the hub is here")?;
    let nodes = Arc::new(Nodes::new(listens_on, settings.node_url.clone())?);
    let seen = nodes.look_around(&store, &mut nodes::Hearing::default()).await;
    let seen = seen.context("it cannot be said that this node is here")?;
    let bus = bus_of(settings, &store, &nodes)?;
    let peers = Arc::clone(&nodes);
    let placed = UnitsSettings {
        node: Some(nodes.me().id),
        nodes: seen.nodes,
        peers: Some(peers),
        bus: bus.clone().map(|bus| bus as Arc<dyn Bus>),
        ..UnitsSettings::default()
    };
    let units = Units::start(store.clone(), Arc::clone(&clock), channels.clone(), placed);
    let units = units.await.context("the units cannot be started")?;
    let access = HubAccess::new(verifier.clone(), store.clone(), units.clone());
    let sockets =
        SocketSettings { origins: settings.socket_origins.clone(), ..SocketSettings::default() };
    let realtime = Realtime::start(Arc::new(access), channels.clone(), sockets, Arc::clone(&clock));
    let payments = Payments::start(settings.billing.as_ref(), &store, &clock)?;
    let public_url = settings.public_url.clone();
    let public_url = public_url.unwrap_or_else(|| format!("http://{listens_on}"));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(Hub(Arc::new(Parts {
        keys: IngestKeys::new(store.clone(), settings.each_sender, settings.senders_together),
        inspectors: Inspectors::new(store.clone()),
        rates: Rates::new(settings.shares),
        gateways: Sightings::default(),
        reading: follow_up::Reading::default(),
        rules_told: Arc::new(rules_told),
        places: Places::new(store.clone()),
        passwords: Passwords::new(cores),
        sign_ins: SignIns::new(),
        wrong_secrets: Attempts::new(FAILURES_BY_ADDRESS, FAILURES_WINDOW),
        leave: CancellationToken::new(),
        stop: CancellationToken::new(),
        public_url,
        refresh_secs: settings.refresh_secs,
        mails: settings.messages.has_mail() && store.job_pool().is_some(),
        store,
        units,
        nodes,
        bus,
        realtime,
        clock,
        verifier,
        signer,
        metrics,
        telnyx_keys: settings.messages.telnyx_keys.clone(),
        link_keys,
        texts: Texts::new().context("the texts of messages cannot be read")?,
        payments,
        demo,
    })))
}

/// The bus, where the settings name one and there may be others to be told.
fn bus_of(
    settings: &Settings,
    store: &Store,
    nodes: &Nodes,
) -> anyhow::Result<Option<Arc<RedisBus>>> {
    let Some(url) = &settings.redis_url else { return Ok(None) };
    if !store.is_shared() {
        tracing::warn!("REDIS_URL is not used: one hub alone works on such a database");
        return Ok(None);
    }
    let bus = RedisBus::new(url.expose_secret(), nodes.me().id)
        .context("Redis cannot be used (REDIS_URL)")?;
    Ok(Some(Arc::new(bus)))
}

fn issuer_of(settings: IssuerSettings) -> anyhow::Result<Issuer> {
    Ok(Issuer {
        names: settings.issuer.all(),
        audience: settings.audience,
        algorithms: settings.algorithms,
        rules: settings.claims,
        keys: KeySet::published_at(settings.jwks_url)?,
    })
}

/// Small regular work, until it is aborted.
async fn look_after(hub: Hub) {
    let mut shed = tokio::time::interval(SHED_EVERY);
    let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
    let mut stays = tokio::time::interval(STAYS_EVERY);
    let mut sweep = tokio::time::interval(follow_up::SWEEP_EVERY);
    let mut beats = tokio::time::interval(BEAT_EVERY);
    follow_up::begin(&hub).await;
    loop {
        tokio::select! {
            _ = shed.tick() => {
                hub.erase_soon();
                hub.keys.shed();
                hub.rates.shed();
            }
            _ = sweep.tick() => follow_up::sweep(&hub).await,
            _ = beats.tick() => {
                if let Err(error) = hub.store.beat().await {
                    tracing::warn!(%error, "it cannot be kept that the hub is here; tried again");
                }
            }
            _ = stays.tick() => platform::end_due(&hub).await,
            _ = upkeep.tick() => {
                if let Err(error) = hub.store.upkeep(hub.clock.now()).await {
                    tracing::warn!(%error, "upkeep of the store failed; it is tried again in an hour");
                }
            }
        }
    }
}
