//! Radio frames and the sensors nobody has claimed.

use std::collections::BTreeMap;

use hub_domain::{OrgId, Timestamp, UnitId};

use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _,
    ModelTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, Value,
    sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError, cursor, devices,
    entity::{device, unclaimed_device, uplink},
    kept::written,
    open::{ask, ask_database},
    records::{
        AuditEntry, Device, KeptUplink, NewDevice, Page, PageQuery, Settled, UnclaimedDevice,
        Uplink,
    },
    scope::within,
    sql::{self, Order, Sql},
    tenants::of_the_living,
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

    /// Notes that nothing can be made of a frame now: nobody claims its sensor, or it measured no unit then.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn lay_by_uplink(&self, uplink: &Uplink) -> Result<(), StoreError> {
        ask!(self, lay_by_uplink(uplink))
    }

    /// Some frames of any organization that were kept before `until` and neither settled nor laid by, in the order they
    /// came: whoever took them in was cut off, or the units were busy.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn uplinks_in_hand(
        &self,
        until: Timestamp,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<(Uuid, Uplink)>, StoreError> {
        ask_database!(self, uplinks_in_hand(until, after, limit))
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

    /// Registers a sensor that was heard, with what it said so far: since `from`, or since it was first heard. It is no
    /// unclaimed one any more.
    ///
    /// # Errors
    /// `Taken` if it is registered by now, `NotFound` if it was not heard or its unit is not there.
    pub async fn claim_device(
        &self,
        org: OrgId,
        device: NewDevice,
        from: Option<Timestamp>,
        by: impl Into<By>,
    ) -> Result<Device, StoreError> {
        let device = self.new_device(org, device);
        let detail = json!({ "claimed": true });
        let entry = self.entry(org, by, "device.created", "device", device.id.0, &detail);
        ask_database!(self, claim_device(&device, from, entry))?;
        Ok(device)
    }

    /// Forgets that an unknown sensor was heard, until it is heard again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn forget_unclaimed(
        &self,
        org: OrgId,
        dev_eui: &str,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let (id, detail) = (Uuid::new_v5(&org.0, dev_eui.as_bytes()), json!({ "devEui": dev_eui }));
        let entry =
            self.entry(org, by, "unclaimed_device.deleted", "unclaimed_device", id, &detail);
        ask_database!(self, forget_unclaimed(dev_eui, entry))
    }

    /// Some frames of a sensor of which nothing was made yet, in the order they came.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn unsettled_uplinks(
        &self,
        org: OrgId,
        dev_eui: &str,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<(Uuid, Uplink)>, StoreError> {
        ask_database!(self, unsettled_uplinks(org, dev_eui, after, limit))
    }

    /// Notes of many frames that whatever could be made of them was made.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn settle_uplinks(&self, org: OrgId, frames: &[Settled]) -> Result<(), StoreError> {
        ask_database!(self, settle_uplinks(org, frames))
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
    model, recorded_at, received_at, rssi_dbm, is_decoded, is_settled, is_in_hand, unit_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (org_id, dev_eui, session, f_cnt, payload_hash) DO UPDATE SET rssi_dbm =
    CASE WHEN uplinks.rssi_dbm IS NULL OR excluded.rssi_dbm > uplinks.rssi_dbm
        THEN excluded.rssi_dbm ELSE uplinks.rssi_dbm END
RETURNING *";

/// One that was claimed while its frame was taken in is none that nobody claims.
const NOTE_UNCLAIMED: &str = "
INSERT INTO unclaimed_devices AS noted (org_id, dev_eui, first_seen_at, last_seen_at, frames)
SELECT $1, $2, $3, $3, $4
WHERE NOT EXISTS (SELECT 1 FROM devices WHERE org_id = $1 AND dev_eui = $2 AND deleted_at IS NULL)
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
        let change = self.begin_of(uplink.org).await?;
        let keep =
            Statement::from_sql_and_values(change.get_database_backend(), KEEP_UPLINK, values);
        let kept = uplink::Entity::find().from_raw_sql(keep).one(&change).await?;
        change.commit().await?;
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
        use uplink::Column::{IsDecoded, IsInHand, IsSettled, UnitId};
        let change = self.begin_of(uplink.org).await?;
        let done = uplink::Entity::update_many()
            .col_expr(IsSettled, true.into())
            .col_expr(IsInHand, false.into())
            .col_expr(IsDecoded, is_decoded.into())
            .col_expr(UnitId, unit.map(|unit| unit.0).into())
            .filter(same_frame(uplink))
            .exec(&change)
            .await?;
        change.commit().await?;
        if done.rows_affected == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    pub(crate) async fn lay_by_uplink(&self, uplink: &Uplink) -> Result<(), StoreError> {
        let change = self.begin_of(uplink.org).await?;
        uplink::Entity::update_many()
            .col_expr(uplink::Column::IsInHand, false.into())
            .filter(same_frame(uplink))
            .exec(&change)
            .await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn uplinks_in_hand(
        &self,
        until: Timestamp,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<(Uuid, Uplink)>, StoreError> {
        use uplink::Column::{Id, IsInHand, OrgId, ReceivedAt};
        let oldest = uplink::Entity::find()
            .filter(Expr::col(IsInHand)) // as the index has it
            .filter(of_the_living(OrgId))
            .filter(ReceivedAt.lte(until.as_millis()))
            .order_by_asc(Id)
            .limit(limit);
        let rest = after.into_iter().fold(oldest, |query, after| query.filter(Id.gt(after)));
        let rows = rest.all(&self.db).await?;
        rows.into_iter().map(|row| Ok((row.id, row.try_into()?))).collect()
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
        let change = self.begin_of(org).await?;
        let note =
            Statement::from_sql_and_values(change.get_database_backend(), NOTE_UNCLAIMED, values);
        change.execute_raw(note).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn unclaimed_devices(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<UnclaimedDevice>, StoreError> {
        use unclaimed_device::Column::{DevEui, OrgId};
        let of_org = unclaimed_device::Entity::find().filter(within(OrgId, org));
        let after = cursor::text_after(page)?;
        let query = after.into_iter().fold(of_org, |query, after| query.filter(DevEui.gt(after)));
        let rows = query.order_by_asc(DevEui).limit(sql::one_more(page));
        let rows = rows.all(&self.of(org).await?).await?;
        sql::records(cursor::cut(rows, page, |row| cursor::of_text(&row.dev_eui)))
    }

    pub(crate) async fn claim_device(
        &self,
        device: &Device,
        from: Option<Timestamp>,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        use unclaimed_device::Column::{DevEui, OrgId};
        let (org, dev_eui) = (device.org, device.dev_eui.as_deref().unwrap_or_default());
        let change = self.begin_of(org).await?;
        let heard = unclaimed_device::Entity::find()
            .filter(within(OrgId, org))
            .filter(DevEui.eq(dev_eui))
            .lock_exclusive();
        let Some(heard) = heard.one(&change).await? else {
            return Err(missing(&change, org, dev_eui).await?);
        };
        let from = match from {
            Some(from) => from,
            None => first_said(&change, &heard).await?,
        };
        self.need_room(&change, org, entry.at).await?;
        devices::add(&change, device, from, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn forget_unclaimed(
        &self,
        dev_eui: &str,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        use unclaimed_device::Column::{DevEui, OrgId};
        let change = self.begin_of(entry.org).await?;
        let heard = unclaimed_device::Entity::find()
            .filter(within(OrgId, entry.org))
            .filter(DevEui.eq(dev_eui))
            .lock_exclusive();
        let before = heard.one(&change).await?.ok_or(StoreError::NotFound)?;
        entry.before = Some(written(&before)?);
        before.delete(&change).await?;
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn unsettled_uplinks(
        &self,
        org: OrgId,
        dev_eui: &str,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<(Uuid, Uplink)>, StoreError> {
        use sea_orm::sea_query::ExprTrait as _;
        use uplink::Column::{DevEui, Id, IsSettled, OrgId};
        let of_it = uplink::Entity::find()
            .filter(within(OrgId, org))
            .filter(DevEui.eq(dev_eui))
            .filter(Expr::col(IsSettled).not()) // as the index of the unsettled ones says it
            .order_by_asc(Id)
            .limit(limit);
        let rest = after.into_iter().fold(of_it, |query, after| query.filter(Id.gt(after)));
        let rows = rest.all(&self.of(org).await?).await?;
        rows.into_iter().map(|row| Ok((row.id, row.try_into()?))).collect()
    }

    pub(crate) async fn settle_uplinks(
        &self,
        org: OrgId,
        frames: &[Settled],
    ) -> Result<(), StoreError> {
        use uplink::Column::{Id, IsDecoded, IsInHand, IsSettled, OrgId, UnitId};
        let mut alike: BTreeMap<_, Vec<Uuid>> = BTreeMap::new();
        for frame in frames {
            alike.entry((frame.unit, frame.is_decoded)).or_default().push(frame.id);
        }
        let change = self.begin_of(org).await?;
        for ((unit, is_decoded), ids) in alike {
            uplink::Entity::update_many()
                .col_expr(IsSettled, true.into())
                .col_expr(IsInHand, false.into())
                .col_expr(IsDecoded, is_decoded.into())
                .col_expr(UnitId, unit.map(|unit| unit.0).into())
                .filter(within(OrgId, org))
                .filter(Id.is_in(ids))
                .exec(&change)
                .await?;
        }
        Ok(change.commit().await?)
    }

    pub(crate) async fn uplinks_of_unit(
        &self,
        org: OrgId,
        unit: UnitId,
        page: &PageQuery,
    ) -> Result<Page<Uplink>, StoreError> {
        let of_unit = uplink::Entity::find().filter(uplink::Column::UnitId.eq(unit.0));
        let query = of_unit.filter(within(uplink::Column::OrgId, org));
        let asked = self.of(org).await?;
        sql::page(&asked, query, uplink::Column::Id, Order::Down, |row| row.id, page).await
    }
}

/// What makes two frames one.
fn same_frame(uplink: &Uplink) -> Condition {
    use uplink::Column::{DevEui, FCnt, OrgId, PayloadHash, Session};
    Condition::all()
        .add(within(OrgId, uplink.org))
        .add(DevEui.eq(uplink.dev_eui.as_str()))
        .add(Session.eq(uplink.session.as_str()))
        .add(FCnt.eq(uplink.f_cnt))
        .add(PayloadHash.eq(uplink.payload_hash.to_vec()))
}

/// Why an unclaimed sensor is not there: it is registered by now, or it was never heard.
async fn missing(
    change: &DatabaseTransaction,
    org: OrgId,
    dev_eui: &str,
) -> Result<StoreError, StoreError> {
    let registered = device::Entity::find()
        .filter(within(device::Column::OrgId, org))
        .filter(device::Column::DevEui.eq(dev_eui))
        .filter(device::Column::DeletedAt.is_null());
    Ok(match registered.one(change).await? {
        Some(_) => StoreError::Taken("devEui"),
        None => StoreError::NotFound,
    })
}

/// The instant of the earliest frame since a sensor was first heard: the network heard it before the hub did.
async fn first_said(
    change: &DatabaseTransaction,
    heard: &unclaimed_device::Model,
) -> Result<Timestamp, StoreError> {
    use uplink::Column::{DevEui, OrgId, ReceivedAt, RecordedAt};
    let earliest = uplink::Entity::find()
        .select_only()
        .column_as(RecordedAt.min(), "earliest")
        .filter(within(OrgId, hub_domain::OrgId(heard.org_id)))
        .filter(DevEui.eq(heard.dev_eui.as_str()))
        .filter(ReceivedAt.gte(heard.first_seen_at));
    let earliest: Option<Option<i64>> = earliest.into_tuple().one(change).await?;
    let first = earliest.flatten().map_or(heard.first_seen_at, |at| at.min(heard.first_seen_at));
    Ok(Timestamp::from_millis(first))
}

fn uplink_values(row: uplink::Model) -> [Value; 17] {
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
        row.model.into(),
        row.recorded_at.into(),
        row.received_at.into(),
        row.rssi_dbm.into(),
        row.is_decoded.into(),
        row.is_settled.into(),
        row.is_in_hand.into(),
        row.unit_id.into(),
    ]
}
