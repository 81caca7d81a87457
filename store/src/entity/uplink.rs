//! The `uplinks` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp, UnitId};

use crate::{StoreError, entity::hash, records::Uplink};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uplinks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) dev_eui: String,
    pub(crate) session: String,
    pub(crate) f_cnt: i64,
    pub(crate) payload_hash: Vec<u8>,
    pub(crate) f_port: Option<i16>,
    pub(crate) payload: Vec<u8>,
    pub(crate) decoded_payload: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) recorded_at: i64,
    pub(crate) received_at: i64,
    pub(crate) rssi_dbm: Option<i16>,
    pub(crate) is_decoded: bool,
    pub(crate) is_settled: bool,
    pub(crate) is_in_hand: bool,
    pub(crate) unit_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Uplink {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            org: OrgId(row.org_id),
            dev_eui: row.dev_eui,
            session: row.session,
            f_cnt: row.f_cnt,
            payload_hash: hash(&row.payload_hash)?,
            f_port: row.f_port,
            payload: row.payload,
            decoded_payload: row.decoded_payload,
            model: row.model,
            recorded_at: Timestamp::from_millis(row.recorded_at),
            received_at: Timestamp::from_millis(row.received_at),
            rssi_dbm: row.rssi_dbm,
            is_decoded: row.is_decoded,
            unit: row.unit_id.map(UnitId),
        })
    }
}

impl Model {
    /// The row of a frame that was just taken in, and of which nothing was made yet.
    pub(crate) fn unsettled(id: Uuid, uplink: &Uplink) -> Self {
        Self {
            id,
            org_id: uplink.org.0,
            dev_eui: uplink.dev_eui.clone(),
            session: uplink.session.clone(),
            f_cnt: uplink.f_cnt,
            payload_hash: uplink.payload_hash.to_vec(),
            f_port: uplink.f_port,
            payload: uplink.payload.clone(),
            decoded_payload: uplink.decoded_payload.clone(),
            model: uplink.model.clone(),
            recorded_at: uplink.recorded_at.as_millis(),
            received_at: uplink.received_at.as_millis(),
            rssi_dbm: uplink.rssi_dbm,
            is_decoded: uplink.is_decoded,
            is_settled: false,
            is_in_hand: true,
            unit_id: uplink.unit.map(|unit| unit.0),
        }
    }
}
