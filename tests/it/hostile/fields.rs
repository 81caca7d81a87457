//! Which texts a request's body may hold, as the interface's own document has it.

use reqwest::Method;
use serde_json::Value;

/// An operation with a JSON body.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    /// With the names of its parameters in braces.
    pub(super) path: String,
    /// Whether a request without a body is none.
    pub(super) needs_body: bool,
    pub(super) fields: Vec<Field>,
}

/// A text of a body.
#[derive(Clone)]
pub(super) struct Field {
    /// Where it is; of a list, the first item is meant.
    pub(super) pointer: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody's own words, which are kept as they are.
    Free,
    /// What is told apart, looked up or kept in another form: nothing of it is shown again as it was sent.
    Shaped,
}

/// Texts without a format in the document that are none of somebody's own words.
const SHAPED: [&str; 26] = [
    "at",
    "brand_id",
    "channel",
    "code",
    "current",
    "devEui",
    "dev_eui",
    "email",
    "eui",
    "frm_payload",
    "from",
    "gatewayEui",
    "model_id",
    "new",
    "ownerEmail",
    "password",
    "phone",
    "recoveryCode",
    "refreshToken",
    "session_key_id", // of a radio network
    "source",         // of a reading: it tells instruments apart, and is shown as an id
    "timezone",
    "to",
    "token",
    "totp",
    "unset",
];

/// Operations whose texts are compared with what is there, and not kept.
const COMPARED: [&str; 1] = ["eraseOrganization"];

/// How deep bodies are looked into.
const DEEPEST: usize = 8;

/// Every operation of the document that takes JSON.
pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let items = document["paths"].as_object().expect("paths").iter();
    let mut found = Vec::new();
    for (path, item) in items {
        for (method, said) in item.as_object().expect("an item") {
            let schema = &said["requestBody"]["content"]["application/json"];
            if schema.is_null() {
                continue;
            }
            let id = said["operationId"].as_str().expect("an id").to_owned();
            let mut fields = Vec::new();
            gather(document, &schema["schema"], "", DEEPEST, &mut fields);
            for field in &mut fields {
                if COMPARED.contains(&id.as_str()) {
                    field.kind = Kind::Shaped;
                }
            }
            let method = method.to_uppercase().parse().expect("a method");
            let needs_body = said["requestBody"]["required"] == true;
            found.push(Operation { id, method, path: path.clone(), needs_body, fields });
        }
    }
    found
}

/// Gathers the texts of a schema.
fn gather(document: &Value, schema: &Value, pointer: &str, deeper: usize, found: &mut Vec<Field>) {
    let Some(deeper) = deeper.checked_sub(1) else { return };
    if let Some(to) = schema["$ref"].as_str() {
        let schema = document.pointer(to.trim_start_matches('#')).expect("what is referred to");
        return gather(document, schema, pointer, deeper, found);
    }
    for one in ["oneOf", "anyOf", "allOf"].iter().filter_map(|of| schema[of].as_array()).flatten() {
        gather(document, one, pointer, deeper, found);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        gather(document, schema, &format!("{pointer}/{name}"), deeper, found);
    }
    if schema["items"].is_object() {
        gather(document, &schema["items"], &format!("{pointer}/0"), deeper, found);
    }
    let is_there = || found.iter().any(|field| field.pointer == pointer);
    if is_text(schema) && !pointer.is_empty() && !is_there() {
        found.push(Field { pointer: pointer.to_owned(), kind: kind(schema, pointer) });
    }
}

fn is_text(schema: &Value) -> bool {
    let kind = &schema["type"];
    kind == "string" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|k| k == "string"))
}

fn kind(schema: &Value, pointer: &str) -> Kind {
    let mut names = pointer.split('/').rev().filter(|name| *name != "0");
    let is_listed = names.next().is_some_and(|name| SHAPED.contains(&name));
    if is_listed || schema["format"].is_string() || schema["enum"].is_array() {
        return Kind::Shaped;
    }
    Kind::Free
}
