//! Links by which inspectors read some sites for a while.

use std::collections::HashMap;

use hub_domain::{OrgId, SiteId, Timestamp};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError, cursor,
    entity::{self, inspector_link, inspector_link_site, site},
    kept::written,
    open::ask_database,
    records::{AuditEntry, InspectorLink, NewInspectorLink, Page, PageQuery},
    scope::within,
    sql::{self, Sql},
    tenants::of_the_living,
};

impl Store {
    /// Makes a link to sites.
    ///
    /// # Errors
    /// `NotFound` if one of the sites is not there; see [`StoreError`].
    pub async fn create_inspector_link(
        &self,
        org: OrgId,
        mut asked: NewInspectorLink,
        by: impl Into<By>,
    ) -> Result<InspectorLink, StoreError> {
        let by = by.into();
        asked.sites.sort_unstable();
        asked.sites.dedup();
        let created_by = by.user().map(|user| user.0);
        let entry =
            self.entry(org, by, "inspector_link.created", "inspector_link", asked.id, &json!({}));
        let row = inspector_link::Model {
            id: asked.id,
            org_id: org.0,
            name: asked.name,
            secret_hash: asked.secret_hash.to_vec(),
            created_by,
            created_at: entry.at.as_millis(),
            expires_at: asked.expires_at.as_millis(),
            revoked_at: None,
            last_used_at: None,
        };
        ask_database!(self, insert_inspector_link(&row, &asked.sites, entry))?;
        row.with(asked.sites)
    }

    /// The links of an organization, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn inspector_links(
        &self,
        org: OrgId,
        page: PageQuery,
    ) -> Result<Page<InspectorLink>, StoreError> {
        ask_database!(self, inspector_links(org, &page))
    }

    /// The link.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn inspector_link(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<InspectorLink>, StoreError> {
        ask_database!(self, inspector_link(org, id))
    }

    /// The link, whosever it is: it is what tells the organization. None of one that was deleted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn find_inspector_link(&self, id: Uuid) -> Result<Option<InspectorLink>, StoreError> {
        ask_database!(self, find_inspector_link(id))
    }

    /// Notes that a link was used, in whole minutes, so that most uses write nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn touch_inspector_link(&self, id: Uuid, at: Timestamp) -> Result<(), StoreError> {
        let minute = Timestamp::from_millis(at.as_millis() - at.as_millis().rem_euclid(60_000));
        ask_database!(self, note_link_use(id, minute))
    }

    /// Refuses a link from now on. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn revoke_inspector_link(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "inspector_link.revoked", "inspector_link", id, &json!({}));
        ask_database!(self, revoke_inspector_link(org, id, entry))
    }
}

impl Sql {
    pub(crate) async fn insert_inspector_link(
        &self,
        row: &inspector_link::Model,
        sites: &[SiteId],
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let org = entry.org;
        let change = self.begin_of(org).await?;
        let there = site::Entity::find()
            .filter(within(site::Column::OrgId, org))
            .filter(site::Column::DeletedAt.is_null())
            .filter(site::Column::Id.is_in(sites.iter().map(|site| site.0)));
        if there.count(&change).await? != sites.len() as u64 {
            return Err(StoreError::NotFound);
        }
        let made = inspector_link::Entity::insert(entity::insertable(row.clone()));
        made.exec_without_returning(&change).await?;
        let links = sites.iter().map(|site| {
            let shown =
                inspector_link_site::Model { org_id: org.0, link_id: row.id, site_id: site.0 };
            entity::insertable(shown)
        });
        inspector_link_site::Entity::insert_many(links).exec_without_returning(&change).await?;
        let mut after = written(row)?;
        after["siteIds"] = json!(sites.iter().map(ToString::to_string).collect::<Vec<_>>());
        entry.after = Some(after);
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn inspector_links(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<InspectorLink>, StoreError> {
        use inspector_link::Column::{Id, OrgId};
        use sea_orm::QueryOrder as _;
        let query = inspector_link::Entity::find().filter(within(OrgId, org)).order_by_asc(Id);
        let from = cursor::id_after(page)?.map(|from| Id.gt(from));
        let query = from.into_iter().fold(query, |query, from| query.filter(from));
        let asked = self.of(org).await?;
        let rows = query.limit(sql::one_more(page)).all(&asked).await?;
        let Page { items, next } = cursor::cut(rows, page, |row| cursor::of_id(row.id));
        Ok(Page { items: with_sites(&asked, items).await?, next })
    }

    pub(crate) async fn inspector_link(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<InspectorLink>, StoreError> {
        let asked = self.of(org).await?;
        let of_org = within(inspector_link::Column::OrgId, org);
        let row = inspector_link::Entity::find_by_id(id).filter(of_org).one(&asked).await?;
        Ok(with_sites(&asked, row.into_iter().collect()).await?.pop())
    }

    pub(crate) async fn find_inspector_link(
        &self,
        id: Uuid,
    ) -> Result<Option<InspectorLink>, StoreError> {
        let living = of_the_living(inspector_link::Column::OrgId);
        let row = inspector_link::Entity::find_by_id(id).filter(living).one(&self.db).await?;
        Ok(with_sites(&self.db, row.into_iter().collect()).await?.pop())
    }

    pub(crate) async fn note_link_use(
        &self,
        id: Uuid,
        minute: Timestamp,
    ) -> Result<(), StoreError> {
        use inspector_link::Column::{Id, LastUsedAt};
        let earlier = LastUsedAt.is_null().or(LastUsedAt.lt(minute.as_millis()));
        inspector_link::Entity::update_many()
            .col_expr(LastUsedAt, Expr::value(minute.as_millis()))
            .filter(Id.eq(id))
            .filter(earlier)
            .exec(self.changes())
            .await?;
        Ok(())
    }

    pub(crate) async fn revoke_inspector_link(
        &self,
        org: OrgId,
        id: Uuid,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        use inspector_link::Column::{OrgId, RevokedAt};
        let change = self.begin_of(org).await?;
        let row = inspector_link::Entity::find_by_id(id).filter(within(OrgId, org));
        let before = row.lock_exclusive().one(&change).await?.ok_or(StoreError::NotFound)?;
        if before.revoked_at.is_some() {
            return Ok(());
        }
        inspector_link::Entity::update_many()
            .col_expr(RevokedAt, Expr::value(entry.at.as_millis()))
            .filter(within(OrgId, org))
            .filter(inspector_link::Column::Id.eq(id))
            .exec(&change)
            .await?;
        let after =
            inspector_link::Model { revoked_at: Some(entry.at.as_millis()), ..before.clone() };
        (entry.before, entry.after) = (Some(written(&before)?), Some(written(&after)?));
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }
}

/// The links with their sites, asked for at once. What they belong to was asked for with their rows.
async fn with_sites(
    db: &impl ConnectionTrait,
    links: Vec<inspector_link::Model>,
) -> Result<Vec<InspectorLink>, StoreError> {
    use inspector_link_site::Column::LinkId;
    let ids = links.iter().map(|link| link.id);
    let rows = inspector_link_site::Entity::find().filter(LinkId.is_in(ids)).all(db).await?;
    let mut sites: HashMap<Uuid, Vec<SiteId>> = HashMap::new();
    for row in rows {
        sites.entry(row.link_id).or_default().push(SiteId(row.site_id));
    }
    links
        .into_iter()
        .map(|link| {
            let shown = sites.remove(&link.id).unwrap_or_default();
            link.with(shown)
        })
        .collect()
}
