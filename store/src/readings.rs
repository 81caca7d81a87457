//! Readings as people read them: a page at a time, in order of their time.

use std::cmp::Ordering;

use hub_domain::{OrgId, Point, ReadingKey, Timestamp, UnitId};
use sea_orm::EntityTrait as _;

use crate::{
    Store, StoreError, cursor,
    entity::reading,
    open::{ask, ask_database},
    points::{Bound, as_json},
    records::{Page, PageQuery, ReadingFilter, StoredReading},
    scope::within_text,
    sql::{self, Pools, Sql},
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

    /// The readings that are wanted, in the order that is wanted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn readings_where(
        &self,
        org: OrgId,
        wanted: &ReadingFilter,
        page: PageQuery,
    ) -> Result<Page<StoredReading>, StoreError> {
        ask_database!(self, readings_where(org, wanted, &page))
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
        let wanted = ReadingFilter { from, to, ..ReadingFilter::of(unit) };
        self.readings_where(org, &wanted, page).await
    }

    pub(crate) async fn readings_where(
        &self,
        org: OrgId,
        wanted: &ReadingFilter,
        page: &PageQuery,
    ) -> Result<Page<StoredReading>, StoreError> {
        let after = cursor::reading_after(page)?;
        let asked = self.of(org).await?;
        let points = self.points(&asked, org, wanted).await?;
        if points.is_empty() {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let bound = |point| bound(point, after.as_ref(), wanted);
        let bounds: Vec<Bound> = points.into_iter().map(bound).collect();
        let most = i64::try_from(sql::one_more(page)).unwrap_or(i64::MAX);
        let (from, to) = (wanted.from.as_millis(), wanted.to.as_millis());
        let values = [as_json(&bounds), from.into(), to.into(), most.into()];
        let text = self.page_text(wanted.newest_first, within_text());
        let statement = self.asked_of(org, wanted.unit, text, values);
        let rows = reading::Entity::find().from_raw_sql(statement).all(&asked).await?;
        let items = rows.into_iter().map(StoredReading::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::cut(items, page, |stored| cursor::of_reading(&stored.reading.key())))
    }

    /// As many readings of each point as the page may have, of which the first make it.
    fn page_text(&self, newest_first: bool, within: &str) -> String {
        let (past, way) = if newest_first { ("<", "DESC") } else { (">", "ASC") };
        let points = self.point_table();
        let of_point = format!(
            "unit_id = $2 AND {within} AND source_id = point.source AND channel = point.name
                AND (recorded_at, sequence) {past} (point.at, point.nth)"
        );
        let order = format!(
            "ORDER BY recorded_at {way}, source_id {way}, channel {way}, sequence {way} LIMIT $6"
        );
        match self.pools {
            // the instants stand beside the pair so that months out of the span are left out
            Pools::Postgres { .. } => format!(
                "SELECT found.* FROM {points}, LATERAL (
                    SELECT readings.* FROM readings
                    WHERE {of_point} AND recorded_at >= $4 AND recorded_at < $5 AND recorded_at {past}= point.at
                    ORDER BY recorded_at {way}, sequence {way} LIMIT $6
                ) AS found {order}"
            ),
            Pools::Sqlite { .. } => {
                let last = if newest_first { "recorded_at >= $4" } else { "recorded_at < $5" };
                // the index is entered by one bound a side: another beside it would be tried on row after row
                let (up_to, end) = if newest_first { (">=", "$4") } else { ("<=", "$5 - 1") };
                format!(
                    "SELECT readings.* FROM {points} CROSS JOIN readings
                    WHERE {of_point} AND recorded_at {up_to} COALESCE((
                        SELECT recorded_at FROM readings WHERE {of_point} AND {last}
                        ORDER BY recorded_at {way}, sequence {way} LIMIT 1 OFFSET $6
                    ), {end}) {order}"
                )
            }
        }
    }
}

/// Past which of a point's readings those begin that are wanted and come after the cursor, in the order of (instant,
/// point, sequence) or against it.
fn bound(point: Point, after: Option<&ReadingKey>, wanted: &ReadingFilter) -> Bound {
    const LEAST: i64 = -2;
    const MOST: i64 = i64::MAX;
    let past = |after: &ReadingKey| {
        let sequence = match point.cmp(&after.point) {
            Ordering::Equal => after.sequence,
            // of the same instant, all or none
            Ordering::Greater => LEAST,
            Ordering::Less => MOST,
        };
        (after.recorded_at.as_millis(), sequence)
    };
    let after = after.map(past);
    let place = if wanted.newest_first {
        let end = (wanted.to.as_millis(), LEAST);
        after.map_or(end, |after| after.min(end))
    } else {
        let begin = (wanted.from.as_millis(), LEAST);
        after.map_or(begin, |after| after.max(begin))
    };
    (point, place)
}
