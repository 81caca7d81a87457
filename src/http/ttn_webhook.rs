//! Where the webhooks of The Things Stack come in; what is done with them is told in [`ttn`].

use axum::{
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{answers::SenderErrors, asked::Id, error::ApiError, server::Peer};
use crate::{
    app::Hub,
    ttn::{self, body::Message},
};

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(webhook))
}

/// Takes in a webhook of The Things Stack v3: an uplink is kept and read, everything else is passed over.
///
/// # Errors
/// As [`ttn::webhook`] has it.
#[utoipa::path(
    post,
    path = "/api/integrations/ttn/{connection}",
    operation_id = "receiveTtnWebhook",
    tag = "Senders",
    params(("connection" = Uuid, Path, description = "The id of the connection.")),
    request_body(content = Message, description = "A message of The Things Stack v3."),
    security(("webhookSecret" = [])),
    responses(
        (status = 204, description = "All of it is durable."),
        SenderErrors,
    ),
)]
pub async fn webhook(
    hub: State<Hub>,
    peer: ConnectInfo<Peer>,
    connection: Id<Uuid>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    ttn::webhook(hub, peer, connection, request).await
}
