//! Channels, by the socket and as server-sent events: another organization's is as one of nothing.

use std::collections::BTreeMap;

use hub_actors::channel::ChannelName;
use hub_testkit::socket::Socket;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    asking::{Asked, Caller, Heard},
    roles::is_no_member,
    world::{Needles, World},
};

/// The page that lists the channels.
const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// The kinds of channel that the hub knows: `org`, `site`, `unit`.
pub(crate) fn kinds() -> Vec<&'static str> {
    ChannelName::kinds().collect()
}

/// The same as the protocol's page lists them.
pub(crate) fn listed() -> Vec<&'static str> {
    let row =
        |line: &'static str| line.strip_prefix("| `")?.split_once(":<uuid>`").map(|(kind, _)| kind);
    let mut listed: Vec<&str> = PROTOCOL.lines().filter_map(row).collect();
    listed.sort_unstable();
    listed
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
        if is_told(&foreign) {
            findings.push(format!("{kind} as {}: {foreign}", caller.name));
        }
    }
    findings
}

/// What is found in the owner's snapshots of their own channels: anything of theirs.
pub(crate) async fn told(
    world: &World,
    needles: &Needles,
    owner: &Caller,
    url: &str,
) -> Vec<String> {
    let mut findings = Vec::new();
    for kind in kinds() {
        let own = world.ours.thing(object(kind));
        let heard = answer(owner, url, kind, own).await;
        if !heard.contains(r#""subscribe""#) || !heard.contains("event: snapshot") {
            findings.push(format!("our own {kind}: {heard}"));
        }
        findings.extend(needles.in_text(&heard).map(|found| format!("our own {kind}: {found}")));
    }
    findings
}

/// The numbers in those snapshots that are not ours alone, by what the lists say.
pub(crate) async fn miscounted(world: &World, owner: &Caller, url: &str) -> Vec<String> {
    let mut socket = Socket::open(url).await.expect("the hub takes a connection");
    let token = json!({ "token": owner.token });
    socket.command("connect", token).await.expect("the owner is let in");
    let count = async |place: &str| {
        let heard = owner.ask(&Asked::get(place)).await.json();
        heard["items"].as_array().map_or(0, Vec::len)
    };
    let site = world.ours.thing("site");
    let org = socket.subscribe(&format!("org:{}", world.ours.org)).await.expect("our channel");
    let of_site = socket.subscribe(&format!("site:{site}")).await.expect("our channel");
    let sum = |name: &str| {
        let sites = org["data"]["sites"].as_array().into_iter().flatten();
        sites.map(|site| site[name].as_u64().unwrap_or(0)).sum::<u64>()
    };
    let length = |value: &Value| value.as_array().map_or(0, Vec::len);
    let units = count("/api/v1/units?limit=200").await;
    let open = count("/api/v1/alerts?status=open&limit=200").await;
    let compared = [
        ("units of the organization", sum("units"), units),
        (
            "sites of the organization",
            length(&org["data"]["sites"]) as u64,
            count("/api/v1/sites?limit=200").await,
        ),
        ("open alerts of the organization", sum("openAlerts"), open),
        ("alerts of the organization", length(&org["data"]["alerts"]) as u64, open),
        (
            "units of the site",
            length(&of_site["data"]["units"]) as u64,
            count(&format!("/api/v1/units?siteId={site}&limit=200")).await,
        ),
        (
            "alerts of the site",
            length(&of_site["data"]["alerts"]) as u64,
            count(&format!("/api/v1/alerts?siteId={site}&status=open&limit=200")).await,
        ),
    ];
    let is_wrong = |(_, told, ours): &(&str, u64, usize)| *told != *ours as u64 || *ours == 0;
    let wrong = compared.into_iter().filter(is_wrong);
    wrong.map(|(what, told, ours)| format!("{what}: {told} are told of our {ours}")).collect()
}

/// What is found when those who are nobody here ask for our own channels.
pub(crate) async fn taken(world: &World, callers: &[Caller], url: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for caller in callers.iter().filter(|caller| is_no_member(caller)) {
        for kind in kinds() {
            let heard = answer(caller, url, kind, world.ours.thing(object(kind))).await;
            if is_told(&heard) {
                findings.push(format!("our {kind} as {}: {heard}", caller.name));
            }
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
    let read = read(proof, url, &format!("{kind}:{id}")).await.without(id);
    format!("{connected}, {subscribed}, {} {}", read.status, read.text).replace(id, "<asked for>")
}

/// Whether a channel was told, either way.
fn is_told(answer: &str) -> bool {
    answer.contains(r#""subscribe""#) || answer.contains("event: ")
}

/// What is answered to who asks for the channel's events: the snapshot or the problem.
async fn read(proof: &str, socket_url: &str, channel: &str) -> Heard {
    let url = socket_url.replace("ws://", "http://").replace("/websocket", "/sse");
    let asked = reqwest::Client::new().get(format!("{url}?channel={channel}")).bearer_auth(proof);
    let mut answer = asked.send().await.expect("the hub answers");
    let (status, mut bytes) = (answer.status().as_u16(), Vec::new());
    // a problem ends; what goes on is events, the first of which has all that is there
    while !bytes.ends_with(b"}\n\n") {
        match answer.chunk().await.expect("the answer goes on") {
            Some(more) => bytes.extend_from_slice(&more),
            None => break,
        }
    }
    Heard { status, headers: BTreeMap::new(), text: String::from_utf8_lossy(&bytes).into_owned() }
}
