//! Which problems an operation may answer, in a few sets: what the OpenAPI document says of the table in
//! [`error`](super::error).
//!
//! A handler lists the set that fits beside its own good answers:
//! `responses((status = 200, body = SiteOut), ReadErrors)`. A set says every status that a request of its kind may meet
//! on its way, those of the layers and of the extractors among them; better one too many than one that is not said.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    IntoResponses,
    openapi::{
        Content, Header, Ref, RefOr, Response, ResponseBuilder,
        header::HeaderBuilder,
        schema::{ObjectBuilder, Type},
    },
};

use super::schemas;

/// The type of every answer that says what went wrong.
pub const PROBLEM_TYPE: &str = "application/problem+json";

macro_rules! sets {
    ($($(#[$doc:meta])* $name:ident: $($status:literal)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    [$($status),*].into_iter().map(reference).collect()
                }
            }
        )*
    };
}

sets! {
    /// Of an operation that anybody may ask for, without a body.
    OpenErrors: 429 500 503;
    /// Of an operation that anybody may ask for and that is not there on every hub.
    DemoErrors: 404 429 500 503;
    /// Of an operation that says by itself when it cannot answer.
    InternalErrors: 500;
    /// Of an operation that anybody may ask for, with a body.
    OpenBodyErrors: 400 401 408 413 415 422 429 500 503;
    /// Of an operation for whoever is signed in, in whatever organization.
    SignedInErrors: 401 403 429 500 503;
    /// Of a read within the caller's organization.
    ReadErrors: 400 401 403 404 429 500 503;
    /// Of a change without a body.
    ActErrors: 400 401 403 404 409 412 428 429 500 503;
    /// Of a change with a body: making, editing, acting.
    WriteErrors: 400 401 403 404 408 409 412 413 415 422 428 429 500 503;
    /// Of a change with a body that a plan may not hold, or that is to be paid.
    PaidErrors: 400 401 402 403 404 408 409 412 413 415 422 428 429 500 503;
    /// The same of a change without a body.
    PaidActErrors: 400 401 402 403 404 409 412 428 429 500 503;
    /// Of what senders use.
    SenderErrors: 400 401 404 408 413 415 422 429 500 503;
    /// Of what partners tell, who sign it.
    PartnerErrors: 400 404 408 413 422 429 500 503;
}

/// Every problem that a set may name: status, name, and what it asks of the caller.
const PROBLEMS: [(u16, &str, &str); 15] = [
    (400, "BadRequest", "The query or the body cannot be read, or the organization is not named."),
    (401, "Unauthorized", "What proves who asks is missing, wrong or over."),
    (402, "PaymentRequired", "Something is to be paid first; `code` says what."),
    (403, "Forbidden", "The role is too low, or there is no account or organization here."),
    (404, "NotFound", "There is no such object, or it is not the caller's."),
    (408, "BodyTimeout", "The body did not come in time."),
    (409, "Conflict", "The state of things speaks against it; `code` says which."),
    (412, "PreconditionFailed", "The object is no longer what the caller saw. Read it again."),
    (413, "TooLarge", "The body is too long, or holds too much."),
    (415, "UnsupportedMediaType", "The body's type or encoding is not taken here."),
    (422, "Invalid", "Fields of the body are wrong; `errors` names them."),
    (428, "PreconditionRequired", "The request must say which version of the object it is for."),
    (429, "TooManyRequests", "Too much was asked; come again later."),
    (500, "InternalError", "A mistake of the hub's."),
    (503, "Unavailable", "The hub cannot do this at the moment; it is safe to send this again."),
];

/// The answers that the sets refer to, for the document's components.
pub fn components() -> impl Iterator<Item = (String, RefOr<Response>)> {
    PROBLEMS.into_iter().map(|(status, name, said)| (name.to_owned(), problem(status, said).into()))
}

fn reference(status: u16) -> (String, RefOr<Response>) {
    let row = PROBLEMS.iter().find(|(listed, ..)| *listed == status);
    let name = row.map_or("InternalError", |(_, name, _)| name);
    (status.to_string(), Ref::from_response_name(name).into())
}

fn problem(status: u16, said: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let answer = ResponseBuilder::new()
        .description(said)
        .content(PROBLEM_TYPE, content)
        .header("X-Request-Id", header(schemas::id(), "The request's id, as in the hub's log."));
    let answer = match StatusCode::from_u16(status) {
        Ok(StatusCode::UNAUTHORIZED) => answer.header(
            "WWW-Authenticate",
            words("`Bearer`; of senders, which header their key or secret goes into."),
        ),
        Ok(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
            answer.header("Retry-After", header(seconds(), "Come again after so many seconds."))
        }
        _ => answer,
    };
    answer.build()
}

fn words(said: &str) -> Header {
    header(ObjectBuilder::new().schema_type(Type::String).into(), said)
}

fn seconds() -> RefOr<utoipa::openapi::Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).into()
}

fn header(schema: RefOr<utoipa::openapi::Schema>, said: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(said)).build()
}
