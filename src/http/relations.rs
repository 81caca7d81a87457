//! What fields of one body have to do with each other, as far as JSON Schema can say it.
//!
//! A type's own schema says what each of its fields may be; here that is joined (`allOf`) with the choice (`anyOf`) that
//! the code leaves.

use hub_domain::RuleLayer;
use utoipa::openapi::{
    Components,
    schema::{AllOfBuilder, AnyOfBuilder, ObjectBuilder, Type},
};

use super::schemas::{self, AnySchema};

/// Joins the schemas of these bodies with what relates their fields.
pub fn tie(components: &mut Components) {
    let all = [
        ("NewContact", reached()),
        ("NewPolicy", scoped()),
        ("NewStep", repeated()),
        ("RuleIn", scoped()),
    ];
    for (name, relation) in all {
        let Some(schema) = components.schemas.remove(name) else { continue };
        let both = AllOfBuilder::new().item(schema).item(relation);
        components.schemas.insert(name.to_owned(), both.into());
    }
}

/// An e-mail address or a phone.
fn reached() -> AnySchema {
    let by = |name| ObjectBuilder::new().property(name, of(Type::String)).required(name);
    AnyOfBuilder::new().item(by("email")).item(by("phone")).into()
}

/// An organization's scope needs no id: it is the caller's.
fn scoped() -> AnySchema {
    let scope = |layers: &[RuleLayer]| {
        let words = schemas::words(layers.iter().map(|layer| layer.name()));
        ObjectBuilder::new().property("scope", words)
    };
    let narrower = scope(&[RuleLayer::Site, RuleLayer::Unit]);
    let narrower = narrower.property("scopeId", schemas::id()).required("scopeId");
    AnyOfBuilder::new().item(scope(&[RuleLayer::Organization])).item(narrower).into()
}

/// How often and how many times go together.
fn repeated() -> AnySchema {
    let both = |kind: Type| {
        let times = ObjectBuilder::new().property("repeatTimes", of(kind.clone()));
        times.property("repeatEveryMinutes", of(kind))
    };
    let said = both(Type::Integer).required("repeatTimes").required("repeatEveryMinutes");
    AnyOfBuilder::new().item(both(Type::Null)).item(said).into()
}

fn of(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}
