//! Radio frames in memory.

use hub_domain::{OrgId, Timestamp, UnitId};
use uuid::Uuid;

use super::{Memory, Tables, UplinkRow};
use crate::{
    StoreError, cursor,
    records::{Device, KeptUplink, Page, PageQuery, UnclaimedDevice, Uplink},
};

/// What makes two frames one.
fn identity(uplink: &Uplink) -> (OrgId, &str, &str, i64, &[u8; 32]) {
    (uplink.org, &uplink.dev_eui, &uplink.session, uplink.f_cnt, &uplink.payload_hash)
}

impl Tables {
    fn uplink_mut(&mut self, uplink: &Uplink) -> Option<&mut UplinkRow> {
        self.uplinks.values_mut().find(|row| identity(&row.uplink) == identity(uplink))
    }
}

impl Memory {
    pub(crate) fn keep_uplink(&self, id: Uuid, uplink: &Uplink) -> Result<KeptUplink, StoreError> {
        let mut tables = self.tables();
        tables.need_organization(uplink.org)?;
        if let Some(row) = tables.uplink_mut(uplink) {
            row.uplink.rssi_dbm = row.uplink.rssi_dbm.max(uplink.rssi_dbm);
            return Ok(KeptUplink {
                uplink: row.uplink.clone(),
                is_new: false,
                is_settled: row.is_settled,
            });
        }
        tables.uplinks.insert(id, UplinkRow { uplink: uplink.clone(), is_settled: false });
        Ok(KeptUplink { uplink: uplink.clone(), is_new: true, is_settled: false })
    }

    pub(crate) fn settle_uplink(
        &self,
        uplink: &Uplink,
        unit: Option<UnitId>,
        is_decoded: bool,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let row = tables.uplink_mut(uplink).ok_or(StoreError::NotFound)?;
        (row.is_settled, row.uplink.unit, row.uplink.is_decoded) = (true, unit, is_decoded);
        Ok(())
    }

    /// Nothing that lives in memory alone is cut off from it.
    pub(crate) fn lay_by_uplink(&self, uplink: &Uplink) -> Result<(), StoreError> {
        self.tables().uplink_mut(uplink).map(drop).ok_or(StoreError::NotFound)
    }

    pub(crate) fn note_unclaimed(
        &self,
        org: OrgId,
        dev_eui: &str,
        at: Timestamp,
        is_new_frame: bool,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_organization(org)?;
        let is_it =
            |device: &Device| device.org == org && device.dev_eui.as_deref() == Some(dev_eui);
        if tables.devices.values().any(is_it) {
            return Ok(());
        }
        let dev_eui = dev_eui.to_owned();
        let new = UnclaimedDevice {
            org,
            dev_eui: dev_eui.clone(),
            first_seen_at: at,
            last_seen_at: at,
            frames: 0,
        };
        let noted = tables.unclaimed.entry((org, dev_eui)).or_insert(new);
        noted.first_seen_at = noted.first_seen_at.min(at);
        noted.last_seen_at = noted.last_seen_at.max(at);
        noted.frames += i64::from(is_new_frame);
        Ok(())
    }

    pub(crate) fn unclaimed_devices(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<UnclaimedDevice>, StoreError> {
        let after = cursor::text_after(page)?;
        let tables = self.tables();
        let of_org = tables.unclaimed.values().filter(|noted| noted.org == org);
        let rest = of_org.filter(|noted| after.as_ref().is_none_or(|after| noted.dev_eui > *after));
        let found = rest.take(cursor::limit(page) + 1).cloned().collect();
        Ok(cursor::cut(found, page, |noted| cursor::of_text(&noted.dev_eui)))
    }

    pub(crate) fn uplinks_of_unit(
        &self,
        org: OrgId,
        unit: UnitId,
        page: &PageQuery,
    ) -> Result<Page<Uplink>, StoreError> {
        let before = cursor::id_after(page)?;
        let tables = self.tables();
        let of_unit = tables.uplinks.iter().rev();
        let of_unit =
            of_unit.filter(|(_, row)| row.uplink.org == org && row.uplink.unit == Some(unit));
        let rest = of_unit.filter(|(id, _)| before.is_none_or(|before| **id < before));
        let found: Vec<_> =
            rest.take(cursor::limit(page) + 1).map(|(id, row)| (*id, row.uplink.clone())).collect();
        let Page { items, next } = cursor::cut(found, page, |(id, _)| cursor::of_id(*id));
        Ok(Page { items: items.into_iter().map(|(_, uplink)| uplink).collect(), next })
    }
}
