//! Every field of somebody's own words gives back each text as it was sent, or refuses it by name.

use futures_util::{StreamExt as _, stream};
use hub_testkit::shared;
use serde_json::{Value, json};

use super::{
    CORES, LANES,
    fields::{self, Field, Kind, Operation},
    is_whole,
    samples::{Sample, Seen, World},
    survived, survived_body,
};
use crate::identity;

/// Where a text stands in a body before it is put there.
const MARK: &str = "here it goes";

/// One field of each kind of check gets every text; all the others get a part of them.
const EVERY_TEXT: [(&str, &str); 4] = [
    ("createSite", "/name"),
    ("createManualLog", "/note"),
    ("createCorrectiveAction", "/action"),
    ("createCalibration", "/certificate"),
];

/// A text as it is written in JSON, and what it means, if anything.
#[derive(Clone, Debug)]
struct Text {
    raw: Vec<u8>,
    value: Option<String>,
}

impl Text {
    fn of(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { raw: json!(value).to_string().into_bytes(), value: Some(value) }
    }

    const fn broken(raw: Vec<u8>) -> Self {
        Self { raw, value: None }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.raw).chars().take(60).collect()
    }
}

/// Those that are known to break programs, and are no part of the list.
fn usual_suspects() -> Vec<Text> {
    let values = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "x\r\nBcc: somebody@example.test",
        "\r\nBcc:",
        "<img src=x onerror=alert(1)>",
        "\u{202e}gpj.exe",
        "a\0b",
        "a\u{85}b",
        "a\u{2028}b\u{2029}c",
        "\u{feff}x",
        "x\u{1b}[2J",
        " x",
        "x ",
        "e\u{301}\u{e9}", // not to be normalized
        "\u{10ffff}\u{fffe}",
        "${jndi:ldap://127.0.0.1/x}",
        "%s%n%00",
        "'; DROP TABLE sites; --",
    ];
    let mut all: Vec<Text> = values.into_iter().map(Text::of).collect();
    all.push(Text::of("x".repeat(10_000)));
    all.push(Text::of("é".repeat(200)));
    all.push(Text::of("\u{1f4a3}".repeat(2_000)));
    all.push(Text::broken(b"\"\\ud800\"".to_vec()));
    all.push(Text::broken(b"\"\\udc00\\ud800 x\"".to_vec()));
    all.push(Text::broken(b"\"\xff\xfe\"".to_vec()));
    all.push(Text::broken(b"\"\xed\xa0\x80\"".to_vec()));
    all.push(Text::broken(b"\"a\nb\"".to_vec()));
    all
}

/// All texts, each once.
pub(super) fn naughty() -> Option<Vec<String>> {
    let text = shared::text("contracts/hostile/naughty-strings.json")?;
    let mut all: Vec<String> = serde_json::from_str(&text).expect("a list of texts");
    assert!(all.len() >= 515, "{}", all.len());
    all.sort();
    all.dedup();
    Some(all)
}

/// What a field of a kind is tried with: everything, or every so many.
fn texts(naughty: &[String], every: usize) -> Vec<Text> {
    let some = naughty.iter().step_by(every).map(Text::of);
    usual_suspects().into_iter().chain(some).collect()
}

/// The body with the text at the field's place.
fn body(sample: &Sample, field: &Field, text: &Text) -> Vec<u8> {
    let mut body = sample.body.clone();
    put(&mut body, &field.pointer, json!(MARK));
    let body = body.to_string();
    let (before, after) = body.split_once(&format!("\"{MARK}\"")).expect("the mark is there once");
    [before.as_bytes(), &text.raw, after.as_bytes()].concat()
}

/// Puts a value into a body, whatever is there.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("the sample has nothing at {parent}, so {pointer} has no place"));
    match parent {
        Value::Array(items) => items[name.parse::<usize>().expect("a place")] = value,
        _ => parent[name] = value,
    }
}

/// A text that was taken: its object's id and what was sent.
type Kept = (Value, String);

/// Sends a text in a field: it is seen again as it was, or refused by the field's name.
async fn check(world: &World, operation: &Operation, field: &Field, text: &Text) -> Option<Kept> {
    let what = format!("{} {} of {}", operation.id, field.pointer, text.shown());
    let sample = world.sample_of(operation).await;
    let answer =
        survived_body(&sample.by, &what, sample.request(), body(&sample, field, text)).await;
    if field.kind == Kind::Shaped {
        let is_taken = answer.status.is_success() && answer.body["accepted"] != 0;
        assert!(text.value.is_some() || !is_taken, "{what}: {}", answer.status);
        return None;
    }
    if answer.status.is_success() {
        let value = text.value.as_deref().unwrap_or_else(|| panic!("{what} was taken"));
        let place = answer.headers.get("location").map(|place| place.to_str().expect("text"));
        let seen = seen(world, &sample, field, place, &answer.body).await;
        let is_none = value.is_empty() && seen.is_null(); // an empty note is none
        assert!(seen == *value || is_none, "{what}: sent {value:?}, seen {seen}");
        return Some((answer.body["id"].clone(), value.to_owned()));
    }
    assert!(
        matches!(answer.status.as_u16(), 400 | 422),
        "{what}: {} {}",
        answer.status,
        answer.body
    );
    let is_named = answer.body["errors"][0]["pointer"] == *field.pointer;
    let is_unreadable = text.value.is_none() && answer.code() == "malformed_json";
    assert!(is_named || is_unreadable, "{what}: {}", answer.body);
    None
}

/// What is shown where a text of the sample is to be seen.
async fn seen(
    world: &World,
    sample: &Sample,
    field: &Field,
    place: Option<&str>,
    answer: &Value,
) -> Value {
    // who was nobody before is seen by the owner
    let api = if sample.path.contains("/auth/") { &world.owner } else { &sample.by };
    if sample.path.ends_with("/manual-logs") && field.pointer == "/correctiveAction" {
        let log = answer["id"].as_str().expect("an id");
        let path = format!("/api/v1/corrective-actions?manualLogId={log}");
        return api.read(&path).await["items"][0]["action"].clone();
    }
    match &sample.seen {
        Seen::There => {
            let found = api.read(place.unwrap_or(&sample.path)).await;
            found.pointer(&field.pointer).cloned().unwrap_or_default()
        }
        Seen::At(path, look) => look(&api.read(path).await).clone(),
        Seen::Among { list, id, field } => {
            let items = api.list(list).await;
            let item = items.iter().find(|item| Some(&item["id"]) == answer.pointer(id));
            item.and_then(|item| item.pointer(field)).cloned().expect("it is in the list")
        }
        Seen::Nowhere => panic!("{} is taken and seen nowhere", field.pointer),
    }
}

/// Tries the texts in a field, and looks at the list of what was made of them.
async fn try_field(
    world: &World,
    operation: &Operation,
    field: &Field,
    texts: &[Text],
    lanes: usize,
) {
    let checks = texts.iter().map(|text| check(world, operation, field, text));
    let kept: Vec<Option<Kept>> = stream::iter(checks).buffer_unordered(lanes).collect().await;
    let kept: Vec<Kept> = kept.into_iter().flatten().collect();
    if field.kind == Kind::Shaped {
        return;
    }
    let what = format!("{} {}", operation.id, field.pointer);
    assert!(!kept.is_empty(), "{what} takes nothing");
    assert!(kept.len() < texts.len(), "{what} takes everything");
    let is_list = operation.id.starts_with("create") && !operation.path.contains("/platform/");
    if !is_list {
        return;
    }
    let items = world.owner.list(&operation.path).await;
    for (id, text) in kept {
        let item = items.iter().find(|item| item["id"] == id);
        let seen = item.unwrap_or_else(|| panic!("{what}: {id} is not in the list"));
        let Some(seen) = seen.pointer(&field.pointer) else { continue }; // shown elsewhere
        assert!(*seen == *text || text.is_empty() && seen.is_null(), "{what}: {seen} of {text:?}");
    }
}

/// All operations, each field with a part of the texts.
async fn every_field(world: &World, naughty: &[String], every: usize) {
    let document = world.owner.read("/api/openapi.json").await;
    let operations = fields::operations(&document);
    let (every, seldom) = if is_whole() { (1, 1) } else { (every, 64) };
    let (some, few) = (texts(naughty, every), texts(naughty, seldom));
    let fields = operations
        .iter()
        .flat_map(|operation| operation.fields.iter().map(move |field| (operation, field)));
    let fields: Vec<_> = fields.collect();
    let free = fields.iter().filter(|(_, field)| field.kind == Kind::Free).count();
    assert!(free >= 45 && operations.len() >= 55, "{free} of {}", operations.len());
    // words first: tokens and codes that are none use up what one place may try
    for (kind, texts) in [(Kind::Free, &some), (Kind::Shaped, &few)] {
        let of_kind = fields.iter().filter(|(_, field)| field.kind == kind);
        let tries = of_kind.map(|(operation, field)| try_field(world, operation, field, texts, 1));
        stream::iter(tries).buffer_unordered(LANES).collect::<()>().await;
    }
    assert_eq!(world.owner.get("/health/ready").await.status, 200);
    let log = world.inner.hub.log_tail();
    assert!(!log.contains("panic"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_words_keeps_or_refuses_what_it_is_sent() {
    let Some(naughty) = naughty() else { return };
    let _busy = CORES.read().await;
    let world = World::on(identity::World::on_sqlite().await).await;
    every_field(&world, &naughty, 43).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_words_keeps_or_refuses_what_it_is_sent_on_postgres() {
    let Some(naughty) = naughty() else { return };
    let _busy = CORES.read().await;
    let world = World::on(identity::World::on_postgres().await).await;
    every_field(&world, &naughty, 86).await;
    every_text(&world, &naughty, &EVERY_TEXT[..2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_field_keeps_or_refuses_every_text() {
    let Some(naughty) = naughty() else { return };
    let _busy = CORES.read().await;
    let world = World::on(identity::World::on_sqlite().await).await;
    every_text(&world, &naughty, &EVERY_TEXT).await;
}

async fn every_text(world: &World, naughty: &[String], fields: &[(&str, &str)]) {
    let operations = fields::operations(&world.owner.read("/api/openapi.json").await);
    let all = texts(naughty, 1);
    for (id, pointer) in fields {
        let operation = operations.iter().find(|operation| operation.id == *id);
        let operation = operation.expect("the operation is in the document");
        let field = operation.fields.iter().find(|field| field.pointer == *pointer);
        let field = field.expect("the field is in the document");
        assert_eq!(field.kind, Kind::Free, "{id} {pointer}");
        try_field(world, operation, field, &all, LANES).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_fields_and_depths_are_bounded_too() {
    let (hub, api) = crate::edge::hub().await;
    let names =
        ["x".repeat(30_000), "\u{202e}<img src=x>".to_owned(), "a\0b".to_owned(), String::new()];
    for name in names {
        let body = json!({ "name": "Site", name: 1 }).to_string().into_bytes();
        let request = api.request(reqwest::Method::POST, "/api/v1/sites");
        let answer = survived_body(&api, "an unknown field", request, body).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert!(answer.body.to_string().len() < 2_048, "an echo is short");
    }
    let request = api.request(reqwest::Method::GET, "/api/v1/sites");
    assert_eq!(survived(&api, "the next", request).await.status, 200);
    assert!(!hub.log_tail().contains("panic"));
}
