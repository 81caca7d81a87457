//! One sample of each operation: what a good request looks like, with a `$kind` in each place that names an object.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{asking::Asked, document::Operation, table::SAMPLES};

/// A good request for an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) operation: &'static str,
    /// The kinds of object in its path, in their order.
    path: &'static [&'static str],
    query: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    header: Option<(&'static str, &'static str)>,
    /// What the owner is answered, where it is not 2xx.
    pub(crate) answers: Option<u16>,
    /// Why a body with more fields is not refused.
    pub(crate) takes_more: Option<&'static str>,
    /// Why it is asked with nothing of the caller's own.
    pub(crate) not_done: Option<&'static str>,
}

/// What stands for text that names no object: `$name`, `$email`, and the like.
const WORDS: [&str; 10] =
    ["name", "text", "email", "eui", "ago", "hour", "soon", "later", "phone", "secret"];

impl Sample {
    pub(crate) const fn of(operation: &'static str) -> Self {
        Self {
            operation,
            path: &[],
            query: &[],
            body: None,
            header: None,
            answers: None,
            takes_more: None,
            not_done: None,
        }
    }

    /// With these kinds of object in its path.
    pub(crate) const fn path(mut self, kinds: &'static [&'static str]) -> Self {
        self.path = kinds;
        self
    }

    pub(crate) const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// With this JSON.
    pub(crate) const fn body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) const fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The owner is answered so, where their own objects are named.
    pub(crate) const fn answers(mut self, status: u16) -> Self {
        self.answers = Some(status);
        self
    }

    /// Fields that it does not know are passed over, for this reason.
    pub(crate) const fn takes_more(mut self, why: &'static str) -> Self {
        self.takes_more = Some(why);
        self
    }

    /// Never to be done with the caller's own, for this reason.
    pub(crate) const fn not_done(mut self, why: &'static str) -> Self {
        self.not_done = Some(why);
        self
    }

    /// The kinds of object that it names, each with its place.
    pub(crate) fn places(&self) -> Vec<(String, String)> {
        let mut places = Vec::new();
        for kind in self.path {
            places.push((format!("path ${kind}"), (*kind).to_owned()));
        }
        for (name, value) in self.query {
            let kinds = kinds_in(value);
            places.extend(kinds.into_iter().map(|kind| (format!("query {name}"), kind)));
        }
        let kinds = self.body.map(kinds_in).unwrap_or_default();
        for (index, kind) in kinds.into_iter().enumerate() {
            places.push((format!("body ${kind} ({})", index + 1), kind));
        }
        places
    }

    /// Whether its body names an object at `pointer`; `*` is any item of a list.
    fn names(&self, pointer: &str) -> bool {
        let Some(body) = self.body else { return false };
        let body: Value = serde_json::from_str(body)
            .unwrap_or_else(|error| panic!("{}: {error}: {body}", self.operation));
        (0..4).any(|index| {
            let at = body.pointer(&pointer.replace('*', &index.to_string()));
            at.and_then(Value::as_str).is_some_and(|text| text.starts_with('$'))
        })
    }

    /// The request, with what `id` gives for the object at each place, and `word` for other text.
    pub(crate) fn request(
        &self,
        operation: &Operation,
        mut id: impl FnMut(usize, &str) -> String,
        word: &dyn Fn(&str) -> String,
    ) -> Asked {
        let mut at = 0;
        let mut fill = |text: &str| filled(text, &mut at, &mut id, word);
        let mut place = operation.path.clone();
        for (name, kind) in operation.path_names().iter().zip(self.path) {
            place = place.replace(&format!("{{{name}}}"), &fill(&format!("${kind}")));
        }
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={}", fill(value))).collect();
        if !query.is_empty() {
            place = format!("{place}?{}", query.join("&"));
        }
        let body = self.body.map(|body| {
            let body = fill(body);
            serde_json::from_str(&body)
                .unwrap_or_else(|error| panic!("{}: {error}: {body}", self.operation))
        });
        let mut headers: Vec<(&'static str, String)> = Vec::new();
        if let Some((name, value)) = self.header {
            headers.push((name, fill(value)));
        }
        if operation.takes("header", "If-Match") {
            headers.push(("If-Match", "*".to_owned()));
        }
        Asked { method: operation.method.clone(), place, body, headers }
    }
}

/// The samples of an operation; what they name differs.
pub(crate) fn all(operation: &Operation) -> impl Iterator<Item = &'static Sample> {
    SAMPLES.iter().filter(|sample| sample.operation == operation.id)
}

/// The first sample of an operation.
pub(crate) fn of(operation: &Operation) -> &'static Sample {
    all(operation).next().unwrap_or_else(|| panic!("{}", none(operation)))
}

fn none(operation: &Operation) -> String {
    let Operation { method, path, id, .. } = operation;
    format!("{method} {path} ({id}) has no sample: write one in tests/tenants/table.rs")
}

/// What is wanting or wrong in the table of samples, a line each.
pub(crate) fn wanting(operations: &[Operation]) -> Vec<String> {
    let mut wanting = Vec::new();
    for operation in operations {
        if all(operation).next().is_none() {
            wanting.push(none(operation));
        } else {
            wanting.extend(wrong(operation));
        }
    }
    let known: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    let gone = SAMPLES.iter().filter(|sample| !known.contains(sample.operation));
    wanting.extend(gone.map(|sample| format!("{} is no operation any more", sample.operation)));
    wanting
}

fn wrong(operation: &Operation) -> Vec<String> {
    let mut wrong = Vec::new();
    let id = &operation.id;
    for sample in all(operation) {
        if operation.path_names().len() != sample.path.len() {
            wrong.push(format!("{id}: the path names {:?}", operation.path_names()));
        }
        if operation.has_body != sample.body.is_some() {
            let is = if operation.has_body { "wanting" } else { "too much" };
            wrong.push(format!("{id}: a body is {is}"));
        }
    }
    let in_query = |name: &str| {
        let mut said = all(operation).flat_map(|sample| sample.query);
        said.any(|(own, value)| *own == name && value.starts_with('$'))
    };
    for parameter in operation.parameters.iter().filter(|own| own.place == "query" && own.is_id) {
        if !in_query(&parameter.name) {
            wrong.push(format!(
                "{id}: the query's {} names an object, no sample does",
                parameter.name
            ));
        }
    }
    for pointer in &operation.ids_in_body {
        if !all(operation).any(|sample| sample.names(pointer)) {
            wrong.push(format!("{id}: the body's {pointer} names an object, no sample does"));
        }
    }
    wrong
}

fn kinds_in(text: &str) -> Vec<String> {
    let mut kinds = Vec::new();
    filled(
        text,
        &mut 0,
        &mut |_, kind| {
            kinds.push(kind.to_owned());
            String::new()
        },
        &|_| String::new(),
    );
    kinds
}

/// The text with each `$kind` and `$word` replaced.
pub(crate) fn filled(
    text: &str,
    at: &mut usize,
    id: &mut impl FnMut(usize, &str) -> String,
    word: &dyn Fn(&str) -> String,
) -> String {
    let mut parts = text.split('$');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        if WORDS.contains(&name) {
            filled.push_str(&word(name));
        } else {
            filled.push_str(&id(*at, name));
            *at += 1;
        }
        filled.push_str(rest);
    }
    filled
}
