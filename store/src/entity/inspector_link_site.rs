//! The `inspector_link_sites` table.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inspector_link_sites")]
pub(crate) struct Model {
    pub(crate) org_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) link_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) site_id: Uuid,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
