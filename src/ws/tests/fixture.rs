//! A server on a free port with one organization, its site and three units.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use hub_actors::{
    Channels, ShownUnit, UnitUpdate,
    channel::{ChannelName, ChannelSettings},
};
use hub_domain::{
    AlertEventKind, AlertId, AlertKind, AlertStatus, Clock, DoorState, LinkState, ManualLogState,
    MilliCelsius, OrgId, Severity, SiteId, Status, Timestamp, UnitId, UnitView, UserId,
    thermal::Thermal,
};
use hub_store::records::{AlertRecord, Edition, Site};
use hub_testkit::socket::Socket;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    auth::{Identity, TokenError},
    ws::{
        Access, Answer, JsonEncoder, Organization, Place, Realtime, SocketSettings, Unavailable,
        event_routes, routes,
    },
};

pub(super) const ORG: OrgId = OrgId(Uuid::from_u128(1));
pub(super) const FOREIGN_ORG: OrgId = OrgId(Uuid::from_u128(10));
pub(super) const SITE: SiteId = SiteId(Uuid::from_u128(2));
pub(super) const SLEEPING_SITE: SiteId = SiteId(Uuid::from_u128(3));
pub(super) const FOREIGN_SITE: SiteId = SiteId(Uuid::from_u128(20));
pub(super) const ANN: UserId = UserId(Uuid::from_u128(100));
pub(super) const BOB: UserId = UserId(Uuid::from_u128(101));

pub(super) const SOON: Duration = Duration::from_secs(10);

/// 2026-11-20T08:00:00Z
const NOW: Timestamp = Timestamp::from_millis(1_795_161_600_000);

pub(super) struct Fixture {
    pub(super) channels: Channels,
    pub(super) realtime: Realtime,
    pub(super) access: Arc<StandIn>,
    pub(super) address: String,
}

/// The rest of the hub. A token reads `user` or `user for 3 s`.
pub(super) struct StandIn {
    pub(super) members: Mutex<HashSet<(UserId, OrgId)>>,
    /// That of everybody's good tokens.
    pub(super) generation: AtomicI64,
    channels: Channels,
}

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        NOW
    }
}

pub(super) async fn fixture() -> Fixture {
    fixture_with(SocketSettings::default(), ChannelSettings::default()).await
}

pub(super) async fn fixture_with(settings: SocketSettings, channels: ChannelSettings) -> Fixture {
    let channels =
        Channels::new(Arc::new(JsonEncoder), Arc::new(|| 1_795_161_600_000_000_000), channels);
    channels.adopt_site(site(SITE), (1..=3).map(|number| shown(number, 0)).collect(), vec![]);
    let members = Mutex::new(HashSet::from([(ANN, ORG), (BOB, ORG)]));
    let access =
        Arc::new(StandIn { members, generation: AtomicI64::new(0), channels: channels.clone() });
    let realtime =
        Realtime::start(Arc::clone(&access) as _, channels.clone(), settings, Arc::new(Standing));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = routes(realtime.clone()).merge(event_routes(realtime.clone()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Fixture { channels, realtime, access, address }
}

impl Fixture {
    pub(super) fn url(&self) -> String {
        format!("ws://{}/connection/websocket", self.address)
    }

    pub(super) async fn socket(&self, token: &str) -> Socket {
        Socket::connect(&self.url(), token).await.unwrap()
    }

    /// A socket that hears the site, with the subscribe reply.
    pub(super) async fn listening(&self, token: &str) -> (Socket, Value) {
        let mut socket = self.socket(token).await;
        let reply = socket.subscribe(&site_channel()).await.unwrap();
        (socket, reply)
    }

    pub(super) fn publish(&self, number: u128, seq: u64) {
        self.channels.publish(UnitUpdate { shown: shown(number, seq), alerts: vec![] });
    }

    pub(super) fn publish_alert(&self, id: u128, number: u128, seq: u64) {
        let mut shown = shown(number, seq);
        shown.view.status = Status::Excursion;
        self.channels.publish(UnitUpdate {
            shown,
            alerts: vec![(AlertEventKind::Opened, alert(id, number))],
        });
    }
}

pub(super) fn site_channel() -> String {
    ChannelName::Site(SITE).to_string()
}

pub(super) fn error_code(reply: &Value) -> u64 {
    reply["error"]["code"].as_u64().unwrap_or_else(|| panic!("no error: {reply}"))
}

/// What `subscribe` answers for a channel, error or not.
pub(super) async fn subscribing(socket: &mut Socket, channel: &str) -> Value {
    socket.command("subscribe", json!({ "channel": channel })).await.unwrap()
}

fn site(id: SiteId) -> Site {
    Site {
        id,
        org: ORG,
        name: "Kitchen".into(),
        timezone: "UTC".into(),
        requires_corrective_action: false,
        created_at: NOW,
        edition: Edition::default(),
    }
}

pub(super) fn shown(number: u128, seq: u64) -> ShownUnit {
    let view = UnitView {
        status: Status::Ok,
        thermal: Thermal::Ok,
        link: LinkState::Online,
        door: DoorState::Unknown,
        manual_log: ManualLogState::NotDue,
        mode: "normal",
        temperature: Some(MilliCelsius(4_250)),
        humidity: None,
        recorded_at: Some(NOW),
        received_at: Some(NOW),
        open_alerts: 0,
    };
    ShownUnit {
        org: ORG,
        site: SITE,
        unit: UnitId(Uuid::from_u128(number)),
        name: "Walk-in \"1\" <ä>".into(),
        view,
        high_limit: Some(MilliCelsius(8_000)),
        low_limit: Some(MilliCelsius(2_000)),
        confirm_at: None,
        seq,
        progress: hub_actors::Progress::default(),
    }
}

pub(super) fn alert(id: u128, number: u128) -> AlertRecord {
    AlertRecord {
        id: AlertId(Uuid::from_u128(id)),
        org: ORG,
        site: SITE,
        unit: UnitId(Uuid::from_u128(number)),
        kind: AlertKind::TemperatureHigh,
        severity: Severity::Warning,
        status: AlertStatus::Active,
        opened_at: NOW,
        confirmed_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: None,
        resolved_by: None,
        temperature: Some(MilliCelsius(9_400)),
        limit: Some(MilliCelsius(8_000)),
        peak: Some(MilliCelsius(9_400)),
        rule_version: 3,
    }
}

fn identity(token: &str) -> Result<Identity, TokenError> {
    let (name, secs) = token.split_once(" for ").unwrap_or((token, "3600"));
    let user = match name {
        "ann" => ANN,
        "bob" => BOB,
        "stranger" => UserId(Uuid::from_u128(102)),
        "expired" => return Err(TokenError::Expired),
        "away" => return Err(TokenError::Unavailable),
        "too new" => return Err(TokenError::UnknownKey),
        _ => return Err(TokenError::Invalid),
    };
    Ok(Identity { user, expires_at: NOW.plus_secs(secs.parse().unwrap()), generation: Some(0) })
}

impl Access for StandIn {
    fn identify<'a>(&'a self, token: &'a str) -> Answer<'a, Result<Identity, TokenError>> {
        Box::pin(async move { identity(token) })
    }

    fn token_generations(
        &self,
        users: Vec<UserId>,
    ) -> Answer<'_, Result<HashMap<UserId, i64>, Unavailable>> {
        let generation = self.generation.load(Ordering::SeqCst);
        Box::pin(async move { Ok(users.into_iter().map(|user| (user, generation)).collect()) })
    }

    fn place(&self, channel: ChannelName) -> Answer<'_, Result<Option<Place>, Unavailable>> {
        let place = match channel {
            ChannelName::Site(SLEEPING_SITE) => Some(Place { org: ORG, site: Some(SLEEPING_SITE) }),
            ChannelName::Site(FOREIGN_SITE) => {
                Some(Place { org: FOREIGN_ORG, site: Some(FOREIGN_SITE) })
            }
            ChannelName::Organization(org) => Some(Place { org, site: None }),
            _ => None,
        };
        Box::pin(async move { Ok(place) })
    }

    fn is_member(&self, user: UserId, org: OrgId) -> Answer<'_, Result<bool, Unavailable>> {
        Box::pin(async move { Ok(self.members.lock().unwrap().contains(&(user, org))) })
    }

    fn members_among(
        &self,
        heard: Vec<(UserId, OrgId)>,
    ) -> Answer<'_, Result<HashSet<(UserId, OrgId)>, Unavailable>> {
        Box::pin(async move {
            let members = self.members.lock().unwrap();
            Ok(heard.into_iter().filter(|pair| members.contains(pair)).collect())
        })
    }

    fn organization(&self, _: UserId, _: OrgId) -> Answer<'_, Result<Organization, Unavailable>> {
        Box::pin(async {
            Ok(Organization { name: "Acme".into(), sites: vec![SITE, SLEEPING_SITE] })
        })
    }

    fn activate(&self, id: SiteId) -> Answer<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            self.channels.adopt_site(site(id), vec![], vec![]);
            Ok(())
        })
    }
}
