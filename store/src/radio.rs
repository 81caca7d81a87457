//! Radio frames and the sensors nobody has claimed.

use hub_domain::{OrgId, Timestamp, UnitId};

use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Statement, Value,
};
use uuid::Uuid;

use crate::{
    Store, StoreError, cursor,
    entity::{unclaimed_device, uplink},
    open::ask,
    records::{KeptUplink, Page, PageQuery, UnclaimedDevice, Uplink},
    sql::{self, Sql},
};

impl Store {
    /// Keeps a frame if it is new; if not, raises the RSSI of the one kept.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_uplink(&self, uplink: &Uplink) -> Result<KeptUplink, StoreError> {
        let (id, _) = self.mint();
        ask!(self, keep_uplink(id, uplink))
    }

    /// Notes that whatever could be made of a frame was made.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn settle_uplink(
        &self,
        uplink: &Uplink,
        unit: Option<UnitId>,
        is_decoded: bool,
    ) -> Result<(), StoreError> {
        ask!(self, settle_uplink(uplink, unit, is_decoded))
    }

    /// Notes that an unknown sensor was heard.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn note_unclaimed(
        &self,
        org: OrgId,
        dev_eui: &str,
        at: Timestamp,
        is_new_frame: bool,
    ) -> Result<(), StoreError> {
        ask!(self, note_unclaimed(org, dev_eui, at, is_new_frame))
    }

    /// The sensors that were heard and belong to no device.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn unclaimed_devices(
        &self,
        org: OrgId,
        page: PageQuery,
    ) -> Result<Page<UnclaimedDevice>, StoreError> {
        ask!(self, unclaimed_devices(org, &page))
    }

    /// The frames of a unit, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn uplinks_of_unit(
        &self,
        org: OrgId,
        unit: UnitId,
        page: PageQuery,
    ) -> Result<Page<Uplink>, StoreError> {
        ask!(self, uplinks_of_unit(org, unit, &page))
    }
}

/// Keeps a frame, or raises the RSSI of the one that is there; gives the one that is there then.
const KEEP_UPLINK: &str = "
INSERT INTO uplinks (id, org_id, dev_eui, session, f_cnt, payload_hash, f_port, payload, decoded_payload,
    recorded_at, received_at, rssi_dbm, is_decoded, is_settled, unit_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (org_id, dev_eui, session, f_cnt, payload_hash) DO UPDATE SET rssi_dbm =
    CASE WHEN uplinks.rssi_dbm IS NULL OR excluded.rssi_dbm > uplinks.rssi_dbm
        THEN excluded.rssi_dbm ELSE uplinks.rssi_dbm END
RETURNING *";

const NOTE_UNCLAIMED: &str = "
INSERT INTO unclaimed_devices AS noted (org_id, dev_eui, first_seen_at, last_seen_at, frames)
VALUES ($1, $2, $3, $3, $4)
ON CONFLICT (org_id, dev_eui) DO UPDATE SET
    first_seen_at = CASE WHEN excluded.first_seen_at < noted.first_seen_at
        THEN excluded.first_seen_at ELSE noted.first_seen_at END,
    last_seen_at = CASE WHEN excluded.last_seen_at > noted.last_seen_at
        THEN excluded.last_seen_at ELSE noted.last_seen_at END,
    frames = noted.frames + excluded.frames";

impl Sql {
    pub(crate) async fn keep_uplink(
        &self,
        id: Uuid,
        uplink: &Uplink,
    ) -> Result<KeptUplink, StoreError> {
        let values = uplink_values(uplink::Model::unsettled(id, uplink));
        let keep = Statement::from_sql_and_values(
            self.changes().get_database_backend(),
            KEEP_UPLINK,
            values,
        );
        let kept = uplink::Entity::find().from_raw_sql(keep).one(self.changes()).await?;
        let kept = kept.ok_or_else(|| {
            StoreError::Unavailable("the kept frame did not come back".to_owned())
        })?;
        let (is_new, is_settled) = (kept.id == id, kept.is_settled);
        Ok(KeptUplink { uplink: kept.try_into()?, is_new, is_settled })
    }

    pub(crate) async fn settle_uplink(
        &self,
        uplink: &Uplink,
        unit: Option<UnitId>,
        is_decoded: bool,
    ) -> Result<(), StoreError> {
        use uplink::Column::{
            DevEui, FCnt, IsDecoded, IsSettled, OrgId, PayloadHash, Session, UnitId,
        };
        let done = uplink::Entity::update_many()
            .col_expr(IsSettled, true.into())
            .col_expr(IsDecoded, is_decoded.into())
            .col_expr(UnitId, unit.map(|unit| unit.0).into())
            .filter(OrgId.eq(uplink.org.0))
            .filter(DevEui.eq(uplink.dev_eui.as_str()))
            .filter(Session.eq(uplink.session.as_str()))
            .filter(FCnt.eq(uplink.f_cnt))
            .filter(PayloadHash.eq(uplink.payload_hash.to_vec()))
            .exec(self.changes())
            .await?;
        if done.rows_affected == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    pub(crate) async fn note_unclaimed(
        &self,
        org: OrgId,
        dev_eui: &str,
        at: Timestamp,
        is_new_frame: bool,
    ) -> Result<(), StoreError> {
        let values: [Value; 4] =
            [org.0.into(), dev_eui.into(), at.as_millis().into(), i64::from(is_new_frame).into()];
        let note = Statement::from_sql_and_values(
            self.changes().get_database_backend(),
            NOTE_UNCLAIMED,
            values,
        );
        self.changes().execute_raw(note).await?;
        Ok(())
    }

    pub(crate) async fn unclaimed_devices(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<UnclaimedDevice>, StoreError> {
        use unclaimed_device::Column::{DevEui, OrgId};
        let of_org = unclaimed_device::Entity::find().filter(OrgId.eq(org.0));
        let after = cursor::text_after(page)?;
        let query = after.into_iter().fold(of_org, |query, after| query.filter(DevEui.gt(after)));
        let rows = query.order_by_asc(DevEui).limit(sql::one_more(page)).all(&self.db).await?;
        sql::records(cursor::cut(rows, page, |row| cursor::of_text(&row.dev_eui)))
    }

    pub(crate) async fn uplinks_of_unit(
        &self,
        org: OrgId,
        unit: UnitId,
        page: &PageQuery,
    ) -> Result<Page<Uplink>, StoreError> {
        let of_unit = uplink::Entity::find().filter(uplink::Column::UnitId.eq(unit.0));
        let query = of_unit.filter(uplink::Column::OrgId.eq(org.0));
        self.page_back(query, uplink::Column::Id, |row| row.id, page).await
    }
}

fn uplink_values(row: uplink::Model) -> [Value; 15] {
    [
        row.id.into(),
        row.org_id.into(),
        row.dev_eui.into(),
        row.session.into(),
        row.f_cnt.into(),
        row.payload_hash.into(),
        row.f_port.into(),
        row.payload.into(),
        row.decoded_payload.into(),
        row.recorded_at.into(),
        row.received_at.into(),
        row.rssi_dbm.into(),
        row.is_decoded.into(),
        row.is_settled.into(),
        row.unit_id.into(),
    ]
}
