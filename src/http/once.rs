//! `Idempotency-Key` in the document: of each operation that takes one.

use utoipa::openapi::{
    Paths, Required,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, Type},
};

use super::idempotency;

/// Says so of the operations that make objects.
pub fn tie(paths: &mut Paths) {
    let making = paths.paths.iter_mut().filter(|(path, _)| idempotency::makes(path));
    making.filter_map(|(_, item)| item.post.as_mut()).for_each(take_key);
}

fn take_key(operation: &mut Operation) {
    operation.parameters.get_or_insert_default().push(key().into());
}

fn key() -> Parameter {
    let said = "Any text of the sender's own. The same request under the same key makes nothing again, for a day at \
        least: it is answered with what it made, and `Idempotency-Replayed: true`. Another request under it is \
        answered 422.";
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(idempotency::LONGEST_KEY))
        .pattern(Some("^[!-~]([ -~]*[!-~])?$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(said))
        .schema(Some(text))
        .build()
}
