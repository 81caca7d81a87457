//! Sites, areas, units and devices in memory.

use hub_domain::{AreaId, DeviceId, OrgId, SiteId, UnitId};

use super::{Memory, StateRow, page_by_id};
use crate::{
    StoreError,
    records::{Area, AuditEntry, Device, Page, PageQuery, Site, UnitRecord},
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

    pub(crate) fn site(&self, org: OrgId, id: SiteId) -> Result<Option<Site>, StoreError> {
        Ok(self.find_site(id)?.filter(|site| site.org == org))
    }

    pub(crate) fn find_site(&self, id: SiteId) -> Result<Option<Site>, StoreError> {
        Ok(self.tables().sites.get(&id).cloned())
    }

    pub(crate) fn sites(&self, org: OrgId, page: &PageQuery) -> Result<Page<Site>, StoreError> {
        page_by_id(
            self.tables().sites.values().filter(|site| site.org == org),
            |site| site.id.0,
            page,
        )
    }

    pub(crate) fn insert_area(&self, area: &Area, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_site(area.org, area.site)?;
        tables.areas.insert(area.id, area.clone());
        tables.audit(entry);
        Ok(())
    }

    pub(crate) fn area(&self, org: OrgId, id: AreaId) -> Result<Option<Area>, StoreError> {
        Ok(self.tables().areas.get(&id).filter(|area| area.org == org).cloned())
    }

    pub(crate) fn areas(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        page: &PageQuery,
    ) -> Result<Page<Area>, StoreError> {
        let tables = self.tables();
        let wanted = |area: &&Area| area.org == org && site.is_none_or(|site| area.site == site);
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

    pub(crate) fn unit(&self, org: OrgId, id: UnitId) -> Result<Option<UnitRecord>, StoreError> {
        Ok(self.tables().units.get(&id).filter(|unit| unit.org == org).cloned())
    }

    pub(crate) fn units(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        page: &PageQuery,
    ) -> Result<Page<UnitRecord>, StoreError> {
        let tables = self.tables();
        let wanted =
            |unit: &&UnitRecord| unit.org == org && site.is_none_or(|site| unit.site == site);
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
        unit: Option<UnitId>,
        page: &PageQuery,
    ) -> Result<Page<Device>, StoreError> {
        let tables = self.tables();
        let wanted = |device: &&Device| {
            device.org == org && unit.is_none_or(|unit| device.unit == Some(unit))
        };
        page_by_id(tables.devices.values().filter(wanted), |device| device.id.0, page)
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
