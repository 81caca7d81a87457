//! Edits of rules and presets, and the running units that are to be judged by them.
//!
//! What a unit is judged by is in the database; its actor remembers it. An edit is committed and told in a task of its
//! own, so that it reaches the units whether or not who asked for it is still there; other hubs on the database are told
//! to look before it is answered. What is not told all the same (a hub was cut off from the database, or from the one that
//! made the edit) is found by a scan, which compares the version of each organization's rules with the one told last.

use std::{
    collections::HashMap,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use hub_actors::AskError;
use hub_domain::OrgId;
use hub_store::{RuleScope, Store, StoreError};
use tracing::Instrument as _;

use crate::{app::Hub, http::error::ApiError};

/// How often it is looked for edits that were not told.
const SCAN_EVERY: Duration = Duration::from_secs(3);

/// The versions of the organizations' rules that all running units were told.
#[derive(Debug)]
pub struct Told(Mutex<HashMap<OrgId, i64>>);

impl Told {
    /// As it is before any unit runs: each loads what holds when it starts.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(store.rules_versions().await?.into_iter().collect())))
    }

    /// Those of `versions` that are news. An organization that is gone is forgotten.
    fn untold(&self, versions: Vec<(OrgId, i64)>) -> Vec<(OrgId, i64)> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = versions.iter().map(|(org, _)| (*org, told.get(org).copied().unwrap_or(0)));
        *told = known.collect();
        versions.into_iter().filter(|(org, version)| told.get(org) != Some(version)).collect()
    }

    fn note(&self, org: OrgId, version: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(org, version);
    }

    /// The units that one edit concerns were told it, and `version` is what that came to: if nothing else was edited
    /// since, all that run are told.
    fn note_one(&self, org: OrgId, version: i64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.entry(org).and_modify(|told| *told += i64::from(*told == version - 1));
    }
}

/// Makes an edit and tells the running units of the scope that it gives, if any, here and at other hubs.
///
/// They are judged by it when this returns. All is done to the end although nobody waits for it any more.
///
/// # Errors
/// The edit's own; or that it was made and not all units could be told now, which the scan makes good.
pub async fn carry_through<T: Send + 'static>(
    hub: &Hub,
    org: OrgId,
    edit: BoxFuture<'static, Result<(T, Option<RuleScope>), ApiError>>,
) -> Result<T, ApiError> {
    let (units, told) = (hub.units.clone(), Arc::clone(&hub.rules_told));
    let nodes = Arc::clone(&hub.nodes);
    let carried = async move {
        let (edited, scope) = edit.await?;
        let Some(scope) = scope else { return Ok(edited) };
        let ((), changed) = tokio::join!(nodes.tell_of_rules(), units.rules_changed(scope));
        match changed {
            Ok(version) => version.into_iter().for_each(|version| told.note_one(org, version)),
            Err(AskError::UnknownUnit) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(edited)
    };
    match tokio::spawn(carried.in_current_span()).await {
        Ok(carried) => carried,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_stopping) => Err(ApiError::Unavailable),
        },
    }
}

/// Tells units of edits that did not reach them, until it is aborted.
pub async fn look_after(hub: Hub) {
    let mut scan = tokio::time::interval(SCAN_EVERY);
    scan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        scan.tick().await;
        if let Err(error) = look(&hub).await {
            tracing::debug!(%error, "edited rules could not be looked for");
        }
    }
}

/// Tells units of edits that did not reach them.
///
/// # Errors
/// When it cannot be read what was edited.
pub(crate) async fn look(hub: &Hub) -> Result<(), StoreError> {
    let versions = hub.store.rules_versions().await?;
    for (org, version) in hub.rules_told.untold(versions) {
        match hub.units.rules_changed(RuleScope::Organization(org)).await {
            Ok(_) | Err(AskError::UnknownUnit) => hub.rules_told.note(org, version),
            Err(error) => {
                tracing::warn!(organization.id = %org, %error, "running units were not told of an edited rule yet");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_edit_that_was_told_is_no_news_to_the_scan_unless_another_came_between() {
        let org = OrgId(Uuid::from_u128(1));
        let told = Told(Mutex::new(HashMap::from([(org, 7)])));
        told.note_one(org, 8);
        assert_eq!(told.untold(vec![(org, 8)]), []);
        told.note_one(org, 10); // what made it 9 was told to nobody here
        assert_eq!(told.untold(vec![(org, 10)]), [(org, 10)]);
        told.note(org, 10);
        assert_eq!(told.untold(vec![(org, 10)]), []);
    }
}
