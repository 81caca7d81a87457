//! Alerts as people read them.

use hub_domain::{AlertId, OrgId};

use crate::{
    Store, StoreError,
    entity::{alert, alert_event},
    open::ask,
    records::{AlertEventRecord, AlertFilter, AlertRecord, Page, PageQuery},
    sql::Sql,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

impl Store {
    /// The alerts of an organization, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn alerts(
        &self,
        org: OrgId,
        filter: AlertFilter,
        page: PageQuery,
    ) -> Result<Page<AlertRecord>, StoreError> {
        ask!(self, alerts(org, &filter, &page))
    }

    /// The alert.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn alert(&self, org: OrgId, id: AlertId) -> Result<Option<AlertRecord>, StoreError> {
        ask!(self, alert(org, id))
    }

    /// What happened to an alert, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn alert_events(
        &self,
        org: OrgId,
        id: AlertId,
    ) -> Result<Vec<AlertEventRecord>, StoreError> {
        ask!(self, alert_events(org, id))
    }
}

impl Sql {
    pub(crate) async fn alerts(
        &self,
        org: OrgId,
        filter: &AlertFilter,
        page: &PageQuery,
    ) -> Result<Page<AlertRecord>, StoreError> {
        use alert::Column::{Kind, OrgId, SiteId, Status, UnitId};
        let mut query = alert::Entity::find().filter(OrgId.eq(org.0));
        if let Some(unit) = filter.unit {
            query = query.filter(UnitId.eq(unit.0));
        }
        if let Some(site) = filter.site {
            query = query.filter(SiteId.eq(site.0));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(Kind.eq(kind.name()));
        }
        if !filter.statuses.is_empty() {
            query = query.filter(Status.is_in(filter.statuses.iter().map(|status| status.name())));
        }
        self.page_back(query, alert::Column::Id, |row| row.id, page).await
    }

    pub(crate) async fn alert(
        &self,
        org: OrgId,
        id: AlertId,
    ) -> Result<Option<AlertRecord>, StoreError> {
        let row = alert::Entity::find_by_id(id.0)
            .filter(alert::Column::OrgId.eq(org.0))
            .one(&self.db)
            .await?;
        row.map(AlertRecord::try_from).transpose()
    }

    pub(crate) async fn alert_events(
        &self,
        org: OrgId,
        id: AlertId,
    ) -> Result<Vec<AlertEventRecord>, StoreError> {
        let of_alert = alert_event::Entity::find().filter(alert_event::Column::AlertId.eq(id.0));
        let of_org = of_alert.filter(alert_event::Column::OrgId.eq(org.0));
        let rows = of_org.order_by_asc(alert_event::Column::Ordinal).all(&self.db).await?;
        rows.into_iter().map(AlertEventRecord::try_from).collect()
    }
}
