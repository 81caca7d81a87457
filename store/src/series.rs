//! What a unit's points measured over a long time, in buckets that lose neither peak nor trough.

use hub_domain::{Channel, MilliCelsius, OrgId, Point, SourceId, Timestamp};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult, Value};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::known,
    open::ask_database,
    points::as_json,
    records::{Bucket, ReadingFilter, Series},
    scope::within_text,
    sql::Sql,
};

/// At most so many buckets a point.
const MOST_OF_A_POINT: i64 = 1_000;
/// At most so many in all: a unit that has very many points gets fewer of each.
const MOST: i64 = 20_000;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The widths that a bucket may have, so that neighbouring questions have the same buckets. All are shorter than
/// [`SPAN`].
const WIDTHS: [i64; 21] = [
    SECOND,
    5 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
    24 * DAY,
];

/// A temperature and an instant within a bucket are compared as one number, temperature first: it is the temperature
/// times this, and the instant's place in the bucket.
const SPAN: i64 = 1 << 31;

impl Store {
    /// What the unit's points measured, in at most about 1,000 buckets a point.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn series(&self, org: OrgId, wanted: &ReadingFilter) -> Result<Series, StoreError> {
        ask_database!(self, series(org, wanted))
    }
}

impl Sql {
    pub(crate) async fn series(
        &self,
        org: OrgId,
        wanted: &ReadingFilter,
    ) -> Result<Series, StoreError> {
        let asked = self.of(org).await?;
        let points = self.points(&asked, org, wanted).await?;
        let Some((first, last)) = self.extent(&asked, org, wanted, &points).await? else {
            return Ok(Series { width_millis: SECOND, buckets: Vec::new() });
        };
        let width = width_for(first, last, points.len());
        let (from, to) = (wanted.from.as_millis(), wanted.to.as_millis());
        // where there is one point alone its part of the key is read, and no other point's
        let only = if let [only] = &points[..] { Some(only) } else { None };
        let source = only.map_or(wanted.source, |only| Some(only.source));
        let channel = only.map_or(wanted.channel.as_ref(), |only| Some(&only.channel));
        let mut values: Vec<Value> = vec![from.into(), to.into(), width.into()];
        let mut narrowed = String::new();
        for (column, value) in [
            ("source_id", source.map(|source| source.0.into())),
            ("channel", channel.map(|channel| channel.as_str().into())),
        ] {
            if let Some(value) = value {
                values.push(value);
                narrowed += &format!(" AND {column} = ${}", values.len() + 2); // after organization and unit
            }
        }
        let text = buckets_text(&narrowed, within_text());
        let statement = self.asked_of(org, wanted.unit, text, values);
        let rows = asked.query_all_raw(statement).await?;
        let buckets = rows.iter().map(|row| bucket(row, width));
        Ok(Series { width_millis: width, buckets: buckets.collect::<Result<_, _>>()? })
    }

    /// When the first and the last of the wanted readings were recorded: two probes a point.
    async fn extent(
        &self,
        asked: &DatabaseTransaction,
        org: OrgId,
        wanted: &ReadingFilter,
        points: &[Point],
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let bounds: Vec<_> = points.iter().map(|point| (point.clone(), (0, 0))).collect();
        let (table, within) = (self.point_table(), within_text());
        let end = |way| {
            format!(
                "(SELECT recorded_at FROM readings WHERE unit_id = $2 AND {within} AND source_id = point.source
                    AND channel = point.name AND recorded_at >= $4 AND recorded_at < $5
                    ORDER BY recorded_at {way} LIMIT 1)"
            )
        };
        let text = format!(
            "SELECT MIN(first_at) AS first_at, MAX(last_at) AS last_at
            FROM (SELECT {} AS first_at, {} AS last_at FROM {table}) AS ends",
            end("ASC"),
            end("DESC")
        );
        let (from, to) = (wanted.from.as_millis(), wanted.to.as_millis());
        let values = [as_json(&bounds), from.into(), to.into()];
        let statement = self.asked_of(org, wanted.unit, text, values);
        let Some(row) = asked.query_one_raw(statement).await? else { return Ok(None) };
        let (first, last): (Option<i64>, Option<i64>) =
            (row.try_get("", "first_at")?, row.try_get("", "last_at")?);
        Ok(first.zip(last))
    }
}

/// The least width with which the span has no more buckets than it may have.
fn width_for(first: i64, last: i64, points: usize) -> i64 {
    let points = i64::try_from(points).unwrap_or(i64::MAX).max(1);
    let most = (MOST / points).clamp(1, MOST_OF_A_POINT);
    let fits = |width: &i64| last / width - first / width < most;
    WIDTHS.into_iter().find(fits).unwrap_or(WIDTHS[WIDTHS.len() - 1])
}

fn buckets_text(narrowed: &str, within: &str) -> String {
    format!(
        "SELECT source_id, channel, recorded_at / $5 AS bucket,
            MIN(CAST(temperature AS BIGINT) * {SPAN} + recorded_at % $5) AS lowest,
            MAX(CAST(temperature AS BIGINT) * {SPAN} + $5 - 1 - recorded_at % $5) AS highest,
            CAST(SUM(temperature) AS BIGINT) AS total, COUNT(*) AS readings
        FROM readings
        WHERE unit_id = $2 AND {within} AND recorded_at >= $3 AND recorded_at < $4{narrowed}
        GROUP BY source_id, channel, recorded_at / $5
        ORDER BY source_id, channel, bucket"
    )
}

fn bucket(row: &QueryResult, width: i64) -> Result<Bucket, StoreError> {
    let number = |name| row.try_get::<i64>("", name);
    let channel: String = row.try_get("", "channel")?;
    let channel = known("channel", &channel, Channel::parse)?;
    let source: Uuid = row.try_get("", "source_id")?;
    let from = number("bucket")? * width;
    let (lowest, highest) = (number("lowest")?, number("highest")?);
    let (total, count) = (number("total")?, number("readings")?);
    let at = |offset: i64| Timestamp::from_millis(from + offset);
    Ok(Bucket {
        point: Point { source: SourceId(source), channel },
        from: Timestamp::from_millis(from),
        min: (milli(lowest.div_euclid(SPAN))?, at(lowest.rem_euclid(SPAN))),
        max: (milli(highest.div_euclid(SPAN))?, at(width - 1 - highest.rem_euclid(SPAN))),
        mean: milli(rounded(total, count))?,
        count,
    })
}

/// `total / count`, halves away from zero.
const fn rounded(total: i64, count: i64) -> i64 {
    (2 * total + total.signum() * count) / (2 * count)
}

fn milli(value: i64) -> Result<MilliCelsius, StoreError> {
    let value = i32::try_from(value);
    value.map(MilliCelsius).map_err(|_| StoreError::Corrupt("a temperature".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_shown_by_the_hour_and_no_span_has_more_buckets_than_it_may() {
        assert_eq!(width_for(0, 30 * DAY, 1), HOUR);
        assert_eq!(width_for(0, 999 * SECOND, 1), SECOND);
        assert_eq!(width_for(0, 1_000 * SECOND, 1), 5 * SECOND);
        assert_eq!(width_for(0, 30 * DAY, 20), HOUR);
        assert_eq!(width_for(0, 30 * DAY, 40), 2 * HOUR);
        assert!(WIDTHS.iter().all(|width| *width < SPAN) && WIDTHS.is_sorted());
    }

    #[test]
    fn a_mean_is_rounded_to_the_nearest() {
        assert_eq!(
            [rounded(5, 2), rounded(-5, 2), rounded(4, 3), rounded(-4, 3), rounded(0, 7)],
            [3, -3, 1, -1, 0]
        );
    }
}
