//! Readings as people read them.

use hub_domain::{OrgId, ReadingKey, Timestamp, UnitId};

use crate::{
    Store, StoreError, cursor,
    entity::reading,
    open::ask,
    records::{Page, PageQuery, StoredReading},
    sql::{self, Sql},
};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

impl Store {
    /// The readings of a unit recorded from `from` (included) to `to` (not included), oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn readings(
        &self,
        org: OrgId,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
        page: PageQuery,
    ) -> Result<Page<StoredReading>, StoreError> {
        ask!(self, readings(org, unit, from, to, &page))
    }
}

impl Sql {
    pub(crate) async fn readings(
        &self,
        org: OrgId,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
        page: &PageQuery,
    ) -> Result<Page<StoredReading>, StoreError> {
        use reading::Column::{Channel, OrgId, RecordedAt, Sequence, SourceId, UnitId};
        let of_unit = reading::Entity::find().filter(UnitId.eq(unit.0)).filter(OrgId.eq(org.0));
        let after = cursor::reading_after(page)?;
        // no reading before the cursor's is looked at: what months lie there is not touched
        let from = after.as_ref().map_or(from, |after| from.max(after.recorded_at));
        let mut query =
            of_unit.filter(RecordedAt.gte(from.as_millis())).filter(RecordedAt.lt(to.as_millis()));
        if let Some(after) = after {
            query = query.filter(is_after(&after));
        }
        let in_order = query.order_by_asc(RecordedAt).order_by_asc(SourceId).order_by_asc(Channel);
        let rows = in_order.order_by_asc(Sequence).limit(sql::one_more(page)).all(&self.db).await?;
        let items = rows.into_iter().map(StoredReading::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::cut(items, page, |stored| cursor::of_reading(&stored.reading.key())))
    }
}

/// True of readings past `key` in the order of (`recorded_at`, source, channel, sequence).
fn is_after(key: &ReadingKey) -> Condition {
    use reading::Column::{Channel, RecordedAt, Sequence, SourceId};
    let (at, source, channel) =
        (key.recorded_at.as_millis(), key.point.source.0, key.point.channel.as_str());
    let same_instant = Condition::all().add(RecordedAt.eq(at));
    let same_source = same_instant.clone().add(SourceId.eq(source));
    let same_channel = same_source.clone().add(Channel.eq(channel));
    Condition::any()
        .add(RecordedAt.gt(at))
        .add(same_instant.add(SourceId.gt(source)))
        .add(same_source.add(Channel.gt(channel)))
        .add(same_channel.add(Sequence.gt(key.sequence)))
}
