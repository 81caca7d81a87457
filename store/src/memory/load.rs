//! Loading from memory.

use std::collections::BTreeSet;

use hub_domain::{OrgId, Point, Reading, SiteId, Timestamp, UnitId, UnitState};

use super::{Memory, Tables};
use crate::{
    StoreError,
    layers::RuleBook,
    load::in_judged_order,
    records::{LoadedSite, LoadedUnit, UnitRecord},
};

impl Memory {
    pub(crate) fn load_sites(&self, sites: &[SiteId]) -> Result<Vec<LoadedSite>, StoreError> {
        let mut tables = self.tables();
        let wanted: BTreeSet<SiteId> =
            sites.iter().copied().filter(|site| tables.sites.contains_key(site)).collect();
        for site in &wanted {
            *tables.epochs.entry(*site).or_default() += 1;
        }
        wanted.into_iter().map(|site| tables.load_site(site)).collect()
    }

    pub(crate) fn peek_sites(&self, sites: &[SiteId]) -> Result<Vec<LoadedSite>, StoreError> {
        let tables = self.tables();
        let there = sites.iter().filter(|site| tables.sites.contains_key(site));
        there.map(|site| tables.load_site(*site)).collect()
    }

    pub(crate) fn peek_unit(&self, unit: UnitId) -> Result<Option<LoadedUnit>, StoreError> {
        let tables = self.tables();
        let Some(record) = tables.units.get(&unit) else { return Ok(None) };
        tables.load_unit(record, &mut tables.rule_book(record.org)).map(Some)
    }

    pub(crate) fn load_unit(
        &self,
        unit: UnitId,
        owner_epoch: i64,
    ) -> Result<Option<LoadedUnit>, StoreError> {
        let mut tables = self.tables();
        if let Some(left) = tables.unreadable.checked_sub(1) {
            tables.unreadable = left;
            return Err(StoreError::Corrupt("a test said so".to_owned()));
        }
        let Some(record) = tables.units.get(&unit) else { return Ok(None) };
        if tables.epochs.get(&record.site) != Some(&owner_epoch) {
            return Err(StoreError::NotOwner);
        }
        tables.load_unit(record, &mut tables.rule_book(record.org)).map(Some)
    }

    pub(crate) fn newest_judged(
        &self,
        unit: UnitId,
        points: &[Point],
    ) -> Result<Vec<Reading>, StoreError> {
        let tables = self.tables();
        let stored = || tables.readings.get(&unit).into_iter().flat_map(|of| of.values());
        let newest = |point: &Point| {
            let judged =
                stored().filter(|stored| !stored.is_late && stored.reading.point == *point);
            judged.map(|stored| &stored.reading).max_by_key(|r| (r.recorded_at, r.sequence))
        };
        Ok(points.iter().filter_map(newest).cloned().collect())
    }

    pub(crate) fn site_of_unit(&self, unit: UnitId) -> Result<Option<(OrgId, SiteId)>, StoreError> {
        Ok(self.tables().units.get(&unit).map(|unit| (unit.org, unit.site)))
    }

    pub(crate) fn all_sites(&self) -> Result<Vec<SiteId>, StoreError> {
        let sites: BTreeSet<SiteId> = self.tables().units.values().map(|unit| unit.site).collect();
        Ok(sites.into_iter().collect())
    }

    pub(crate) fn due_sites(&self, now: Timestamp) -> Result<Vec<SiteId>, StoreError> {
        let tables = self.tables();
        let due = tables
            .states
            .iter()
            .filter(|(_, row)| row.wake_at.is_some_and(|wake_at| wake_at <= now));
        let sites: BTreeSet<SiteId> =
            due.filter_map(|(unit, _)| Some(tables.units.get(unit)?.site)).collect();
        Ok(sites.into_iter().collect())
    }
}

impl Tables {
    fn load_site(&self, id: SiteId) -> Result<LoadedSite, StoreError> {
        let site = self.sites.get(&id).ok_or(StoreError::NotFound)?.clone();
        let mut book = self.rule_book(site.org);
        let units = self.units.values().filter(|unit| unit.site == id);
        let units = units.map(|unit| self.load_unit(unit, &mut book)).collect::<Result<_, _>>()?;
        let open = self.unresolved.values().flatten().filter_map(|id| self.alerts.get(id));
        let alerts = open.filter(|alert| alert.site == id).cloned().collect();
        let owner_epoch = self.epochs.get(&id).copied().unwrap_or_default();
        Ok(LoadedSite { site, owner_epoch, units, alerts, broken: Vec::new() })
    }

    fn load_unit(
        &self,
        record: &UnitRecord,
        book: &mut RuleBook,
    ) -> Result<LoadedUnit, StoreError> {
        let row = self.states.get(&record.id).ok_or(StoreError::NotFound)?;
        Ok(LoadedUnit {
            record: record.clone(),
            version: row.version,
            state: row.state.clone(),
            since: self.since(record.id, &row.state),
            rule: book.stored_rule(record)?,
            rule_version: self.rules_version(record.org),
        })
    }

    fn since(&self, unit: UnitId, state: &UnitState) -> Vec<Reading> {
        let stored = self.readings.get(&unit).into_iter().flat_map(|readings| readings.values());
        let is_newer = |reading: &Reading| {
            state
                .point(&reading.point)
                .is_some_and(|known| !known.is_past(reading.recorded_at, reading.sequence))
        };
        let judged = stored.filter(|stored| !stored.is_late).map(|stored| &stored.reading);
        in_judged_order(judged.filter(|reading| is_newer(reading)).cloned().collect())
    }
}
