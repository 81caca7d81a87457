//! One call: send a short message.

use std::time::Duration;

use hub_domain::PhoneNumber;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect, retry};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::errors::{TelnyxError, class_of};
use crate::sms::{Encoding, length};
use crate::{Accepted, FailureClass, Refusal, SendError, SetupError};

/// The most that is read of an answer. Telnyx's has 2 KiB.
const LONGEST_ANSWER: usize = 256 * 1024;

/// The longest that a partner is left alone because it says so.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How long a line that nobody uses is kept: Telnyx closes it after 60 s, and a message that meets the closing is
/// unclear, which costs a minute.
const IDLE: Duration = Duration::from_secs(20);

/// The client. One for the process: it keeps its lines.
#[derive(Clone, Debug)]
pub struct Telnyx {
    http: Client,
    messages: Url,
    sender: Sender,
}

/// Whom messages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// One number.
    Number(PhoneNumber),
    /// Any number of a messaging profile's pool.
    Profile(String),
    /// A name of up to 11 letters and digits, of a messaging profile. It cannot be answered.
    Named {
        /// The name.
        name: String,
        /// The profile.
        profile: String,
    },
}

impl Sender {
    /// Reads a sender from its settings: a number of E.164, or a name, and a profile.
    ///
    /// # Errors
    /// When neither is there, the name is none, or a name comes without a profile.
    pub fn from_settings(from: Option<&str>, profile: Option<&str>) -> Result<Self, SetupError> {
        let profile = profile.map(str::to_owned);
        let Some(from) = from else {
            return profile
                .map(Self::Profile)
                .ok_or(SetupError::BadSender("a number or a profile"));
        };
        if let Some(number) = PhoneNumber::parse(from) {
            return Ok(Self::Number(number));
        }
        let is_name = (1..=11).contains(&from.len())
            && from.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
            && from.bytes().any(|byte| byte.is_ascii_alphabetic());
        match profile {
            Some(profile) if is_name => Ok(Self::Named { name: from.to_owned(), profile }),
            _ => Err(SetupError::BadSender(
                "a number such as +18445550001, or a name of at most 11 letters with a profile",
            )),
        }
    }

    fn from(&self) -> Option<&str> {
        match self {
            Self::Number(number) => Some(number.as_str()),
            Self::Profile(_) => None,
            Self::Named { name, .. } => Some(name),
        }
    }

    fn profile(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Profile(profile) | Self::Named { profile, .. } => Some(profile),
        }
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a line. What is not there by then was certainly not sent.
    pub connect: Duration,
    /// For the whole call. What is not answered by then is unclear.
    pub answer: Duration,
}

impl Default for Timeouts {
    /// 5 s and 20 s: Telnyx answers in well under one.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(20) }
    }
}

/// A short message to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct SmsOut {
    /// To whom.
    pub to: PhoneNumber,
    /// What. Longer than one segment, it costs that many messages (see [`length`]).
    pub text: String,
    /// Where Telnyx tells what becomes of it. It names the attempt, since Telnyx knows no idempotency key: what came of
    /// a call whose answer was lost is learnt there alone.
    pub webhook_url: Option<String>,
}

impl std::fmt::Debug for SmsOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmsOut").field("webhook_url", &self.webhook_url).finish_non_exhaustive()
    }
}

/// `CreateMessageRequest` of Telnyx's document.
#[derive(Serialize)]
struct MessageBody<'a> {
    to: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messaging_profile_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    encoding: &'static str,
}

impl Telnyx {
    /// A client of the API at `base_url`, version included: `https://api.telnyx.com/v2`.
    ///
    /// # Errors
    /// When the address is none of `http` or `https`, or the key cannot be one.
    pub fn new(
        base_url: &str,
        api_key: &SecretString,
        sender: Sender,
        timeouts: Timeouts,
    ) -> Result<Self, SetupError> {
        let messages = messages_below(base_url)
            .ok_or(SetupError::BadUrl("one such as https://api.telnyx.com/v2"))?;
        let key = format!("Bearer {}", api_key.expose_secret());
        let mut key = HeaderValue::from_str(&key).map_err(|_| SetupError::BadKey)?;
        key.set_sensitive(true);
        let http = Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, key)]))
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.answer)
            .pool_idle_timeout(IDLE)
            .redirect(redirect::Policy::none())
            .retry(retry::never()) // a second try may be a second message
            .no_proxy()
            .build()
            .map_err(|error| SetupError::Tls(error.to_string()))?;
        Ok(Self { http, messages, sender })
    }

    /// Hands one message over, once.
    ///
    /// # Errors
    /// When Telnyx did not take it, or may not have.
    pub async fn send(&self, sms: &SmsOut) -> Result<Accepted, SendError> {
        let body = MessageBody {
            to: sms.to.as_str(),
            text: &sms.text,
            from: self.sender.from(),
            messaging_profile_id: self.sender.profile(),
            webhook_url: sms.webhook_url.as_deref(),
            kind: "SMS",
            // `auto` may write other letters for those that GSM-7 has not; what people are called stays as it is
            encoding: match length(&sms.text).encoding {
                Encoding::Gsm7 => "auto",
                Encoding::Ucs2 => "ucs2",
            },
        };
        let sent = self.http.post(self.messages.clone()).json(&body).send().await;
        let answer = sent.map_err(|error| failure(&error))?;
        judge(answer).await
    }
}

fn messages_below(base_url: &str) -> Option<Url> {
    let mut url = Url::parse(base_url).ok()?;
    let is_good = matches!(url.scheme(), "http" | "https") && url.query().is_none();
    url.path_segments_mut().ok()?.pop_if_empty().push("messages");
    is_good.then_some(url)
}

/// What an error of the call says of whether the message was taken over.
fn failure(error: &reqwest::Error) -> SendError {
    let why = root(error);
    if error.is_builder() {
        return SendError::our_setup("bad_request", why);
    }
    if error.is_connect() {
        return SendError::unreachable(why);
    }
    if error.is_timeout() {
        return SendError::unclear("no answer in time");
    }
    SendError::unclear(why)
}

/// The innermost reason, which is the one that tells something.
fn root(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

async fn judge(answer: Response) -> Result<Accepted, SendError> {
    let (status, pause) = (answer.status(), retry_after(answer.headers()));
    let body = read(answer).await;
    if status.is_success() {
        let body = body.map_err(|error| failure(&error))?;
        let id = body.pointer("/data/id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let message_id =
            id.ok_or_else(|| SendError::unclear("an answer that is none of Telnyx's"))?;
        return Ok(Accepted { message_id: message_id.to_owned() });
    }
    let errors = TelnyxError::all_in(&body.unwrap_or_default()["errors"]);
    Err(match TelnyxError::refusal(&errors) {
        Some(refusal) => SendError::Refused(Refusal { retry_after: pause, ..refusal }),
        None => without_code(status, pause),
    })
}

/// What a status alone says, where no code of Telnyx's came along.
fn without_code(status: StatusCode, retry_after: Option<Duration>) -> SendError {
    if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) {
        // one that stands before the API does not know what the API has done
        return SendError::unclear(format!("HTTP {status}"));
    }
    let code = format!("http_{}", status.as_u16());
    let class = class_of(&code).or_else(|| match status.as_u16() {
        300..400 => Some(FailureClass::OurSetup), // nobody follows: another address would get the key
        500..600 => Some(FailureClass::Retry),
        _ => None,
    });
    let (is_known, class) = (class.is_some(), class.unwrap_or(FailureClass::Retry));
    let detail = status.canonical_reason().unwrap_or("no reason given").to_owned();
    SendError::Refused(Refusal { class, code, is_known, detail, retry_after })
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// The answer as JSON; `null` where it is none, or too long to be one.
async fn read(mut answer: Response) -> Result<Value, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            return Ok(Value::Null);
        }
    }
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(from: Option<&str>, profile: Option<&str>) -> Result<Sender, SetupError> {
        Sender::from_settings(from, profile)
    }

    #[test]
    fn a_sender_is_a_number_a_profile_or_a_name_of_a_profile() {
        let number = PhoneNumber::parse("+18445550001").unwrap();
        assert_eq!(sender(Some("+18445550001"), None), Ok(Sender::Number(number)));
        assert_eq!(sender(None, Some("p")), Ok(Sender::Profile("p".into())));
        let named = Sender::Named { name: "FreshTrack".into(), profile: "p".into() };
        assert_eq!(sender(Some("FreshTrack"), Some("p")), Ok(named));
        for (from, profile) in [
            (None, None),
            (Some("FreshTrack"), None),
            (Some("12345"), Some("p")),
            (Some(""), Some("p")),
        ] {
            assert!(sender(from, profile).is_err(), "{from:?} {profile:?}");
        }
    }

    #[test]
    fn neither_the_key_nor_the_recipient_is_printed() {
        let key = SecretString::from("KEY-canary");
        let sender = sender(Some("+18445550001"), None).unwrap();
        let client = Telnyx::new("http://127.0.0.1:1/v2", &key, sender, Timeouts::default());
        let to = PhoneNumber::parse("+18665550001").unwrap();
        let sms = SmsOut { to, text: "canary".into(), webhook_url: None };
        let printed = format!("{client:?} {sms:?}");
        for hidden in ["canary", "18445550001", "18665550001"] {
            assert!(!printed.contains(hidden), "{printed}");
        }
    }

    #[test]
    fn settings_that_cannot_be_are_refused_and_not_quoted() {
        let make = |url: &str, key: &str| {
            let sender = Sender::Profile("p".into());
            Telnyx::new(url, &SecretString::from(key), sender, Timeouts::default()).map(drop)
        };
        assert_eq!(make("https://api.telnyx.com/v2/", "k"), Ok(()));
        for url in ["", "api.telnyx.com", "ftp://api.telnyx.com", "http://", "https://a.b/v2?x=1"] {
            assert!(matches!(make(url, "k"), Err(SetupError::BadUrl(_))), "{url}");
        }
        assert_eq!(make("http://127.0.0.1", "line\nbreak"), Err(SetupError::BadKey));
    }
}
