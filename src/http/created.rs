//! The answer to a creating request: 201, where the object is, and the object in its first edition.

use axum::{
    Json,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::edition;

/// An object that was made, and the path of its kind's list.
#[derive(Debug)]
pub struct Created<T> {
    /// Where it can be read.
    pub location: String,
    /// What was made.
    pub object: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, [(LOCATION, self.location)], [edition::tag(1)], Json(self.object))
            .into_response()
    }
}
