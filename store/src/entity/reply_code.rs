//! The `reply_codes` table: the numbers by which phones answer open alerts.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reply_codes")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) phone: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) code: i64,
    pub(crate) org_id: Uuid,
    pub(crate) alert_id: Uuid,
    pub(crate) contact_id: Uuid,
    pub(crate) made_at: i64,
    pub(crate) carrier_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
