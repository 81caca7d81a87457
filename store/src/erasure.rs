//! An organization's erasure: every row of every table that is its own, the audit log among them.
//!
//! It is recorded before the first row goes and done when none is left, so it may be cut at any instant: whoever finds
//! it not done goes on with it. Rows go in small groups, each a transaction of its own, with pauses between them: nobody
//! else waits long. Which tables there are is asked of the database itself, so that none is forgotten.

mod catalog;
mod rows;

use hub_domain::{OrgId, Timestamp, UserId};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, sea_query::Expr,
};

use self::{catalog::Catalog, rows::Eraser};
use crate::{
    By, Store, StoreError,
    entity::{self, erasure},
    open::{Backend, ask_database},
    organizations::{held, need_owner},
    records::{AuditEntry, Erasure, Life},
    scope::within,
    sql::{self, Sql},
};

/// How often all tables are gone through again because a row came meanwhile.
const PASSES: usize = 10;

impl Store {
    /// Asks for a deleted organization to be erased. Once that is recorded there is no way back. Asked again, it is
    /// recorded once.
    ///
    /// # Errors
    /// `NotFound` for anybody but an owner, `NotDeleted` for one that is there, `Stale` if `name` is not its name; see
    /// [`StoreError`].
    pub async fn request_erasure(
        &self,
        org: OrgId,
        name: &str,
        owner: UserId,
        by: impl Into<By>,
    ) -> Result<Erasure, StoreError> {
        let entry = self.organization_entry(org, by, "organization.erasure_requested");
        ask_database!(self, insert_erasure(org, name, owner, entry))
    }

    /// The organization's erasure, if it was asked for.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn erasure(&self, org: OrgId) -> Result<Option<Erasure>, StoreError> {
        ask_database!(self, erasure(org))
    }

    /// Erases what was asked to be erased and is not yet; gives how many organizations that were. Takes as long as it
    /// takes. One call at a time works, others wait for it.
    ///
    /// # Errors
    /// See [`StoreError`]. What was erased stays so, and the next call goes on.
    pub async fn finish_erasures(&self) -> Result<u64, StoreError> {
        match self.backend() {
            Backend::Memory(_) => Ok(0),
            Backend::Sql(sql) => sql.finish_erasures(&|| self.now()).await,
        }
    }
}

impl Sql {
    pub(crate) async fn insert_erasure(
        &self,
        org: OrgId,
        name: &str,
        owner: UserId,
        entry: AuditEntry,
    ) -> Result<Erasure, StoreError> {
        let change = self.begin().await?; // the role that answers people may not write these
        need_owner(&change, org, owner).await?;
        let row = held(&change, org, Life::Deleted).await?;
        if row.name != name {
            return Err(StoreError::Stale);
        }
        let asked = erasure::Entity::find().filter(within(erasure::Column::OrgId, org));
        if let Some(asked) = asked.one(&change).await? {
            return Ok(asked.into());
        }
        let row = erasure::Model {
            org_id: org.0,
            requested_by: Some(owner.0),
            requested_at: entry.at.as_millis(),
            done_at: None,
        };
        let made = erasure::Entity::insert(entity::insertable(row.clone()));
        made.exec_without_returning(&change).await?;
        sql::audit(&change, &entry).await?;
        change.commit().await?;
        Ok(row.into())
    }

    pub(crate) async fn erasure(&self, org: OrgId) -> Result<Option<Erasure>, StoreError> {
        let row = erasure::Entity::find().filter(within(erasure::Column::OrgId, org));
        Ok(row.one(&self.of(org).await?).await?.map(Erasure::from))
    }

    pub(crate) async fn finish_erasures(
        &self,
        now: &(dyn Fn() -> Timestamp + Send + Sync),
    ) -> Result<u64, StoreError> {
        let _turn = self.erasing.lock().await;
        let mut done = 0;
        while let Some(erasure) = self.next_erasure().await? {
            let org = erasure.org;
            tracing::info!(organization.id = %org, "an organization is being erased");
            let rows = self.erase(org).await?;
            erasure::Entity::update_many()
                .col_expr(erasure::Column::DoneAt, Expr::val(now().as_millis()))
                .filter(within(erasure::Column::OrgId, org))
                .exec(self.changes())
                .await?;
            tracing::info!(organization.id = %org, rows, "an organization was erased");
            done += 1;
        }
        Ok(done)
    }

    async fn next_erasure(&self) -> Result<Option<Erasure>, StoreError> {
        let open = erasure::Entity::find().filter(erasure::Column::DoneAt.is_null());
        let oldest = open.order_by_asc(erasure::Column::RequestedAt).one(&self.db).await?;
        Ok(oldest.map(Erasure::from))
    }

    /// Deletes all that is the organization's, and gives how many rows that were.
    async fn erase(&self, org: OrgId) -> Result<u64, StoreError> {
        let mut eraser = Eraser::open(&self.pools, org).await?;
        let erased = erase_by(&mut eraser).await;
        eraser.close().await;
        erased
    }
}

/// Goes through all tables until nothing is left: what was under way when the organization was deleted may come late.
async fn erase_by(eraser: &mut Eraser) -> Result<u64, StoreError> {
    let catalog = Catalog::read(eraser).await?;
    let mut rows = 0;
    for _ in 0..PASSES {
        let gone = eraser.empty_all(&catalog).await?;
        rows += gone;
        if gone == 0 {
            return Ok(rows);
        }
    }
    Err(StoreError::Unavailable("rows of an erased organization keep coming".to_owned()))
}
