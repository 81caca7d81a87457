//! The sender: readings to `POST /api/ingest/readings`, resent until the hub has answered for them.
//!
//! Resending is safe because a reading has an identity of its own; a second copy is answered as a
//! duplicate. So a lost answer, a 429, a 5xx and a refused connection are all met by trying again.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context;
use flate2::{Compression, write::GzEncoder};
use rand::RngExt;
use reqwest::{StatusCode, Url, header};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

/// The hub takes no more readings than this in one request.
pub const BATCH_MAX: usize = 5_000;

const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Whose reading it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// A unit of the hub, by its id.
    UnitId(String),
    /// A device of the hub, by its id.
    DeviceId(String),
    /// A radio device, by the 16 hex digits of its maker.
    DevEui(String),
}

/// One reading as the ingest endpoint takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadingOut {
    /// The unit or device that was measured.
    #[serde(flatten)]
    pub target: Target,
    /// Degrees in `temperature_unit`.
    pub temperature: f64,
    /// `C` or `F`; the hub takes Celsius when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_unit: Option<&'static str>,
    /// The sensor's own instant, RFC 3339.
    pub recorded_at: String,
    /// Relative humidity in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub humidity: Option<f64>,
    /// Charge in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<f64>,
    /// Volts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_voltage: Option<f64>,
    /// Whether the door stood open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door_open: Option<bool>,
    /// Strength of the radio signal in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_strength: Option<i32>,
    /// What kind of sender it came from, part of the reading's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which probe of the sender, part of the reading's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The sensor's own count, part of the reading's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
}

impl ReadingOut {
    /// A reading with nothing but its temperature in Celsius and its instant.
    pub fn new(target: Target, celsius: f64, recorded_at: String) -> Self {
        Self {
            target,
            temperature: celsius,
            temperature_unit: None,
            recorded_at,
            humidity: None,
            battery: None,
            battery_voltage: None,
            door_open: None,
            signal_strength: None,
            source: None,
            channel: None,
            sequence: None,
        }
    }
}

/// Why one reading of a batch was refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rejection {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The hub's stable word for the reason.
    pub code: String,
    /// The same for a person.
    #[serde(default)]
    pub detail: String,
}

/// What the hub answered for one batch: accepted + duplicates + quarantined + rejected = sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// Stored, the late ones among them.
    pub accepted: u64,
    /// Stored, but older than the newest of their point.
    #[serde(default)]
    pub late: u64,
    /// Known already.
    #[serde(default)]
    pub duplicates: u64,
    /// Kept aside, such as those from the future.
    #[serde(default)]
    pub quarantined: u64,
    /// Refused, each with its reason.
    #[serde(default)]
    pub rejected: Vec<Rejection>,
}

/// Why a batch has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The hub refused the batch as a whole; sending it again would not help.
    #[error("the hub answered {status}: {detail}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// Its reason, for a person.
        detail: String,
    },
    /// No verdict within the patience; the batch may or may not be stored. Safe to send again.
    #[error("no answer after {attempts} attempts: {last}")]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// What came of the last try.
        last: String,
    },
    /// The batch could not be written as a body.
    #[error("batch could not be encoded")]
    Encode(#[source] anyhow::Error),
}

/// How a sender sends.
#[derive(Debug, Clone)]
pub struct SenderOptions {
    /// Where the hub is, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// The ingest key, `ftk_…`.
    pub api_key: String,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Whether a batch is sent as one JSON object a line.
    pub ndjson: bool,
    /// For how long a batch is tried again before it is given up.
    pub patience: Duration,
}

/// Sends batches, one at a time and in order.
#[derive(Debug)]
pub struct Sender {
    http: reqwest::Client,
    endpoint: Url,
    options: SenderOptions,
}

#[derive(Serialize)]
struct Batch<'a> {
    readings: &'a [ReadingOut],
}

/// What one try came to.
enum Attempt {
    Answered(Verdict),
    Refused(StatusCode, String),
    Again { why: String, after: Option<Duration> },
}

impl Sender {
    /// Makes a sender; nothing is sent yet.
    ///
    /// # Errors
    /// The address or the key cannot be used in a request.
    pub fn new(options: SenderOptions) -> anyhow::Result<Self> {
        let endpoint = endpoint(&options.url, "api/ingest/readings")?;
        header::HeaderValue::from_str(&options.api_key).context("API key is no header value")?;
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { http, endpoint, options })
    }

    /// Sends one batch until the hub answers for it, refuses it, or patience ends.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, readings: &[ReadingOut]) -> Result<Verdict, SendError> {
        let body = self.encode(readings).map_err(SendError::Encode)?;
        let give_up_at = Instant::now() + self.options.patience;
        let mut backoff = FIRST_BACKOFF;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (why, after) = match self.attempt(body.clone()).await {
                Attempt::Answered(verdict) => return Ok(verdict),
                Attempt::Refused(status, detail) => {
                    return Err(SendError::Refused { status, detail });
                }
                Attempt::Again { why, after } => (why, after),
            };
            let pause = after.map_or_else(|| jittered(backoff), |asked| asked.max(FIRST_BACKOFF));
            if Instant::now() + pause >= give_up_at {
                return Err(SendError::GaveUp { attempts, last: why });
            }
            tracing::debug!(attempts, %why, pause_ms = pause.as_millis(), "batch will be resent");
            sleep(pause).await;
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    fn encode(&self, readings: &[ReadingOut]) -> anyhow::Result<bytes::Bytes> {
        let mut plain = Vec::with_capacity(readings.len() * 160);
        if self.options.ndjson {
            for reading in readings {
                serde_json::to_writer(&mut plain, reading)?;
                plain.push(b'\n');
            }
        } else {
            serde_json::to_writer(&mut plain, &Batch { readings })?;
        }
        if !self.options.gzip {
            return Ok(plain.into());
        }
        let mut gzip = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
        gzip.write_all(&plain)?;
        Ok(gzip.finish()?.into())
    }

    async fn attempt(&self, body: bytes::Bytes) -> Attempt {
        let kind = if self.options.ndjson { "application/x-ndjson" } else { "application/json" };
        let mut request = self
            .http
            .post(self.endpoint.clone())
            .header("X-API-Key", &self.options.api_key)
            .header(header::CONTENT_TYPE, kind);
        if self.options.gzip {
            request = request.header(header::CONTENT_ENCODING, "gzip");
        }
        match request.body(body).send().await {
            Ok(response) => judge(response).await,
            Err(error) => Attempt::Again { why: root_cause(&error), after: None },
        }
    }
}

async fn judge(response: reqwest::Response) -> Attempt {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let after = retry_after(response.headers());
        return Attempt::Again { why: status.to_string(), after };
    }
    if !status.is_success() {
        return Attempt::Refused(status, problem(response).await);
    }
    // an answer cut short is an answer lost: the same batch again brings it back
    match response.bytes().await {
        Err(error) => Attempt::Again { why: root_cause(&error), after: None },
        Ok(body) => match serde_json::from_slice(&body) {
            Ok(verdict) => Attempt::Answered(verdict),
            Err(error) => Attempt::Refused(status, format!("not a verdict: {error}")),
        },
    }
}

/// Reads the person's part of a problem, or failing that some of the body.
pub(crate) async fn problem(response: reqwest::Response) -> String {
    #[derive(Deserialize)]
    struct Problem {
        code: Option<String>,
        detail: Option<String>,
    }
    let text = response.text().await.unwrap_or_default();
    match serde_json::from_str::<Problem>(&text) {
        Ok(Problem { code, detail }) => {
            [code, detail].into_iter().flatten().collect::<Vec<_>>().join(": ")
        }
        Err(_) => text.chars().take(200).collect(),
    }
}

/// Joins a path to the hub's address, which may have a path of its own.
pub(crate) fn endpoint(url: &str, path: &str) -> anyhow::Result<Url> {
    let joined = format!("{}/{path}", url.trim_end_matches('/'));
    let parsed = Url::parse(&joined).with_context(|| format!("{url:?} is not an address"))?;
    anyhow::ensure!(matches!(parsed.scheme(), "http" | "https"), "{url:?} is not an http address");
    Ok(parsed)
}

/// The wait that the hub asked for: seconds, or until an HTTP date.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some((at.to_utc() - chrono::Utc::now()).to_std().unwrap_or_default())
}

/// Spreads senders that failed together.
fn jittered(backoff: Duration) -> Duration {
    backoff.mul_f64(rand::rng().random_range(0.5..1.5))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
