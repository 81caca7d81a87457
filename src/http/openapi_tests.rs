use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Map, Value};

use super::*;

/// What anybody may ask for.
const OPEN: [&str; 19] = [
    "acceptInvitation",
    "acknowledgeByMail",
    "changeMailSubscription",
    "completePasswordReset",
    "getDemo",
    "getJwks",
    "getLiveness",
    "getMetrics",
    "getOpenApi",
    "getReadiness",
    "refreshToken",
    "requestPasswordReset",
    "showMailSubscription",
    "showMailedAlert",
    "showMailedLink",
    "signIn",
    "signOut",
    "useMailedLink",
    "verifyEmail",
];

/// What senders prove themselves for with something of their own.
const SENDERS: [(&str, &str); 5] = [
    ("ingestReadings", "apiKey"),
    ("receiveStripeWebhook", "stripeSignature"),
    ("receiveTelnyxReceipt", "telnyxSignature"),
    ("receiveTelnyxWebhook", "telnyxSignature"),
    ("receiveTtnWebhook", "webhookSecret"),
];

fn as_json() -> Value {
    serde_json::from_slice(&DOCUMENT).unwrap()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

/// Every operation with its path.
fn operations(document: &Value) -> Vec<(&str, &Value)> {
    let items = object(&document["paths"]).iter();
    items
        .flat_map(|(path, item)| object(item).values().map(|asked| (path.as_str(), asked)))
        .collect()
}

fn id(operation: &Value) -> &str {
    operation["operationId"].as_str().unwrap()
}

#[test]
fn the_document_is_of_openapi_3_1_and_reads_back_as_it_is() {
    let read: utoipa::openapi::OpenApi = serde_json::from_slice(&DOCUMENT).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), as_json());
    assert_eq!(as_json()["openapi"], "3.1.0");
}

#[test]
fn every_operation_has_an_id_of_its_own_a_tag_a_summary_and_a_good_answer() {
    let document = as_json();
    let tags: Vec<&Value> =
        document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for (path, operation) in operations(&document) {
        let id = id(operation);
        assert!(ids.insert(id), "{id} is there twice");
        assert!(
            id.starts_with(char::is_lowercase) && id.chars().all(char::is_alphanumeric),
            "{id}"
        );
        assert!(operation["summary"].as_str().is_some_and(|said| said.len() > 3), "{id} at {path}");
        let tagged = operation["tags"].as_array().unwrap();
        assert!(tagged.len() == 1 && tags.contains(&&tagged[0]), "{id} has {tagged:?}");
        let answers = object(&operation["responses"]);
        assert!(answers.keys().any(|status| status.starts_with('2')), "{id}");
        assert!(answers.contains_key("500"), "{id} names no set of problems");
    }
    assert!(ids.len() >= 40, "{} operations", ids.len());
}

#[test]
fn what_makes_an_object_takes_a_key_of_its_sender() {
    let document = as_json();
    let operations = operations(&document);
    let (mut with, mut without) = (0, Vec::new());
    for (_, operation) in operations {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let takes = parameters.filter(|it| it["name"] == "Idempotency-Key").count();
        let makes = operation["responses"]["201"]["headers"].get("Location").is_some();
        assert!(takes <= usize::from(makes), "{}", id(operation));
        with += takes;
        without.extend((makes && takes == 0).then(|| id(operation)));
    }
    // the same report of a door is the same event in any case
    assert_eq!((with, without), (super::super::idempotency::PLACES.len() + 1, vec!["reportDoor"]));
}

#[test]
fn what_anybody_may_ask_for_is_on_the_list() {
    let document = as_json();
    let mut open: Vec<&str> = Vec::new();
    for (_, operation) in operations(&document) {
        let Some(said) = operation.get("security") else { continue };
        match SENDERS.iter().find(|(sender, _)| *sender == id(operation)) {
            Some((_, scheme)) => assert!(said[0].get(scheme).is_some(), "{said}"),
            None => {
                assert_eq!(said.to_string(), "[{}]", "{}", id(operation));
                open.push(id(operation));
            }
        }
    }
    open.sort_unstable();
    assert_eq!(open, OPEN);
    let people: Vec<String> = document["security"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|any| object(any).keys().cloned())
        .collect();
    assert_eq!(people, ["bearer", "stackAccessToken"]);
    for scheme in people.iter().map(String::as_str).chain(["apiKey", "webhookSecret"]) {
        assert!(document["components"]["securitySchemes"].get(scheme).is_some(), "{scheme}");
    }
}

#[test]
fn every_part_of_a_path_is_a_parameter_and_the_other_way_round() {
    let document = as_json();
    for (path, operation) in operations(&document) {
        let in_path: Vec<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let said: Vec<&Value> =
            operation.get("parameters").and_then(Value::as_array).into_iter().flatten().collect();
        let said_in_path: Vec<&str> = said
            .iter()
            .filter(|said| said["in"] == "path")
            .map(|said| said["name"].as_str().unwrap())
            .collect();
        assert_eq!(said_in_path, in_path, "{path}");
        for parameter in said {
            let is_path = parameter["in"] == "path";
            let is_required = is_path || parameter["name"] == "if-match";
            assert_eq!(parameter["required"].as_bool(), Some(is_required), "{path}: {parameter}");
            assert!(parameter["schema"]["type"].is_string(), "{path}: {parameter}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = as_json();
    let mut found = 0;
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(fields) => left.extend(fields.values()),
            Value::Array(items) => left.extend(items),
            _ => {}
        }
        let Some(to) = value.get("$ref").and_then(Value::as_str) else { continue };
        assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to} leads nowhere");
        found += 1;
    }
    assert!(found > 100, "{found} references");
}

/// The schema of a body without what relates its fields.
fn alone(schema: &Value) -> &Value {
    schema.pointer("/allOf/0").unwrap_or(schema)
}

#[test]
fn bodies_that_are_read_strictly_say_so() {
    let document = as_json();
    let schemas = &document["components"]["schemas"];
    for (name, schema) in object(schemas).iter().filter(|(name, _)| name.ends_with("In")) {
        assert_eq!(alone(schema)["additionalProperties"], false, "{name}");
    }
    let left_out = &document["paths"]["/api/v1/alerts/{id}/resolve"]["post"]["requestBody"];
    assert_eq!(
        left_out.to_string(),
        r##"{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/ResolveIn"}}}}"##
    );
    assert_eq!(alone(&schemas["RuleIn"])["properties"]["rule"]["additionalProperties"], false);
}

#[test]
fn nothing_is_routed_past_the_document() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let (mut left, mut past) = (vec![folder], Vec::new());
    while let Some(at) = left.pop() {
        if at.is_dir() {
            left.extend(fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = fs::read_to_string(&at).unwrap();
        let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let routed = concat!(".rou", "te(");
        past.extend(code.filter(|line| line.contains(routed)).map(str::to_owned));
    }
    assert_eq!(past.len(), 3, "{past:#?}");
    assert!(past.iter().all(|line| line.contains("/api/docs")), "{past:#?}");
}
