//! The `inspector_links` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, SiteId, Timestamp, UserId};

use crate::{StoreError, entity::hash, records::InspectorLink};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "inspector_links")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) last_used_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The link with its sites, in order of their ids.
    pub(crate) fn with(self, mut sites: Vec<SiteId>) -> Result<InspectorLink, StoreError> {
        sites.sort_unstable();
        Ok(InspectorLink {
            id: self.id,
            org: OrgId(self.org_id),
            name: self.name,
            secret_hash: hash(&self.secret_hash)?,
            sites: sites.into(),
            created_by: self.created_by.map(UserId),
            created_at: Timestamp::from_millis(self.created_at),
            expires_at: Timestamp::from_millis(self.expires_at),
            revoked_at: self.revoked_at.map(Timestamp::from_millis),
            last_used_at: self.last_used_at.map(Timestamp::from_millis),
        })
    }
}
