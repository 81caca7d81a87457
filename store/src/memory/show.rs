//! Alerts and readings from memory, as people read them.

use hub_domain::{AlertId, OrgId, Timestamp, UnitId};

use super::{Memory, page_by_id_back};
use crate::{
    Scope, StoreError, cursor,
    records::{AlertEventRecord, AlertFilter, AlertRecord, Page, PageQuery, StoredReading},
};

impl Memory {
    pub(crate) fn alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        page: &PageQuery,
    ) -> Result<Page<AlertRecord>, StoreError> {
        let wanted = |alert: &&AlertRecord| {
            alert.org == scope.org
                && scope.sees(alert.site)
                && filter.unit.is_none_or(|unit| alert.unit == unit)
                && filter.site.is_none_or(|site| alert.site == site)
                && filter.kind.is_none_or(|kind| alert.kind == kind)
                && filter.severity.is_none_or(|severity| alert.severity == severity)
                && filter.from.is_none_or(|from| alert.opened_at >= from)
                && filter.to.is_none_or(|to| alert.opened_at < to)
                && (filter.statuses.is_empty() || filter.statuses.contains(&alert.status))
        };
        page_by_id_back(
            self.tables().alerts.values().rev().filter(wanted),
            |alert| alert.id.0,
            page,
        )
    }

    pub(crate) fn alert(
        &self,
        scope: &Scope,
        id: AlertId,
    ) -> Result<Option<AlertRecord>, StoreError> {
        let seen = |alert: &&AlertRecord| alert.org == scope.org && scope.sees(alert.site);
        Ok(self.tables().alerts.get(&id).filter(seen).cloned())
    }

    pub(crate) fn alert_events(
        &self,
        org: OrgId,
        id: AlertId,
    ) -> Result<Vec<AlertEventRecord>, StoreError> {
        if self.alert(&org.into(), id)?.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.tables().alert_events.get(&id).cloned().unwrap_or_default())
    }

    pub(crate) fn readings(
        &self,
        org: OrgId,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
        page: &PageQuery,
    ) -> Result<Page<StoredReading>, StoreError> {
        let after = cursor::reading_after(page)?;
        let place =
            |key: &hub_domain::ReadingKey| (key.recorded_at, key.point.clone(), key.sequence);
        let tables = self.tables();
        let is_ours = tables.units.get(&unit).is_some_and(|unit| unit.org == org);
        let stored = tables.readings.get(&unit).filter(|_| is_ours).into_iter().flatten();
        let wanted = stored.filter(|(key, _)| (from..to).contains(&key.recorded_at));
        let rest =
            wanted.filter(|(key, _)| after.as_ref().is_none_or(|after| place(key) > place(after)));
        let mut found: Vec<_> = rest.collect();
        found.sort_by_key(|(key, _)| place(key));
        let found = found
            .into_iter()
            .take(cursor::limit(page) + 1)
            .map(|(_, stored)| stored.clone())
            .collect();
        Ok(cursor::cut(found, page, |stored: &StoredReading| {
            cursor::of_reading(&stored.reading.key())
        }))
    }
}
