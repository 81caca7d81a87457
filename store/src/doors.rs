//! Doors: what was said of them apart from readings, and when they turned.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hub_domain::{OrgId, SourceId, Timestamp, UnitId};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::json;

use crate::{
    By, Store, StoreError, cursor,
    entity::{self, door_event, reading},
    open::ask_database,
    records::{AuditEntry, DoorChange, DoorEvent, Page, PageQuery},
    scope::within,
    sql::{self, Sql},
};

/// How many reports of each kind are looked at for one page. A door that says the same over and over may therefore
/// give a page of fewer changes than asked for, and more on the next.
const LOOKED_AT: usize = 5_000;

impl Store {
    /// Keeps what was said of a door. What the same source said of the same instant before is given back instead.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_door_event(
        &self,
        event: DoorEvent,
        by: Option<By>,
    ) -> Result<DoorEvent, StoreError> {
        let (unit, id) = (json!({ "unit": event.unit.0 }), event.id);
        let entry = by.map(|by| {
            let by = By { request: None, ..by };
            self.entry(event.org, by, "door_event.created", "door_event", id, &unit)
        });
        ask_database!(self, keep_door_event(&event, entry.as_ref()))
    }

    /// When the door of a unit turned, from `from` (included) to `to` (not included), oldest first. The first report
    /// in the span counts as a turn.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn door_changes(
        &self,
        org: OrgId,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
        page: PageQuery,
    ) -> Result<Page<DoorChange>, StoreError> {
        ask_database!(self, door_changes(org, unit, from, to, &page))
    }
}

impl Sql {
    pub(crate) async fn keep_door_event(
        &self,
        event: &DoorEvent,
        entry: Option<&AuditEntry>,
    ) -> Result<DoorEvent, StoreError> {
        let change = self.begin_of(event.org).await?;
        let row = entity::insertable(door_event::Model::from(event));
        match door_event::Entity::insert(row).exec_without_returning(&change).await {
            Ok(_) => {}
            Err(error) => {
                drop(change); // it is of no more use once a statement failed
                return match crate::error::taken("recordedAt")(error) {
                    StoreError::Taken(_) => self.door_event_like(event).await,
                    error => Err(error),
                };
            }
        }
        if let Some(entry) = entry {
            let after = Some(crate::kept::written(&door_event::Model::from(event))?);
            sql::audit(&change, &AuditEntry { after, ..entry.clone() }).await?;
        }
        change.commit().await?;
        Ok(event.clone())
    }

    async fn door_event_like(&self, event: &DoorEvent) -> Result<DoorEvent, StoreError> {
        use door_event::Column::{OrgId, RecordedAt, SourceId, UnitId};
        let row = door_event::Entity::find()
            .filter(within(OrgId, event.org))
            .filter(UnitId.eq(event.unit.0))
            .filter(SourceId.eq(event.source.0))
            .filter(RecordedAt.eq(event.recorded_at.as_millis()))
            .one(&self.of(event.org).await?)
            .await?;
        row.map(DoorEvent::from).ok_or(StoreError::NotFound)
    }

    pub(crate) async fn door_changes(
        &self,
        org: OrgId,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
        page: &PageQuery,
    ) -> Result<Page<DoorChange>, StoreError> {
        let after = page.cursor.as_deref().map(read).transpose()?;
        let from = after.map_or(from, |(at, _)| from.max(at.plus_millis(1)));
        let told = self.door_events(org, unit, from, to).await?;
        let read = self.door_readings(org, unit, from, to).await?;
        let limit = cursor::limit(page);
        let mut state = after.map(|(_, is_open)| is_open);
        let (reports, is_all) = merged(told, read);
        let mut items = Vec::new();
        let mut looked_until = None;
        for report in reports {
            if items.len() == limit {
                return Ok(Page { items, next: looked_until });
            }
            if state != Some(report.is_open) {
                state = Some(report.is_open);
                items.push(report);
            }
            looked_until = Some(written(report.recorded_at, report.is_open));
        }
        Ok(Page { items, next: looked_until.filter(|_| !is_all) })
    }

    async fn door_events(
        &self,
        org: OrgId,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<DoorChange>, StoreError> {
        use door_event::Column::{OrgId, RecordedAt, UnitId};
        let of_unit =
            door_event::Entity::find().filter(within(OrgId, org)).filter(UnitId.eq(unit.0));
        let in_span =
            of_unit.filter(RecordedAt.gte(from.as_millis())).filter(RecordedAt.lt(to.as_millis()));
        let rows = in_span.order_by_asc(RecordedAt).limit(LOOKED_AT as u64);
        let rows = rows.all(&self.of(org).await?).await?;
        let change = |row: door_event::Model| {
            let DoorEvent { is_open, recorded_at, received_at, source, created_by, .. } =
                row.into();
            DoorChange { is_open, recorded_at, received_at, source, created_by }
        };
        Ok(rows.into_iter().map(change).collect())
    }

    async fn door_readings(
        &self,
        org: OrgId,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<DoorChange>, StoreError> {
        use reading::Column::{
            DoorOpen, OrgId, ReceivedAt, RecordedAt, SourceId as Source, UnitId,
        };
        let of_unit = reading::Entity::find().filter(within(OrgId, org)).filter(UnitId.eq(unit.0));
        let in_span = of_unit
            .filter(RecordedAt.gte(from.as_millis()))
            .filter(RecordedAt.lt(to.as_millis()))
            .filter(DoorOpen.is_not_null());
        let columns = in_span.select_only().columns([RecordedAt, ReceivedAt, Source, DoorOpen]);
        let rows = columns.order_by_asc(RecordedAt).limit(LOOKED_AT as u64);
        let rows: Vec<(i64, i64, uuid::Uuid, Option<bool>)> =
            rows.into_tuple().all(&self.of(org).await?).await?;
        let change =
            |(recorded_at, received_at, source, door_open): (i64, i64, _, Option<bool>)| {
                Some(DoorChange {
                    is_open: door_open?,
                    recorded_at: Timestamp::from_millis(recorded_at),
                    received_at: Timestamp::from_millis(received_at),
                    source: SourceId(source),
                    created_by: None,
                })
            };
        Ok(rows.into_iter().filter_map(change).collect())
    }
}

/// One report for each instant, in order: of several, the one that came first, as the unit takes them. With it,
/// whether these are all there are.
fn merged(told: Vec<DoorChange>, read: Vec<DoorChange>) -> (Vec<DoorChange>, bool) {
    let last_of_full = |reports: &[DoorChange]| {
        reports.last().filter(|_| reports.len() == LOOKED_AT).map(|last| last.recorded_at)
    };
    let until = [last_of_full(&told), last_of_full(&read)].into_iter().flatten().min();
    let mut by_instant: BTreeMap<Timestamp, DoorChange> = BTreeMap::new();
    for report in told.into_iter().chain(read) {
        by_instant
            .entry(report.recorded_at)
            .and_modify(|first| {
                if report.received_at < first.received_at {
                    *first = report;
                }
            })
            .or_insert(report);
    }
    let Some(until) = until else { return (by_instant.into_values().collect(), true) };
    // the last instant of a list that was cut off may have more reports
    let first = by_instant.keys().next().copied();
    let is_sure = |at: Timestamp| at < until || Some(at) == first;
    let reports = by_instant.into_values().filter(|report| is_sure(report.recorded_at)).collect();
    (reports, false)
}

/// The cursor of a page that looked at all reports up to `at`.
fn written(at: Timestamp, is_open: bool) -> String {
    let mut bytes = at.as_millis().to_be_bytes().to_vec();
    bytes.push(u8::from(is_open));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(cursor: &str) -> Result<(Timestamp, bool), StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor)?;
    match bytes.split_first_chunk() {
        Some((at, [is_open @ (0 | 1)])) => {
            Ok((Timestamp::from_millis(i64::from_be_bytes(*at)), *is_open == 1))
        }
        _ => Err(StoreError::BadCursor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(at: i64, received_at: i64, is_open: bool) -> DoorChange {
        DoorChange {
            is_open,
            recorded_at: Timestamp::from_millis(at),
            received_at: Timestamp::from_millis(received_at),
            source: SourceId(uuid::Uuid::nil()),
            created_by: None,
        }
    }

    #[test]
    fn of_two_reports_of_one_instant_the_one_that_came_first_counts() {
        let (reports, is_all) =
            merged(vec![report(5, 9, true)], vec![report(5, 7, false), report(6, 7, true)]);
        assert_eq!(reports, [report(5, 7, false), report(6, 7, true)]);
        assert!(is_all);
    }

    #[test]
    fn what_was_cut_off_is_left_to_the_next_page() {
        let full = i64::try_from(LOOKED_AT).unwrap();
        let read: Vec<_> = (0..full).map(|at| report(at, at, at % 2 == 0)).collect();
        let (reports, is_all) = merged(vec![report(full + 5, 0, true)], read);
        assert!(!is_all);
        assert_eq!(reports.len(), LOOKED_AT - 1);
        assert_eq!(reports.last().unwrap().recorded_at, Timestamp::from_millis(full - 2));
    }

    #[test]
    fn a_cursor_comes_back_as_what_it_was_made_of() {
        let at = Timestamp::from_millis(1_795_161_600_000);
        assert_eq!(read(&written(at, true)).unwrap(), (at, true));
        for bad in ["", "!", "AAAA", "AAAAAAAAAAAC"] {
            assert!(matches!(read(bad), Err(StoreError::BadCursor)), "{bad}");
        }
    }
}
