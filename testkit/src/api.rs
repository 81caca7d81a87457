//! A small client for the hub's HTTP interface.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// A client with or without credentials. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
    key: Option<String>,
    organization: Option<String>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; a string where it is something else, null where it is empty.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is `expected`.
    ///
    /// # Panics
    /// When it is another; the message shows the body.
    #[track_caller]
    pub fn expect(self, expected: u16) -> Value {
        assert_eq!(self.status.as_u16(), expected, "answer: {}", self.body);
        self.body
    }

    /// The stable `code` of a problem, or the empty string.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// The `id` of an object that the interface gave.
///
/// # Panics
/// When it has none.
#[track_caller]
#[must_use]
pub fn id(object: &Value) -> String {
    object["id"].as_str().expect("an object has an id").to_owned()
}

impl Api {
    /// A client for the hub at `base` (`http://127.0.0.1:PORT`).
    ///
    /// # Panics
    /// When the system refuses an HTTP client.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build();
        let client = client.expect("an HTTP client can be made");
        Self { client, base: base.into(), token: None, key: None, organization: None }
    }

    /// The same client with a user's token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The same client with an API key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same client naming an organization.
    #[must_use]
    pub fn with_organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// The same client at another hub.
    #[must_use]
    pub fn at(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// The same client without any credentials.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        (self.token, self.key, self.organization) = (None, None, None);
        self
    }

    /// A request with the client's credentials, to be changed and sent with [`Self::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &self.key {
            request = request.header("X-API-Key", key);
        }
        if let Some(organization) = &self.organization {
            request = request.header("X-Organization-Id", organization);
        }
        request
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When no answer comes: the hub is away, or was killed meanwhile.
    pub async fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?;
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| text())
        };
        Ok(Answer { status, headers, body })
    }

    /// `GET path`.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await.expect("the hub answers")
    }

    /// `POST path` with a JSON body.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await.expect("the hub answers")
    }

    /// `GET path`, which answers 200.
    ///
    /// # Panics
    /// When it does not.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).await.expect(200)
    }

    /// `POST path`, which answers 201.
    ///
    /// # Panics
    /// When it does not.
    pub async fn create(&self, path: &str, body: Value) -> Value {
        self.post(path, &body).await.expect(201)
    }

    /// All items of a list, page by page.
    ///
    /// # Panics
    /// When a page does not answer 200.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut page = self.read(&format!("{path}{join}limit=200")).await;
        loop {
            items.append(page["items"].as_array_mut().expect("a list has items"));
            let Some(cursor) = page["nextCursor"].as_str().map(ToOwned::to_owned) else {
                return items;
            };
            page = self.read(&format!("{path}{join}limit=200&cursor={cursor}")).await;
        }
    }

    /// Whether the hub says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let answer = self.send(self.request(Method::GET, "/health/ready")).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    /// Sends readings (a JSON array) and gives the answer, whatever it is.
    ///
    /// # Errors
    /// When no answer comes: whether the readings are stored is then unknown.
    pub async fn try_ingest(&self, readings: &Value) -> reqwest::Result<Answer> {
        let body = json!({ "readings": readings });
        self.send(self.request(Method::POST, "/api/ingest/readings").json(&body)).await
    }

    /// Sends readings (a JSON array), which answers 200, and gives the counts.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ingest(&self, readings: Value) -> Value {
        self.try_ingest(&readings).await.expect("the hub answers").expect(200)
    }

    /// Makes a site and gives its id.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_site(&self, name: &str) -> String {
        id(&self.create("/api/v1/sites", json!({ "name": name })).await)
    }

    /// Makes a unit without a preset and gives its id.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_unit(&self, site: &str, name: &str) -> String {
        id(&self.create("/api/v1/units", json!({ "siteId": site, "name": name })).await)
    }

    /// Makes a device of a unit and gives its id; `dev_eui` is 16 hex digits.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_device(&self, unit: &str, name: &str, dev_eui: Option<&str>) -> String {
        let mut body = json!({ "unitId": unit, "name": name });
        if let Some(dev_eui) = dev_eui {
            body["devEui"] = dev_eui.into();
        }
        id(&self.create("/api/v1/devices", body).await)
    }

    /// Sets the rule of a unit (fields as in `GET /api/v1/rule-fields`, in °C) and gives it.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn set_unit_rule(&self, unit: &str, rule: Value) -> Value {
        let body =
            json!({ "scope": "unit", "scopeId": unit, "temperatureUnit": "C", "rule": rule });
        let answer = self.post("/api/v1/alert-rules", &body).await;
        assert!(answer.status.is_success(), "the rule is refused: {}", answer.body);
        answer.body
    }

    /// The live view of a unit.
    ///
    /// # Panics
    /// When the unit is not there.
    pub async fn live(&self, unit: &str) -> Value {
        self.read(&format!("/api/v1/units/{unit}")).await["live"].take()
    }

    /// The alerts of a unit, newest first.
    ///
    /// # Panics
    /// When the list does not answer.
    pub async fn alerts_of(&self, unit: &str) -> Vec<Value> {
        self.list(&format!("/api/v1/alerts?unitId={unit}")).await
    }

    /// Waits until the unit shows `status`, and gives its live view.
    ///
    /// # Panics
    /// When it does not within `within`.
    pub async fn wait_for_status(&self, unit: &str, status: &str, within: Duration) -> Value {
        let what = format!("unit {unit} to be {status}");
        crate::wait::until(&what, within, || async {
            let live = self.live(unit).await;
            (live["status"] == status).then_some(live)
        })
        .await
    }
}
