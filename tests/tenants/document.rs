//! The hub's own OpenAPI document, as far as the suite goes by it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// One operation of the interface.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) parameters: Vec<Parameter>,
    /// What the caller has to be let to do.
    pub(crate) deed: Option<String>,
    pub(crate) caller: Expected,
    /// The pointers of its body that hold ids; `*` for each item of a list.
    pub(crate) ids_in_body: BTreeSet<String>,
    pub(crate) has_body: bool,
    /// The fields that its body may have.
    pub(crate) fields: BTreeSet<String>,
    /// Whether it makes something.
    pub(crate) creates: bool,
}

/// A parameter of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) is_id: bool,
}

/// Who is expected to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Anybody,
    People,
    Sender,
}

impl Operation {
    /// The names of what stands in braces in its path.
    pub(crate) fn path_names(&self) -> Vec<&str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    pub(crate) fn takes(&self, place: &str, name: &str) -> bool {
        self.parameters.iter().any(|own| own.place == place && own.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn reads(&self) -> bool {
        self.method == "GET"
    }
}

/// Every operation of the document.
pub(crate) fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in object(&document["paths"]) {
        for (method, said) in object(item) {
            found.push(operation(document, path, method, said));
        }
    }
    found
}

fn operation(document: &Value, path: &str, method: &str, said: &Value) -> Operation {
    let parameters = said["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|said| Parameter {
        name: text(&said["name"]),
        place: text(&said["in"]),
        is_id: is_id(document, &said["schema"]),
    });
    let schemas = said["requestBody"]["content"].as_object();
    let schema =
        schemas.and_then(|kinds| kinds.get("application/json")).map(|kind| &kind["schema"]);
    let mut ids_in_body = BTreeSet::new();
    if let Some(schema) = schema {
        collect_ids(document, schema, String::new(), &mut ids_in_body);
    }
    Operation {
        id: text(&said["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        parameters: parameters.collect(),
        deed: said["x-deed"].as_str().map(str::to_owned),
        caller: caller(said),
        ids_in_body,
        fields: schema.map(|schema| fields(document, schema)).unwrap_or_default(),
        has_body: schema.is_some(),
        creates: method == "post" && said["responses"].get("201").is_some(),
    }
}

fn caller(said: &Value) -> Expected {
    match said.get("security").map(|said| said[0].as_object().map_or(0, Map::len)) {
        None => Expected::People,
        Some(0) => Expected::Anybody,
        Some(_) if said["security"][0].get("bearer").is_some() => Expected::People,
        Some(_) => Expected::Sender,
    }
}

fn is_id(document: &Value, schema: &Value) -> bool {
    let schema = followed(document, schema);
    schema["format"] == "uuid" || schema["items"]["format"] == "uuid"
}

fn collect_ids(document: &Value, schema: &Value, at: String, found: &mut BTreeSet<String>) {
    if at.matches('/').count() > 6 {
        return; // a schema that holds itself
    }
    let schema = followed(document, schema);
    if schema["format"] == "uuid" {
        found.insert(at);
        return;
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        collect_ids(document, part, format!("{at}/{name}"), found);
    }
    if schema["items"].is_object() {
        collect_ids(document, &schema["items"], format!("{at}/*"), found);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        for part in schema[choice].as_array().into_iter().flatten() {
            collect_ids(document, part, at.clone(), found);
        }
    }
}

fn fields(document: &Value, schema: &Value) -> BTreeSet<String> {
    let schema = followed(document, schema);
    let own = schema["properties"].as_object().into_iter().flat_map(|own| own.keys().cloned());
    let choices =
        ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|choice| schema[choice].as_array());
    own.chain(choices.flatten().flat_map(|part| fields(document, part))).collect()
}

fn followed<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let to = schema["$ref"].as_str();
    to.and_then(|to| document.pointer(to.trim_start_matches('#'))).unwrap_or(schema)
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object of the document")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text of the document").to_owned()
}
