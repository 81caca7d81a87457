//! Commands as clients send them: one JSON object a line.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::codes::Refused;

/// A command, its request not yet looked into.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(default)]
    id: u64,
    #[serde(borrow)]
    connect: Option<&'a RawValue>,
    #[serde(borrow)]
    subscribe: Option<&'a RawValue>,
    #[serde(borrow)]
    unsubscribe: Option<&'a RawValue>,
    #[serde(borrow)]
    refresh: Option<&'a RawValue>,
    #[serde(borrow)]
    history: Option<&'a RawValue>,
    #[serde(borrow)]
    ping: Option<&'a RawValue>,
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
    #[serde(borrow)]
    send: Option<&'a RawValue>,
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// `{}`, the answer to a ping.
    Pong,
    /// A message that expects no reply. The hub takes none.
    Message,
    /// A command to be answered under this id.
    Command(u64, Method),
    /// No command at all.
    Nonsense,
}

/// What a command asks for; `Err` where the request has the wrong shape.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Connect(Result<ConnectIn, Refused>),
    Subscribe(Result<SubscribeIn, Refused>),
    Unsubscribe(Result<UnsubscribeIn, Refused>),
    Refresh(Result<RefreshIn, Refused>),
    History(Result<HistoryIn, Refused>),
    Ping,
    Publish,
    Unknown,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ConnectIn {
    #[serde(deserialize_with = "or_default")]
    pub(crate) token: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SubscribeIn {
    pub(crate) channel: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) recover: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) epoch: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) offset: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) flag: u64,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct UnsubscribeIn {
    pub(crate) channel: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct RefreshIn {
    pub(crate) token: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct HistoryIn {
    pub(crate) channel: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) limit: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) since: Option<SinceIn>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) reverse: bool,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SinceIn {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) epoch: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) offset: u64,
}

/// `null` is as good as nothing: some SDKs write their unset fields.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads one line.
pub(crate) fn read(line: &str) -> Said {
    let Ok(said) = serde_json::from_str::<Line<'_>>(line) else {
        return Said::Nonsense;
    };
    if line == "{}" {
        return Said::Pong;
    }
    match said.id {
        0 if said.send.is_some() => Said::Message,
        0 => Said::Nonsense,
        id => Said::Command(id, method(&said)),
    }
}

fn method(line: &Line<'_>) -> Method {
    if let Some(request) = line.connect {
        Method::Connect(parsed(request))
    } else if let Some(request) = line.subscribe {
        Method::Subscribe(parsed(request))
    } else if let Some(request) = line.unsubscribe {
        Method::Unsubscribe(parsed(request))
    } else if let Some(request) = line.refresh {
        Method::Refresh(parsed(request))
    } else if let Some(request) = line.history {
        Method::History(parsed(request))
    } else if line.ping.is_some() {
        Method::Ping
    } else if line.publish.is_some() {
        Method::Publish
    } else {
        Method::Unknown
    }
}

fn parsed<'a, T: Deserialize<'a>>(request: &'a RawValue) -> Result<T, Refused> {
    serde_json::from_str(request.get()).map_err(|_| Refused::BadRequest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method_of(line: &str) -> Method {
        match read(line) {
            Said::Command(7, method) => method,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn commands_are_read_and_unknown_fields_ignored() {
        let connect = r#"{"id":7,"connect":{"token":"t","name":"js","version":"5","data":{"x":[1]},"subs":null}}"#;
        assert!(matches!(method_of(connect), Method::Connect(Ok(connect)) if connect.token == "t"));
        let subscribe = r#"{"subscribe":{"channel":"c","recover":true,"epoch":"e","offset":4,"flag":1},"id":7,"x":0}"#;
        let Method::Subscribe(Ok(subscribe)) = method_of(subscribe) else { panic!("no subscribe") };
        assert_eq!((subscribe.recover, &*subscribe.epoch, subscribe.offset), (true, "e", 4));
        let bare = r#"{"id":7,"subscribe":{"channel":"c","epoch":null}}"#;
        assert!(
            matches!(method_of(bare), Method::Subscribe(Ok(bare)) if !bare.recover && bare.epoch.is_empty())
        );
        assert_eq!(method_of(r#"{"id":7,"ping":{}}"#), Method::Ping);
        assert_eq!(method_of(r#"{"id":7,"publish":{"channel":"c","data":1}}"#), Method::Publish);
        assert_eq!(method_of(r#"{"id":7,"presence":{"channel":"c"}}"#), Method::Unknown);
        assert_eq!(method_of(r#"{"id":7,"send":{}}"#), Method::Unknown);
    }

    #[test]
    fn a_request_of_the_wrong_shape_is_refused_and_not_the_line() {
        for request in
            [r#"{"channel":5}"#, "[]", "7", r#"{"channel":"c","offset":-1}"#, "{}", r#""x""#]
        {
            let line = format!(r#"{{"id":7,"subscribe":{request}}}"#);
            assert!(
                matches!(method_of(&line), Method::Subscribe(Err(Refused::BadRequest))),
                "{line}"
            );
        }
    }

    #[test]
    fn a_pong_is_an_empty_object_and_nonsense_is_nonsense() {
        assert_eq!(read("{}"), Said::Pong);
        assert_eq!(read(r#"{"send":{"data":1}}"#), Said::Message);
        let deep = "[".repeat(100_000);
        let nonsense = [
            "",
            "null",
            "[]",
            "5",
            "{",
            r#"{"id":-1}"#,
            r#"{"id":"x","ping":{}}"#,
            r#"{"ping":{}}"#,
            r#"{"id":0}"#,
            &deep,
        ];
        for line in nonsense {
            assert_eq!(read(line), Said::Nonsense, "{line}");
        }
    }
}
