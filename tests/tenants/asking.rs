//! Asking the hub as somebody, and what was heard.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use reqwest::Method;
use serde_json::Value;

/// Headers that differ from answer to answer and say nothing of what was asked for.
const OF_EACH_ANSWER: [&str; 2] = ["date", "x-request-id"];

/// Somebody who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    pub(crate) role: Option<&'static str>,
    pub(crate) token: Option<String>,
    pub(crate) key: Option<String>,
    /// Whether they know the secrets of their organization's connections.
    pub(crate) knows_secrets: bool,
    pub(crate) client: reqwest::Client,
    pub(crate) base: String,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) place: String,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Caller {
    /// Somebody without any proof of who they are. Each comes from an address of their own, so that what one does
    /// wrong is not counted against another.
    pub(crate) fn nobody(base: &str, place: u8) -> Self {
        let client = client_at(Ipv4Addr::new(127, 0, 1, place));
        let base = base.to_owned();
        Self {
            name: "nobody",
            role: None,
            token: None,
            key: None,
            knows_secrets: false,
            client,
            base,
        }
    }

    /// The same one at another address, of so many, whose connection is made.
    pub(crate) async fn moved(&self, number: usize) -> Self {
        let [high, low] = u16::try_from(number).expect("few addresses").to_be_bytes();
        let moved = Self { client: client_at(Ipv4Addr::new(127, 1, high, low)), ..self.clone() };
        moved.ask(&Asked::get("/health/live")).await;
        moved
    }

    /// Asks.
    pub(crate) async fn ask(&self, asked: &Asked) -> Heard {
        let method: Method = asked.method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{}", self.base, asked.place));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &self.key {
            request = request.header("X-API-Key", key);
        }
        for (name, value) in &asked.headers {
            let is_secret = *name == "X-Webhook-Secret";
            if self.knows_secrets || !is_secret {
                request = request.header(*name, value);
            }
        }
        if let Some(body) = &asked.body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{asked:?}: {error}"));
        let status = response.status().as_u16();
        let header =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            };
        let headers = response.headers().iter().map(header).collect();
        let bytes = response.bytes().await.unwrap_or_else(|error| panic!("{asked:?}: {error}"));
        Heard { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

fn client_at(address: Ipv4Addr) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .local_address(std::net::IpAddr::from(address))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client can be made")
}

impl Asked {
    /// `GET place`.
    pub(crate) fn get(place: impl Into<String>) -> Self {
        Self { method: "GET".into(), place: place.into(), body: None, headers: Vec::new() }
    }
}

impl Heard {
    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The stable code of a problem.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// All of it that may differ from what another is told, with what was asked for taken out.
    pub(crate) fn without(&self, asked_for: &str) -> Self {
        let mut plain = self.clone();
        plain.headers.retain(|name, _| !OF_EACH_ANSWER.contains(&name.as_str()));
        if let Ok(Value::Object(mut problem)) = serde_json::from_str(&self.text)
            && problem.contains_key("type")
        {
            problem.remove("instance");
            plain.text = Value::Object(problem).to_string();
        }
        plain.text = plain.text.replace(asked_for, "<asked for>");
        for value in plain.headers.values_mut() {
            *value = value.replace(asked_for, "<asked for>");
        }
        plain
    }

    /// The whole of it as text, to be looked through.
    pub(crate) fn all(&self) -> String {
        let headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}\n{}", headers.join("\n"), self.text)
    }
}
