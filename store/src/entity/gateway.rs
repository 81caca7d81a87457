//! The `gateways` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, SiteId, Timestamp};

use crate::{StoreError, entity, records::Gateway};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "gateways")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) gateway_eui: Option<String>,
    pub(crate) last_seen_at: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for Gateway {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            site: row.site_id.map(SiteId),
            name: row.name,
            gateway_eui: row.gateway_eui,
            last_seen_at: row.last_seen_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}
