//! Organizations with units and with people of their own to each place, so that nobody's messages are grouped with those
//! of another place.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use hub_testkit::{
    api::{Api, id},
    contract_mock::ContractMock,
    hub::{HubBuilder, HubProcess},
    mail_sink::MailSink,
    postgres::PrivatePostgres,
    rows::Rows,
    wait,
};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::judge::Told;
use crate::{edge::ago, promises::Backend, telling::World};

/// Requests that make things are under way at once.
const AT_ONCE: usize = 8;

/// A hub, its partners, and a look past it into its database.
pub(crate) struct Stand {
    pub(crate) world: World,
    pub(crate) rows: Rows,
    made: usize,
}

/// What an organization is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) places: usize,
    /// In each place.
    pub(crate) units: usize,
    /// In each place, told of its units alone.
    pub(crate) people: usize,
    pub(crate) channels: &'static [&'static str],
}

/// An organization.
pub(crate) struct Company {
    pub(crate) api: Api,
    pub(crate) places: Vec<Place>,
    pub(crate) channels: &'static [&'static str],
}

/// A site.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) units: Vec<Named>,
    pub(crate) people: Vec<Person>,
}

/// A unit.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A contact whose phone is theirs.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) phone: String,
    pub(crate) email: String,
}

/// The server of the trials: they have more connections than the other tests' server has to give.
pub(crate) fn server() -> &'static PrivatePostgres {
    static SERVER: LazyLock<PrivatePostgres> =
        LazyLock::new(|| PrivatePostgres::start().expect("a private PostgreSQL starts"));
    &SERVER
}

/// A new database, or `None` for the hub's own file.
pub(crate) async fn database(backend: Backend) -> Option<String> {
    match backend {
        Backend::Sqlite => None,
        Backend::Postgres => {
            Some(tokio::task::spawn_blocking(|| server().create_database()).await.unwrap())
        }
    }
}

impl Stand {
    /// `None` where there are no contracts to judge by.
    pub(crate) async fn begin(
        backend: Backend,
        shape: impl FnOnce(HubBuilder, &ContractMock, &MailSink) -> HubBuilder,
    ) -> Option<Self> {
        Self::on(database(backend).await, shape).await
    }

    /// The same on a database that was made before.
    pub(crate) async fn on(
        database: Option<String>,
        shape: impl FnOnce(HubBuilder, &ContractMock, &MailSink) -> HubBuilder,
    ) -> Option<Self> {
        let few = |builder: HubBuilder, telnyx: &ContractMock, mail: &MailSink| {
            shape(builder.env("HUB_DATABASE_CONNECTIONS", "6"), telnyx, mail)
        };
        let world = World::shaped(database.clone(), few).await?;
        let own = || format!("sqlite://{}", world.hub.data().join("hub.db").display());
        let rows = Rows::open(&database.unwrap_or_else(own)).await.unwrap();
        Some(Self { world, rows, made: 0 })
    }

    /// Makes an organization. Its units are out of range at once when they are too warm, and silent without an alert.
    pub(crate) async fn company(&mut self, shape: Shape) -> Company {
        self.made += 1;
        let api = owner(&self.world.hub).await;
        let rule = json!({ "scope": "organization", "rule": {
            "lowLimit": -40, "highLimit": 5, "confirmHighShutSecs": 1, "expectedIntervalSecs": 86_400,
        } });
        let answer = api.post("/api/v1/alert-rules", &rule).await;
        assert!(answer.status.is_success(), "{}", answer.body);
        let mut company = Company { api, places: Vec::new(), channels: shape.channels };
        self.enlarge(&mut company, shape).await;
        company
    }

    /// Adds places to an organization.
    pub(crate) async fn enlarge(&self, company: &mut Company, shape: Shape) {
        let first = self.made * 20_000 + company.places.len() * 200;
        let api = &company.api;
        let places: Vec<Place> = stream::iter(0..shape.places)
            .map(|number| place(api, shape, first + number * 200))
            .buffered(AT_ONCE)
            .collect()
            .await;
        company.places.extend(places);
        let shown =
            "UPDATE contacts SET phone_verified_at = 1, sms_consent_at = 1 WHERE phone IS NOT NULL";
        self.rows.run(shown).await.unwrap();
    }

    /// Waits until each of these companies has told so many lines, and nothing is on its way; gives how many hours' balances
    /// were 0.
    pub(crate) async fn until_told(&self, companies: &[Company], within: Duration) -> usize {
        let begun = Instant::now();
        for company in companies {
            loop {
                let balance = company.balance("").await;
                // where it took long, there may have been another way meanwhile
                let told = balance["told"].as_u64().and_then(|told| usize::try_from(told).ok());
                let is_told = told.is_some_and(|told| told >= company.expected().len());
                if is_told && balance["inFlight"] == 0 && balance["unplannedAlerts"] == 0 {
                    break;
                }
                let patience = begun.elapsed() < within;
                assert!(patience, "{} lines are to be told: {balance}", company.expected().len());
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        let mut hours = 0;
        for company in companies {
            for hour in 0..2 {
                let (from, to) = (ago(3_600 * (hour + 1)), ago(3_600 * hour));
                let balance = company.balance(&format!("?from={from}&to={to}")).await;
                assert_eq!(balance["balance"], 0, "{balance}");
                hours += 1;
            }
        }
        hours
    }
}

async fn place(api: &Api, shape: Shape, first: usize) -> Place {
    let site = api.create_site(&format!("Place {first}")).await;
    let mut place = Place { units: Vec::new(), people: Vec::new() };
    for number in first..first + shape.units {
        let name = format!("Unit-{number:06}");
        place.units.push(Named { id: api.create_unit(&site, &name).await, name });
    }
    for number in first..first + shape.people {
        let (phone, email) = (format!("+1312{number:07}"), format!("p{number}@example.org"));
        let mut asked = json!({ "name": format!("Person {number}"), "phone": phone });
        if shape.channels.contains(&"email") {
            // who has no other way is told by one alone, however long nothing is heard of it
            asked["email"] = json!(email);
        }
        let id = id(&api.create("/api/v1/contacts", asked).await);
        place.people.push(Person { id, phone, email });
    }
    for (number, some) in place.people.chunks(50).enumerate() {
        let ids: Vec<&str> = some.iter().map(|person| person.id.as_str()).collect();
        let policy = json!({
            "name": format!("Of place {first}, {number}"), "scope": "site", "scopeId": site,
            "kinds": ["temperature_high"], "minSeverity": "critical", "notifyOnResolve": false,
            "ackMinutes": 1_440,
            "steps": [{ "afterMinutes": 0, "contactIds": ids, "channels": shape.channels }],
        });
        api.create("/api/v1/notification-policies", policy).await;
    }
    place
}

/// An organization's owner. A machine that is busy with other tests may have no connection for it at once.
pub(crate) async fn owner(hub: &HubProcess) -> Api {
    for _ in 0..5 {
        if let Ok((_, api)) = hub.owner("Trial").await {
            return api;
        }
    }
    hub.owner("Trial").await.expect("an owner is made").1
}

impl Company {
    /// How its ledger stands, once the hub says so: it may be just back, or out of breath.
    pub(crate) async fn balance(&self, query: &str) -> Value {
        let path = format!("/api/v1/notifications/balance{query}");
        let answered = || async {
            let answer = self.api.send(self.api.request(reqwest::Method::GET, &path)).await;
            answer.ok().filter(|answer| answer.status != 503).map(|answer| answer.expect(200))
        };
        wait::until("the balance", Duration::from_secs(30), answered).await
    }

    /// What everybody is to be told when every unit is too warm.
    pub(crate) fn expected(&self) -> Vec<Told> {
        let mut expected = Vec::new();
        for place in &self.places {
            for unit in &place.units {
                for person in &place.people {
                    for channel in self.channels {
                        let is_sms = *channel == "sms";
                        let address = if is_sms { &person.phone } else { &person.email };
                        expected.push(Told { address: address.clone(), unit: unit.name.clone() });
                    }
                }
            }
        }
        expected
    }

    /// Has units raise their alarms.
    pub(crate) async fn heat(&self, units: impl IntoIterator<Item = &Named>) {
        let sent = taken(&self.api, &hot(units)).await;
        assert_eq!(sent["rejected"], json!([]), "{sent}");
    }

    /// All its units.
    pub(crate) fn units(&self) -> impl Iterator<Item = &Named> {
        self.places.iter().flat_map(|place| &place.units)
    }
}

/// Sends readings as a sensor does: again while the hub says that it cannot take them, or is not there.
pub(crate) async fn taken(api: &Api, readings: &Value) -> Value {
    let send = || async {
        let answer = api.try_ingest(readings).await.ok();
        answer.filter(|answer| answer.status != 503).map(|answer| answer.expect(200))
    };
    wait::until("the readings to be taken", Duration::from_secs(60), send).await
}

/// Readings by which units raise their alarms.
pub(crate) fn hot<'a>(units: impl IntoIterator<Item = &'a Named>) -> Value {
    let reading = |unit: &Named, secs: i64| json!({ "unitId": unit.id, "temperature": 14, "recordedAt": ago(secs) });
    units.into_iter().flat_map(|unit| [reading(unit, 20), reading(unit, 1)]).collect()
}

/// Waits for a while between these milliseconds, as chance has it.
pub(crate) async fn a_moment(millis: std::ops::Range<u64>) {
    let millis = rand::rng().random_range(millis);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
