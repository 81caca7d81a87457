//! What operators of the platform see of the queues: how much there is, and what came to nothing.

use axum::{Json, extract::State, http::StatusCode};
use hub_store::queue::{DeadLetter, QueueCount};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors},
    asked::{self, Id, Listed, Query},
    error::ApiError,
    openapi::ById,
    schemas,
};
use crate::{app::Hub, auth::Operator, wire::InstantOut};

/// How much there is in a queue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueOut {
    queue: String,
    /// Jobs that nobody has begun, or that wait for their next attempt.
    waiting: u64,
    /// Jobs that a worker holds.
    in_hand: u64,
    /// Dead letters.
    dead: u64,
    /// For how many seconds the oldest job that is due has been, if one is.
    #[schema(required)]
    oldest_secs: Option<u64>,
}

/// The queues that have something.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueuesOut {
    items: Vec<QueueOut>,
}

/// A job that came to nothing: given up, or out of attempts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    queue: String,
    /// What made it one job.
    #[schema(required)]
    key: Option<String>,
    attempts: u32,
    max_attempts: u32,
    /// What the last attempt said.
    #[schema(required)]
    last_error: Option<String>,
    ended_at: InstantOut,
}

/// Which dead letters are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeadLettersIn {
    /// Of this queue alone.
    queue: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

impl From<QueueCount> for QueueOut {
    fn from(count: QueueCount) -> Self {
        let QueueCount { queue, waiting, in_hand, dead, oldest_secs } = count;
        Self { queue, waiting, in_hand, dead, oldest_secs }
    }
}

impl From<DeadLetter> for DeadLetterOut {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id.to_string(),
            queue: letter.queue,
            key: letter.key,
            attempts: letter.attempts,
            max_attempts: letter.max_attempts,
            last_error: letter.last_error,
            ended_at: InstantOut(letter.ended_at),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(queues))
        .routes(routes!(dead_letters))
        .routes(routes!(retry))
}

/// How much there is in each queue that has something.
///
/// # Errors
/// 404 for who is no operator.
#[utoipa::path(
    get,
    path = "/api/v1/platform/queues",
    operation_id = "getQueues",
    tag = "Platform",
    responses(
        (status = 200, description = "All of them, by name.", body = QueuesOut),
        ReadErrors,
    ),
)]
pub async fn queues(
    State(hub): State<Hub>,
    _operator: Operator,
) -> Result<Json<QueuesOut>, ApiError> {
    let counts = hub.store.queue_counts().await?;
    Ok(Json(QueuesOut { items: counts.into_iter().map(QueueOut::from).collect() }))
}

/// Jobs that came to nothing, newest job first, until they are tried again or purged.
///
/// # Errors
/// 404 for who is no operator; 400 for a queue that can be none.
#[utoipa::path(
    get,
    path = "/api/v1/platform/dead-letters",
    operation_id = "listDeadLetters",
    tag = "Platform",
    params(DeadLettersIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<DeadLetterOut>),
        ReadErrors,
    ),
)]
pub async fn dead_letters(
    State(hub): State<Hub>,
    _operator: Operator,
    Query(asked): Query<DeadLettersIn>,
) -> Result<Json<Listed<DeadLetterOut>>, ApiError> {
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let queue = asked::query_text("queue", asked.queue)?;
    let letters = hub.store.dead_letters(queue.as_deref(), page).await?;
    Ok(Json(Listed::of(letters, DeadLetterOut::from)))
}

/// Has a dead letter tried again, as if it were new. What it was to do is looked at afresh: a message that was sent or
/// came to nothing for good by another way meanwhile is not sent now.
///
/// # Errors
/// 404 for who is no operator, or where there is no such dead letter (any more).
#[utoipa::path(
    post,
    path = "/api/v1/platform/dead-letters/{id}/retry",
    operation_id = "retryDeadLetter",
    tag = "Platform",
    params(ById),
    responses(
        (status = 204, description = "It waits to be tried."),
        ActErrors,
    ),
)]
pub async fn retry(
    State(hub): State<Hub>,
    operator: Operator,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    let queue = hub.store.retry_dead_letter(id).await?;
    tracing::info!(operator = %operator.user, job.id = %id, queue, "a dead letter is tried again");
    Ok(StatusCode::NO_CONTENT)
}
