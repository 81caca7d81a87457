//! The store in memory: the same semantics without a database, for deterministic tests of the actors.
//!
//! Nothing here waits: a commit is done when it is queued, so that a paused clock sees no time pass.

mod commit;
mod load;
mod radio;
mod rules;
mod show;
mod tenants;
mod tree;

pub(crate) use commit::is_same;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hub_domain::{
    AlertId, AreaId, DeviceId, KeyId, OrgId, ReadingKey, RuleId, SiteId, Timestamp, UnitId,
    UnitState, UserId, Version,
};
use uuid::Uuid;

use crate::{
    StoreError, cursor,
    mint::Mint,
    records::{
        AlertEventRecord, AlertRecord, AlertRule, ApiKey, Area, AuditEntry, Device, Organization,
        Page, PageQuery, Role, SigningKey, Site, StoreCounts, StoredReading, TtnConnection,
        UnclaimedDevice, UnitRecord, UpkeepReport, Uplink, User,
    },
};

/// What the memory store does instead of the next commit (or load), so that tests see how its caller takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Writes nothing and says so.
    Unavailable,
    /// Writes nothing and cannot tell.
    UnknownLost,
    /// Writes it and cannot tell.
    UnknownWritten,
    /// Not of a commit: says of the next unit loaded by itself that it cannot be read.
    Unreadable,
}

/// The store in memory.
pub(crate) struct Memory {
    mint: Arc<Mint>,
    tables: Mutex<Tables>,
}

/// Everything that is stored.
#[derive(Default)]
pub(super) struct Tables {
    organizations: BTreeMap<OrgId, (Organization, i64)>,
    users: BTreeMap<UserId, (User, Option<(String, String)>)>,
    memberships: BTreeMap<(OrgId, UserId), Role>,
    signing_keys: Vec<SigningKey>,
    sites: BTreeMap<SiteId, Site>,
    areas: BTreeMap<AreaId, Area>,
    units: BTreeMap<UnitId, UnitRecord>,
    devices: BTreeMap<DeviceId, Device>,
    api_keys: BTreeMap<KeyId, ApiKey>,
    ttn_connections: BTreeMap<Uuid, TtnConnection>,
    rules: BTreeMap<RuleId, AlertRule>,
    states: BTreeMap<UnitId, StateRow>,
    epochs: BTreeMap<SiteId, i64>,
    readings: BTreeMap<UnitId, BTreeMap<ReadingKey, StoredReading>>,
    alerts: BTreeMap<AlertId, AlertRecord>,
    unresolved: BTreeMap<UnitId, BTreeSet<AlertId>>,
    alert_events: BTreeMap<AlertId, Vec<AlertEventRecord>>,
    uplinks: BTreeMap<Uuid, UplinkRow>,
    unclaimed: BTreeMap<(OrgId, String), UnclaimedDevice>,
    audit: BTreeMap<Uuid, AuditEntry>,
    faults: VecDeque<Fault>,
    unreadable: usize,
}

#[derive(Default)]
pub(super) struct StateRow {
    version: Version,
    state: UnitState,
    wake_at: Option<Timestamp>,
}

pub(super) struct UplinkRow {
    uplink: Uplink,
    is_settled: bool,
}

impl Memory {
    pub(crate) fn new(mint: Arc<Mint>) -> Self {
        Self { mint, tables: Mutex::default() }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inject(&self, fault: Fault) {
        let mut tables = self.tables();
        match fault {
            Fault::Unreadable => tables.unreadable += 1,
            _ => tables.faults.push_back(fault),
        }
    }

    pub(crate) fn migrate(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub(crate) fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    pub(crate) fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub(crate) fn upkeep(&self, _now: Timestamp) -> Result<UpkeepReport, StoreError> {
        Ok(UpkeepReport::default())
    }

    pub(crate) fn counts(&self) -> Result<StoreCounts, StoreError> {
        let tables = self.tables();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Ok(StoreCounts {
            organizations: count(tables.organizations.len()),
            sites: count(tables.sites.len()),
            units: count(tables.units.len()),
            devices: count(tables.devices.len()),
            unresolved_alerts: count(
                tables.alerts.values().filter(|alert| alert.resolved_at.is_none()).count(),
            ),
            undecoded_uplinks: count(
                tables.uplinks.values().filter(|row| !row.uplink.is_decoded).count(),
            ),
        })
    }
}

/// A page of `items`, which come in order of their ids.
fn page_by_id<'a, T: Clone + 'a>(
    items: impl Iterator<Item = &'a T>,
    id: impl Fn(&T) -> Uuid,
    page: &PageQuery,
) -> Result<Page<T>, StoreError> {
    let after = cursor::id_after(page)?;
    let rest = items.filter(|item| after.is_none_or(|after| id(item) > after));
    let found = rest.take(cursor::limit(page) + 1).cloned().collect();
    Ok(cursor::cut(found, page, |item| cursor::of_id(id(item))))
}

/// A page of `items`, which come in reverse order of their ids.
fn page_by_id_back<'a, T: Clone + 'a>(
    items: impl Iterator<Item = &'a T>,
    id: impl Fn(&T) -> Uuid,
    page: &PageQuery,
) -> Result<Page<T>, StoreError> {
    let before = cursor::id_after(page)?;
    let rest = items.filter(|item| before.is_none_or(|before| id(item) < before));
    let found = rest.take(cursor::limit(page) + 1).cloned().collect();
    Ok(cursor::cut(found, page, |item| cursor::of_id(id(item))))
}
