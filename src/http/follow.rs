//! What can be asked of an object, as OpenAPI links: from each operation that makes one or lists many to every operation
//! on the object's own path and below it.

use std::collections::BTreeMap;

use utoipa::openapi::{
    PathItem, Paths, RefOr,
    link::{Link, LinkBuilder},
    path::Operation,
};

/// Where an answer has the object that a link is about.
#[derive(Clone, Copy)]
enum Place {
    /// It is the body.
    Body,
    /// It is the first of a list.
    First,
}

/// What a link leads to.
struct Next {
    name: String,
    /// Whether it asks for the edition that is meant.
    needs_edition: bool,
}

/// Adds the links.
pub fn tie(paths: &mut Paths) {
    let known: Vec<(String, Vec<Next>)> =
        paths.paths.iter().map(|(path, item)| (path.clone(), operations_of(item))).collect();
    for (path, item) in &mut paths.paths {
        let of_object = format!("{path}/{{id}}");
        let is_below = |other: &str| {
            other
                .strip_prefix(&of_object)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let next = known.iter().filter(|(other, _)| is_below(other));
        let next: Vec<&Next> = next.flat_map(|(_, operations)| operations).collect();
        item.post.iter_mut().for_each(|making| add(making, "201", Place::Body, &next));
        item.get.iter_mut().for_each(|listing| add(listing, "200", Place::First, &next));
    }
}

fn add(operation: &mut Operation, status: &str, place: Place, next: &[&Next]) {
    let Some(RefOr::T(answer)) = operation.responses.responses.get_mut(status) else { return };
    let links = next.iter().map(|next| (next.name.clone(), place.link(next).into()));
    answer.links.extend(links.collect::<BTreeMap<String, RefOr<Link>>>());
}

impl Place {
    fn link(self, next: &Next) -> Link {
        let (id, edition) = match self {
            Self::Body => ("$response.body#/id", "$response.header.ETag"),
            Self::First => ("$response.body#/items/0/id", r#""{$response.body#/items/0/version}""#),
        };
        let link = LinkBuilder::new().operation_id(&next.name).parameter("id", id);
        if next.needs_edition { link.parameter("if-match", edition).build() } else { link.build() }
    }
}

fn operations_of(item: &PathItem) -> Vec<Next> {
    let operations = [&item.get, &item.post, &item.patch, &item.delete, &item.put];
    operations.into_iter().flatten().filter_map(next).collect()
}

fn next(operation: &Operation) -> Option<Next> {
    let mut parameters = operation.parameters.iter().flatten();
    let needs_edition =
        parameters.any(|parameter| matches!(parameter, RefOr::T(it) if it.name == "if-match"));
    Some(Next { name: operation.operation_id.clone()?, needs_edition })
}
