//! How a log is taken in: read from its body, known again, judged as a reading.

use axum::http::StatusCode;
use hub_actors::{ReadingFate, UnitBatch};
use hub_domain::{
    Channel, MilliCelsius, OrgId, Point, Reading, Rule, Side, SiteId, SourceId, Timestamp, UnitId,
    UserId,
};
use hub_store::{
    RuleScope,
    records::{Edition, ManualLog},
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Kept, ManualLogIn};
use crate::{
    app::Hub,
    auth::Caller,
    http::{areas::reference, asked, error::ApiError, recorded},
};

/// The log that is asked for, before its unit is looked for and it is judged, and what was done.
pub(super) fn log_of(
    hub: &Hub,
    caller: &Caller,
    asked: ManualLogIn,
) -> Result<(ManualLog, Option<String>), ApiError> {
    let (minted, created_at) = hub.store.mint_record();
    let action = recorded::words_or_none("/correctiveAction", asked.corrective_action)?;
    let log = ManualLog {
        id: id_of(caller, asked.id.as_deref(), minted)?,
        temperature: recorded::temperature(&asked.temperature, asked.temperature_unit.as_deref())?,
        humidity: asked.humidity.as_deref().map(recorded::humidity).transpose()?,
        note: asked::note("/note", asked.note)?,
        recorded_at: recorded::past("/recordedAt", &asked.recorded_at, created_at)?,
        created_by: caller.user()?,
        created_at,
        ..unjudged(caller.org, reference("/unitId", &asked.unit_id)?)
    };
    let fingerprint = fingerprint(&log, action.as_deref());
    Ok((ManualLog { fingerprint, ..log }, action))
}

/// A log of a unit of which nothing is said yet.
fn unjudged(org: OrgId, unit: UnitId) -> ManualLog {
    ManualLog {
        id: Uuid::nil(),
        org,
        site: SiteId(Uuid::nil()),
        unit,
        temperature: MilliCelsius(0),
        humidity: None,
        note: None,
        is_out_of_range: false,
        needs_action: false,
        recorded_at: Timestamp::default(),
        fingerprint: [0; 32],
        created_by: UserId(Uuid::nil()),
        created_at: Timestamp::default(),
        edition: Edition::default(),
    }
}

/// The sender's own id; or one that the same `Idempotency-Key` gives again; or a new one.
fn id_of(caller: &Caller, chosen: Option<&str>, minted: Uuid) -> Result<Uuid, ApiError> {
    if let Some(text) = chosen {
        let hint = "must be a UUID with hyphens, and not the nil one";
        let id = asked::id(text).filter(|id| !id.is_nil());
        return id.ok_or_else(|| ApiError::field("/id", "bad_id", hint));
    }
    let Some(request) = caller.by().request else { return Ok(minted) };
    let name = [request.caller.as_bytes().as_slice(), request.key.as_bytes()].concat();
    Ok(Uuid::new_v5(&caller.org.0, &name))
}

fn fingerprint(log: &ManualLog, action: Option<&str>) -> [u8; 32] {
    let said = serde_json::json!([
        log.unit.0,
        log.temperature.0,
        log.humidity.map(|humidity| humidity.0),
        log.note,
        log.recorded_at.as_millis(),
        action,
        log.created_by.0,
    ]);
    Sha256::digest(said.to_string()).into()
}

/// The log of that id, if it is the same; voided or not, as its sender need not send it again.
pub(super) async fn known(
    hub: &Hub,
    caller: &Caller,
    log: &ManualLog,
) -> Result<Option<Kept>, ApiError> {
    let Some(found) = hub.store.manual_log(caller.org, log.id, None).await? else {
        return Ok(None);
    };
    if found.fingerprint != log.fingerprint {
        return Err(ApiError::Conflicting);
    }
    Ok(Some(Kept { status: StatusCode::OK, log: found }))
}

/// Has the log's reading judged and stored. It is known again by the log's id.
pub(super) async fn take_in(hub: &Hub, log: &ManualLog) -> Result<(), ApiError> {
    let point = Point { source: SourceId::direct(log.unit), channel: Channel::MANUAL };
    let reading = Reading::new(point, log.recorded_at, Timestamp::default(), log.temperature);
    let reading = Reading { sequence: sequence(log.id), humidity: log.humidity, ..reading };
    let batch = UnitBatch { unit: log.unit, readings: vec![reading] };
    for answer in hub.units.ingest(vec![batch]).await {
        for fate in answer? {
            match fate {
                ReadingFate::Accepted | ReadingFate::Late | ReadingFate::Duplicate => {}
                // of too many points a person's is never one
                ReadingFate::Conflicting | ReadingFate::TooManyPoints => {
                    return Err(ApiError::Conflicting);
                }
                ReadingFate::Quarantined(_) => {
                    let detail = "the instant cannot be believed";
                    return Err(ApiError::field("/recordedAt", "bad_instant", detail));
                }
            }
        }
    }
    Ok(())
}

/// A whole number that a log's id gives, exact as a JSON number for everybody. It tells logs of one instant apart and
/// does not order them.
fn sequence(id: Uuid) -> i64 {
    let hash: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    let first = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    i64::try_from(first >> 11).unwrap_or_default()
}

/// Whether a log's temperature is outside what its unit is judged by. The store is asked, as a unit that is set aside
/// shows nothing.
pub(super) async fn is_outside(hub: &Hub, log: &ManualLog) -> Result<bool, ApiError> {
    let rules = hub.store.rules_of(RuleScope::Unit(log.unit)).await?;
    let is_out = |rule: &Rule| Side::BOTH.iter().any(|side| side.is_outside(log.temperature, rule));
    Ok(rules.iter().any(|(_, rule, _)| is_out(rule)))
}
