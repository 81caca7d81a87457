//! A partner's API as its own documents describe it: a process that judges each request, answers it, keeps a ledger
//! and misbehaves when asked to.
//!
//! ```no_run
//! # async fn example() {
//! use hub_testkit::contract_mock::{ContractMock, Fault};
//! let Some(mock) = ContractMock::telnyx().await else { return };
//! mock.faults(Fault::accept_then_drop("POST /v2/messages")).await;
//! // drive the product at `mock.url()`, then:
//! mock.ensure_clean().await;
//! assert_eq!(mock.accepted("POST", "/v2/messages").await.len(), 1);
//! # }
//! ```

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::janitor::Janitor;
use crate::{ports, python, shared};

/// How long it may take to be ready; it takes under 2 s on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A port that was free may be taken before it is used: so often another one is tried.
const TRIES: u32 = 5;

/// A running mock. It ends with this value, and with the test process in any case.
#[derive(Debug)]
pub struct ContractMock {
    process: Child,
    _janitor: Janitor,
    /// What it complains of: lines that were cut are no news to a test that cuts them.
    log: tempfile::NamedTempFile,
    http: reqwest::Client,
    port: u16,
    prefix: &'static str,
}

/// Reads a mock's ledger, apart from the mock itself.
#[derive(Debug, Clone)]
pub struct LedgerReader {
    http: reqwest::Client,
    url: String,
}

impl LedgerReader {
    /// Every request since the start or the last [`ContractMock::forget`].
    ///
    /// # Panics
    /// When the mock is gone.
    pub async fn ledger(&self) -> Vec<Entry> {
        let answer = self.http.get(&self.url).send().await.expect("the mock answers");
        answer.json().await.expect("the ledger is JSON")
    }
}

/// One request as the mock saw it.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Its number, from 0 on.
    pub n: usize,
    /// When it was read, in seconds since 1970.
    pub at: f64,
    /// `POST`.
    pub method: String,
    /// The path, prefix included.
    pub path: String,
    /// What was answered, or would have been; `None` when the line was cut before anything was judged.
    pub status: Option<u16>,
    /// Whether the partner would have done what was asked.
    pub accepted: bool,
    /// What broke the contract.
    pub violations: Vec<String>,
    /// The body as it was read.
    #[serde(default)]
    pub body: Value,
    /// The id that the partner gave to what was made.
    pub id: Option<String>,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The fault that was done to it.
    pub fault: Option<String>,
}

/// What the mock shall do to the next requests that match.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    #[serde(rename = "match")]
    matching: String,
    times: u32,
    #[serde(rename = "do")]
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

impl Fault {
    /// `matching` is a method, a space and a regular expression for the whole path: `POST /v2/messages`.
    fn new(matching: &str, what: &'static str) -> Self {
        Self { matching: matching.to_owned(), times: 1, what, status: None, seconds: None }
    }

    /// Answers with that status; nothing is accepted.
    #[must_use]
    pub fn status(matching: &str, status: u16) -> Self {
        Self { status: Some(status), ..Self::new(matching, "status") }
    }

    /// Waits, then goes on as usual.
    #[must_use]
    pub fn delay(matching: &str, pause: Duration) -> Self {
        Self { seconds: Some(pause.as_secs_f64()), ..Self::new(matching, "delay") }
    }

    /// Cuts the line before anything is accepted.
    #[must_use]
    pub fn drop(matching: &str) -> Self {
        Self::new(matching, "drop")
    }

    /// Accepts, then cuts the line without an answer: the case that doubles messages.
    #[must_use]
    pub fn accept_then_drop(matching: &str) -> Self {
        Self::new(matching, "accept_then_drop")
    }

    /// Accepts, then answers 200 with a body that is not JSON.
    #[must_use]
    pub fn garbage(matching: &str) -> Self {
        Self::new(matching, "garbage")
    }

    /// How many requests it is done to; one unless told.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
}

impl ContractMock {
    /// Telnyx: its messaging, version 2, below `/v2`. `None` where the contracts are not at hand (see
    /// [`shared::path`]).
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn telnyx() -> Option<Self> {
        let spec = shared::path("contracts/telnyx/messaging.openapi.json")?;
        Self::start(&[("--spec", spec)], "/v2").await
    }

    /// Stripe: parameters of 2026-10-28, resources as that version shows them. `None` as above.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn stripe() -> Option<Self> {
        let at = |name: &str| shared::path(&format!("contracts/stripe/{name}"));
        let arguments = [
            ("--spec", at("billing.2023-08-16.openapi.json")?),
            ("--spec", at("billing-meters.2026.openapi.json")?),
            ("--params", at("params.2026-10-28.schema.json")?),
            ("--fixtures", at("fixtures.2026.json")?),
        ];
        Self::start(&arguments, "").await
    }

    /// Stripe as above, but whatever of a `resource` is asked for shows the fields of `shown` in place of the sample's.
    ///
    /// # Panics
    /// When it cannot be started, or there is no such resource.
    pub async fn stripe_showing(resource: &str, shown: &Value) -> Option<Self> {
        let samples = shared::text("contracts/stripe/fixtures.2026.json")?;
        let mut samples: Value = serde_json::from_str(&samples).expect("samples are JSON");
        let sample = samples["resources"][resource].as_object_mut().expect("a known resource");
        sample.extend(shown.as_object().expect("fields").clone());
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(&file, samples.to_string()).expect("and written");
        let at = |name: &str| shared::path(&format!("contracts/stripe/{name}"));
        let arguments = [
            ("--spec", at("billing.2023-08-16.openapi.json")?),
            ("--spec", at("billing-meters.2026.openapi.json")?),
            ("--params", at("params.2026-10-28.schema.json")?),
            ("--fixtures", file.path().to_owned()), // it is read before the mock is ready
        ];
        Self::start(&arguments, "").await
    }

    async fn start(arguments: &[(&str, PathBuf)], prefix: &'static str) -> Option<Self> {
        let program = shared::path("contracts/tools/contract_mock.py")?;
        let requirements = program.with_file_name("requirements.txt");
        let prepared = tokio::task::spawn_blocking(move || {
            python::interpreter("contract-mock", &requirements)
        });
        let python = prepared.await.expect("it does not panic").expect("Python is prepared");
        for _ in 0..TRIES {
            let mut command = Command::new(&python);
            command.arg(&program);
            if !prefix.is_empty() {
                command.args(["--prefix", prefix]);
            }
            for (name, file) in arguments {
                command.arg(name).arg(file);
            }
            if let Some(running) = Self::run(command, prefix).await {
                return Some(running);
            }
        }
        panic!("the contract mock did not start, {TRIES} times");
    }

    /// One start; `None` when it ended at once, as it does when somebody else took the port.
    async fn run(mut command: Command, prefix: &'static str) -> Option<Self> {
        let port = ports::free().expect("there is a free port");
        command.args(["--port", &port.to_string()]);
        let log = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir(Path::new("/"));
        command.stderr(log.reopen().expect("the file was just made"));
        let process = command.spawn().expect("Python can be run");
        let janitor = Janitor::watch(process.id(), "KILL", None).expect("a shell can be run");
        let http = reqwest::Client::new();
        let mut mock = Self { process, _janitor: janitor, log, http, port, prefix };
        let begun = Instant::now();
        while mock.http.get(mock.control("ledger")).send().await.is_err() {
            if mock.process.try_wait().expect("a child of ours").is_some() {
                eprintln!("{}", std::fs::read_to_string(mock.log.path()).unwrap_or_default());
                return None;
            }
            assert!(begun.elapsed() < READY_WITHIN, "the contract mock is not ready in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(mock)
    }

    /// The base URL for the product's client: `http://127.0.0.1:PORT/v2` for Telnyx, without a path for Stripe.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, self.prefix)
    }

    fn control(&self, what: &str) -> String {
        format!("http://127.0.0.1:{}/__mock/{what}", self.port)
    }

    /// Every request since the start or the last [`Self::forget`].
    ///
    /// # Panics
    /// When the mock is gone.
    pub async fn ledger(&self) -> Vec<Entry> {
        self.reader().ledger().await
    }

    /// Reads the ledger from elsewhere, while this is in use.
    #[must_use]
    pub fn reader(&self) -> LedgerReader {
        LedgerReader { http: self.http.clone(), url: self.control("ledger") }
    }

    /// Its port on this machine.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The requests of that method and path that were accepted, answered or not.
    ///
    /// # Panics
    /// When the mock is gone.
    pub async fn accepted(&self, method: &str, path: &str) -> Vec<Entry> {
        let mut ledger = self.ledger().await;
        ledger.retain(|it| it.accepted && it.method == method && it.path == path);
        ledger
    }

    /// Misbehaves from now on; several faults are used up one after the other.
    ///
    /// # Panics
    /// When the mock is gone.
    pub async fn faults(&self, fault: Fault) {
        let sent = self.http.post(self.control("faults")).json(&fault).send().await;
        assert!(sent.expect("the mock answers").status().is_success(), "{fault:?}");
    }

    /// Fails unless every request kept to the contract.
    ///
    /// # Panics
    /// When one did not; it is named with what was wrong.
    pub async fn ensure_clean(&self) {
        let ledger = self.ledger().await;
        let broken: Vec<_> = ledger.iter().filter(|it| !it.violations.is_empty()).collect();
        assert!(broken.is_empty(), "requests broke the contract: {broken:#?}");
    }

    /// Forgets all requests, what they made, and the faults that are still to come.
    ///
    /// # Panics
    /// When the mock is gone.
    pub async fn forget(&self) {
        let sent = self.http.delete(self.control("ledger")).send().await;
        assert!(sent.expect("the mock answers").status().is_success());
    }
}

impl Drop for ContractMock {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn post(mock: &ContractMock, body: Value) -> reqwest::Result<reqwest::Response> {
        let request = mock.http.post(format!("{}/messages", mock.url())).bearer_auth("key");
        request.json(&body).send().await
    }

    #[tokio::test]
    async fn requests_are_judged_counted_and_failed_on_demand() {
        let Some(mock) = ContractMock::telnyx().await else { return };
        let good = serde_json::json!({ "from": "+18445550001", "to": "+18665550001", "text": "a" });
        mock.faults(Fault::accept_then_drop("POST /v2/messages")).await;
        mock.faults(Fault::status("POST /v2/messages", 503)).await;
        assert!(post(&mock, good.clone()).await.is_err(), "the answer is lost");
        assert_eq!(post(&mock, good.clone()).await.unwrap().status(), 503);
        assert_eq!(post(&mock, good).await.unwrap().status(), 200);
        assert_eq!(mock.accepted("POST", "/v2/messages").await.len(), 2, "one of them unanswered");
        mock.ensure_clean().await;
        post(&mock, serde_json::json!({ "text": "to nobody" })).await.unwrap();
        assert_eq!(mock.ledger().await[3].violations.len(), 1);
        mock.forget().await;
        assert!(mock.ledger().await.is_empty());
    }

    #[tokio::test]
    async fn stripe_is_judged_by_the_parameters_of_its_version() {
        let Some(mock) = ContractMock::stripe().await else { return };
        let customer = |body: &'static str| {
            let request = mock.http.post(format!("{}/v1/customers", mock.url())).bearer_auth("key");
            request.header("content-type", "application/x-www-form-urlencoded").body(body).send()
        };
        assert_eq!(customer("name=Anna").await.unwrap().status(), 200);
        mock.ensure_clean().await;
        assert_eq!(customer("nmae=Anna").await.unwrap().status(), 400);
    }
}
