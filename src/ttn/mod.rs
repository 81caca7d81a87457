//! The webhook of The Things Stack v3: `POST /api/integrations/ttn/{connection}`.
//!
//! The network delivers a frame more than once, minutes or weeks apart. So a frame is kept first, by its own
//! identity, and readings are made of the copy that is stored: the second copy makes the same readings, or none.
//! The bytes are read by our own codecs first, and what the network decoded only where those refuse.
//! Answered 2xx only once all of it is durable; anything else makes the network try again, where it does.

pub mod body;
pub mod fields;
pub mod history;
pub mod sightings;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
};
use hub_codecs::{Decoded, Frame};
use hub_domain::{Point, Reading, SourceId, Timestamp};
use hub_store::records::{PreviousSecret, TtnConnection, Uplink};
use uuid::Uuid;

use self::body::Message;
use crate::{
    app::Hub,
    auth::{attempts::origin_of, caller::bearer, is_secret},
    http::{asked::Id, body as bodies, error::ApiError, server::Peer},
};

/// The header that carries a connection's secret.
pub const SECRET_HEADER: &str = "X-Webhook-Secret";

/// The longest body of a webhook, compressed or not, in bytes. The network's own are a few thousand.
const BODY_LIMIT: usize = 256 * 1024;

/// Takes in a webhook: an uplink is kept and read, everything else is passed over.
///
/// # Errors
/// 401 without the connection's secret, 429 past its rate or its organization's, 400, 413, 415, 422 for a body that is none of the
/// network's, 503 when it could not be stored.
pub async fn webhook(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Id(id): Id<Uuid>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let (parts, body) = request.into_parts();
    let connection = admit(&hub, peer, id, &parts.headers).await?;
    hub.keys.admit_webhook(connection.id, connection.org)?;
    if bodies::media_type(&parts.headers).as_deref() != Some("application/json") {
        return Err(ApiError::UnsupportedMediaType("application/json"));
    }
    let bytes = bodies::read(&parts.headers, body, BODY_LIMIT).await?;
    let bytes = bodies::open(&parts.headers, bytes, BODY_LIMIT).await?;
    let message: Message = bodies::parse(&bytes)?;
    let gateways = message.gateways();
    if let Some(uplink) = message.uplink(connection.org, hub.clock.now())? {
        take_in(&hub, &uplink).await?;
        hub.gateways.note(&hub.store, uplink.org, gateways, uplink.received_at).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn admit(
    hub: &Hub,
    peer: Peer,
    id: Uuid,
    headers: &HeaderMap,
) -> Result<TtnConnection, ApiError> {
    let connection = hub.store.find_ttn_connection(id).await?;
    let own = headers.get(SECRET_HEADER).map(|value| value.as_bytes());
    let authorization = || {
        headers.get(AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?)).map(str::as_bytes)
    };
    let secret = own.or_else(authorization).unwrap_or_default();
    let expected = connection.as_ref().map_or([0; 32], |connection| connection.secret_hash);
    let previous = connection.as_ref().and_then(|connection| connection.previous);
    let is_old = |previous: PreviousSecret| {
        hub.clock.now() < previous.until && is_secret(secret, &previous.hash)
    };
    let good = is_secret(secret, &expected) || previous.is_some_and(is_old);
    if let Some(connection) = connection.filter(|_| good) {
        return Ok(connection);
    }
    hub.wrong_secrets.take(origin_of(peer.0.ip())).map_err(ApiError::TooManyRequests)?;
    Err(ApiError::BadSecret)
}

async fn take_in(hub: &Hub, uplink: &Uplink) -> Result<(), ApiError> {
    let kept = hub.store.keep_uplink(uplink).await?;
    metrics::counter!("hub_uplinks_total", "copy" => if kept.is_new { "first" } else { "later" })
        .increment(1);
    if kept.is_settled {
        return Ok(()); // its readings are durable
    }
    finish(hub, &kept.uplink, uplink.received_at, kept.is_new).await
}

/// Makes of a kept frame what can be made of it now.
///
/// Until that is done the frame is in hand, and a sweep of [`follow_up`](crate::follow_up) does it: the network does not
/// send a frame again that it was not thanked for.
///
/// # Errors
/// When it could not be done now; doing it twice changes nothing but how often an unclaimed sensor was heard.
pub async fn finish(
    hub: &Hub,
    frame: &Uplink,
    heard_at: Timestamp,
    is_new: bool,
) -> Result<(), ApiError> {
    let sensor =
        hub.store.sensors(frame.org, &[], std::slice::from_ref(&frame.dev_eui)).await?.pop();
    let taken = match sensor {
        Some(sensor) => history::take(hub, &sensor, std::slice::from_ref(frame)).await?,
        None => {
            hub.store.note_unclaimed(frame.org, &frame.dev_eui, heard_at, is_new).await?;
            Vec::new()
        }
    };
    match taken.into_iter().flatten().next() {
        Some(taken) => {
            hub.store.settle_uplink(frame, Some(taken.unit), taken.is_decoded).await?;
        }
        None => hub.store.lay_by_uplink(frame).await?,
    }
    Ok(())
}

/// What a frame says: read by the codec of its device's model, or of the one that the network knows where the device has
/// none, or by port and shape where neither is known; where no codec reads it, what the network's own formatter made
/// of it.
fn decoded(model: Option<&str>, frame: &Uplink) -> Decoded {
    let port = frame.f_port.and_then(|port| u8::try_from(port).ok());
    let radio = Frame { port, bytes: &frame.payload, received_at: frame.recorded_at };
    // a model that none of ours reads may still be one that cannot be mistaken by its port and shape
    let told = frame.model.as_deref().filter(|model| hub_codecs::codec_of(model).is_some());
    hub_codecs::decode(model.or(told), &radio).unwrap_or_else(|refusal| {
        tracing::debug!(device.eui = %frame.dev_eui, %refusal, "no codec reads the frame");
        let json = frame.decoded_payload.as_deref();
        json.map(|json| fields::read(json, frame.received_at)).unwrap_or_default()
    })
}

/// The readings of a frame. What stands beside the temperatures goes with the first of them.
fn readings_of(source: SourceId, frame: &Uplink, decoded: &Decoded) -> Vec<Reading> {
    let mut readings: Vec<Reading> = decoded
        .temperatures
        .iter()
        .map(|measured| {
            let point = Point { source, channel: measured.channel.clone() };
            let recorded_at = measured.at.unwrap_or(frame.recorded_at);
            let reading =
                Reading::new(point, recorded_at, Timestamp::default(), measured.temperature);
            Reading {
                // what a sensor has in its memory is told in several frames, and is the same reading in each
                sequence: measured.at.map_or(frame.f_cnt, |_| reading.sequence),
                humidity: measured.humidity,
                signal_dbm: frame.rssi_dbm,
                ..reading
            }
        })
        .collect();
    if let Some(first) = readings.first_mut() {
        first.humidity = first.humidity.or(decoded.humidity);
        first.battery_percent = decoded.battery_percent;
        first.battery_mv = decoded.battery_mv;
        first.door_open = decoded.door_open;
    }
    readings
}
