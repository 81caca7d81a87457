//! Sites, areas, units and devices in memory.

use hub_domain::{AreaId, DeviceId, OrgId, SiteId, Timestamp, UnitId};

use super::{Memory, StateRow, page_by_id};
use crate::{
    Scope, StoreError,
    records::{
        Area, Assignment, AuditEntry, Device, DeviceFilter, Life, Page, PageQuery, Sensor, Site,
        UnitFilter, UnitRecord,
    },
};

impl Memory {
    pub(crate) fn insert_site(&self, site: &Site, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_organization(site.org)?;
        tables.sites.insert(site.id, site.clone());
        tables.epochs.insert(site.id, 0);
        tables.audit(entry);
        Ok(())
    }

    pub(crate) fn site(&self, scope: &Scope, id: SiteId) -> Result<Option<Site>, StoreError> {
        Ok(self.find_site(id)?.filter(|site| site.org == scope.org && scope.sees(site.id)))
    }

    pub(crate) fn find_site(&self, id: SiteId) -> Result<Option<Site>, StoreError> {
        Ok(self.tables().sites.get(&id).cloned())
    }

    pub(crate) fn sites(
        &self,
        scope: &Scope,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Site>, StoreError> {
        let tables = self.tables();
        let wanted =
            |site: &&Site| life == Life::Present && site.org == scope.org && scope.sees(site.id);
        page_by_id(tables.sites.values().filter(wanted), |site| site.id.0, page)
    }

    pub(crate) fn insert_area(&self, area: &Area, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_site(area.org, area.site)?;
        tables.areas.insert(area.id, area.clone());
        tables.audit(entry);
        Ok(())
    }

    pub(crate) fn area(&self, scope: &Scope, id: AreaId) -> Result<Option<Area>, StoreError> {
        let seen = |area: &&Area| area.org == scope.org && scope.sees(area.site);
        Ok(self.tables().areas.get(&id).filter(seen).cloned())
    }

    pub(crate) fn areas(
        &self,
        scope: &Scope,
        site: Option<SiteId>,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Area>, StoreError> {
        let tables = self.tables();
        let wanted = |area: &&Area| {
            let seen = area.org == scope.org && scope.sees(area.site);
            life == Life::Present && seen && site.is_none_or(|site| area.site == site)
        };
        page_by_id(tables.areas.values().filter(wanted), |area| area.id.0, page)
    }

    pub(crate) fn insert_unit(
        &self,
        unit: &UnitRecord,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_site(unit.org, unit.site)?;
        if let Some(id) = unit.area {
            tables
                .areas
                .get(&id)
                .filter(|area| area.site == unit.site)
                .ok_or(StoreError::NotFound)?;
        }
        tables.rule_book(unit.org).check(unit)?;
        tables.units.insert(unit.id, unit.clone());
        tables.states.insert(unit.id, StateRow::default());
        tables.audit(entry);
        Ok(())
    }

    pub(crate) fn unit(&self, scope: &Scope, id: UnitId) -> Result<Option<UnitRecord>, StoreError> {
        let seen = |unit: &&UnitRecord| unit.org == scope.org && scope.sees(unit.site);
        Ok(self.tables().units.get(&id).filter(seen).cloned())
    }

    pub(crate) fn units(
        &self,
        scope: &Scope,
        filter: &UnitFilter,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<UnitRecord>, StoreError> {
        let tables = self.tables();
        let wanted = |unit: &&UnitRecord| {
            let seen = unit.org == scope.org && scope.sees(unit.site);
            let wanted = filter.site.is_none_or(|site| unit.site == site)
                && filter.area.is_none_or(|area| unit.area == Some(area))
                && filter.name.as_deref().is_none_or(|text| unit.name.contains(text));
            life == Life::Present && seen && wanted
        };
        page_by_id(tables.units.values().filter(wanted), |unit| unit.id.0, page)
    }

    pub(crate) fn resolve_units(
        &self,
        org: OrgId,
        ids: &[UnitId],
    ) -> Result<Vec<(UnitId, SiteId)>, StoreError> {
        let tables = self.tables();
        let units = ids.iter().filter_map(|id| tables.units.get(id));
        Ok(units.filter(|unit| unit.org == org).map(|unit| (unit.id, unit.site)).collect())
    }

    pub(crate) fn insert_device(
        &self,
        device: &Device,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_organization(device.org)?;
        if let Some(unit) = device.unit {
            tables
                .units
                .get(&unit)
                .filter(|unit| unit.org == device.org)
                .ok_or(StoreError::NotFound)?;
        }
        if let Some(dev_eui) = &device.dev_eui {
            let has_it =
                |other: &Device| other.org == device.org && other.dev_eui.as_ref() == Some(dev_eui);
            if tables.devices.values().any(has_it) {
                return Err(StoreError::Taken("devEui"));
            }
            tables.unclaimed.remove(&(device.org, dev_eui.clone()));
        }
        tables.devices.insert(device.id, device.clone());
        tables.audit(entry);
        Ok(())
    }

    pub(crate) fn device(&self, org: OrgId, id: DeviceId) -> Result<Option<Device>, StoreError> {
        Ok(self.tables().devices.get(&id).filter(|device| device.org == org).cloned())
    }

    pub(crate) fn devices(
        &self,
        org: OrgId,
        filter: &DeviceFilter,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Device>, StoreError> {
        let tables = self.tables();
        let wanted = |device: &&Device| {
            life == Life::Present
                && device.org == org
                && filter.unit.is_none_or(|unit| device.unit == Some(unit))
                && filter.dev_eui.as_ref().is_none_or(|eui| device.dev_eui.as_ref() == Some(eui))
                && !(filter.is_unassigned && device.unit.is_some())
        };
        page_by_id(tables.devices.values().filter(wanted), |device| device.id.0, page)
    }

    pub(crate) fn sensors(
        &self,
        org: OrgId,
        ids: &[DeviceId],
        euis: &[String],
    ) -> Result<Vec<Sensor>, StoreError> {
        let mut found = self.resolve_devices(org, ids)?;
        found.extend(self.resolve_euis(org, euis)?);
        let since_ever = |unit| Assignment { unit, from: Timestamp::EARLIEST, until: None };
        let sensor = |device: Device| Sensor {
            id: device.id,
            org,
            dev_eui: device.dev_eui,
            model: device.model,
            assignments: device.unit.map(since_ever).into_iter().collect(),
        };
        Ok(found.into_iter().map(sensor).collect())
    }

    pub(crate) fn device_by_eui(
        &self,
        org: OrgId,
        dev_eui: &str,
    ) -> Result<Option<Device>, StoreError> {
        Ok(self.resolve_euis(org, &[dev_eui.to_owned()])?.pop())
    }

    pub(crate) fn resolve_devices(
        &self,
        org: OrgId,
        ids: &[DeviceId],
    ) -> Result<Vec<Device>, StoreError> {
        let tables = self.tables();
        Ok(ids
            .iter()
            .filter_map(|id| tables.devices.get(id))
            .filter(|device| device.org == org)
            .cloned()
            .collect())
    }

    pub(crate) fn resolve_euis(
        &self,
        org: OrgId,
        euis: &[String],
    ) -> Result<Vec<Device>, StoreError> {
        let has_one = |device: &&Device| {
            device.dev_eui.as_ref().is_some_and(|dev_eui| euis.contains(dev_eui))
        };
        let tables = self.tables();
        Ok(tables
            .devices
            .values()
            .filter(|device| device.org == org)
            .filter(has_one)
            .cloned()
            .collect())
    }
}
