//! The socket's channels: another organization's is as one of nothing.

use hub_testkit::socket::Socket;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{asking::Caller, world::World};

/// The page that lists the channels.
const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// The kinds of channel, as the protocol's page lists them: `site`, `unit`, `org`.
pub(crate) fn kinds() -> Vec<&'static str> {
    let row =
        |line: &'static str| line.strip_prefix("| `")?.split_once(":<uuid>`").map(|(kind, _)| kind);
    PROTOCOL.lines().filter_map(row).collect()
}

/// The kind of object that a channel is of.
pub(crate) fn object(kind: &str) -> &str {
    if kind == "org" { "organization" } else { kind }
}

/// What is found when the caller asks for the other's channels.
pub(crate) async fn findings(world: &World, caller: &Caller, url: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for kind in kinds() {
        let theirs = world.theirs.thing(object(kind));
        let nothing = Uuid::now_v7().to_string();
        let foreign = answer(caller, url, kind, theirs).await;
        let absent = answer(caller, url, kind, &nothing).await;
        if foreign != absent {
            findings.push(format!("{kind} as {}: {foreign} but {absent} for nothing", caller.name));
        }
        if foreign.contains(r#""subscribe""#) {
            findings.push(format!("{kind} as {}: {foreign}", caller.name));
        }
    }
    findings
}

/// What a caller is answered who subscribes to a channel, without its id.
pub(crate) async fn answer(caller: &Caller, url: &str, kind: &str, id: &str) -> String {
    let mut socket = Socket::open(url).await.expect("the hub takes a connection");
    let proof = caller.token.as_ref().or(caller.key.as_ref()).map_or("", String::as_str);
    let said = |reply: anyhow::Result<Value>| match reply {
        Ok(mut reply) => {
            reply["id"].take();
            if reply.get("connect").is_some() { "connected".to_owned() } else { reply.to_string() }
        }
        Err(error) => format!("{error:#}"),
    };
    let connected = said(socket.command("connect", json!({ "token": proof })).await);
    let channel = json!({ "channel": format!("{kind}:{id}") });
    let subscribed = said(socket.command("subscribe", channel).await);
    format!("{connected}, {subscribed}").replace(id, "<asked for>")
}
