//! What a unit was shown as, as intervals.

use hub_domain::{
    DoorState, LinkState, ManualLogState, Status, Timestamp, UnitId, thermal::Thermal,
};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Select,
};

use crate::{
    Scope, Store, StoreError, cursor,
    entity::unit_status_change as change,
    open::ask_database,
    records::{Page, PageQuery, StatusInterval, UnitRecord},
    scope::within,
    sql::{self, Sql},
};

/// Where a change stands in its unit's history: instant, version, ordinal.
type Place = (i64, i64, i64);

impl Store {
    /// What a unit was shown as from `from` (included) to `to` (not included), oldest first. Intervals are whole: the
    /// first may have begun before, the last may end after. `None` if there is no such unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn unit_history(
        &self,
        scope: impl Into<Scope>,
        unit: UnitId,
        from: Timestamp,
        to: Timestamp,
        page: PageQuery,
    ) -> Result<Option<Page<StatusInterval>>, StoreError> {
        let scope = scope.into();
        let Some(unit) = self.unit(scope.clone(), unit).await? else { return Ok(None) };
        ask_database!(self, unit_history(&scope, &unit, from, to, &page)).map(Some)
    }
}

impl Sql {
    pub(crate) async fn unit_history(
        &self,
        scope: &Scope,
        unit: &UnitRecord,
        from: Timestamp,
        to: Timestamp,
        page: &PageQuery,
    ) -> Result<Page<StatusInterval>, StoreError> {
        let of_unit = change::Entity::find().filter(change::Column::UnitId.eq(unit.id.0));
        let of_unit = of_unit.filter(within(change::Column::OrgId, scope.org));
        let asked = self.of(scope.org).await?;
        let after = cursor::change_after(page)?;
        let begins = match after {
            Some(_) => None,
            None => in_force_at(&asked, of_unit.clone(), from).await?,
        };
        let is_from_the_beginning = after.is_none() && begins.is_none();
        let start = after.map_or_else(
            || change::Column::At.gte(begins.unwrap_or(from.as_millis())).into(),
            is_after,
        );
        // one more to know whether there is another page, one more to know where the last one ends
        let most = sql::one_more(page) + 1;
        let rows = in_order(of_unit.filter(start)).limit(most).all(&asked).await?;
        let is_cut = u64::try_from(rows.len()) == Ok(most);
        let first = is_from_the_beginning
            .then(|| Ok((before_the_first(unit), (unit.created_at.as_millis(), 0, 0))));
        let placed = |row: change::Model| {
            let place = (row.at, row.version, row.ordinal);
            Ok((StatusInterval::try_from(row)?, place))
        };
        let found = first.into_iter().chain(rows.into_iter().map(placed));
        let found = found.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(page_of(found, is_cut, (from, to), page))
    }
}

/// A page of what was found, which may be `is_cut` short of more.
fn page_of(
    mut found: Vec<(StatusInterval, Place)>,
    is_cut: bool,
    (from, to): (Timestamp, Timestamp),
    page: &PageQuery,
) -> Page<StatusInterval> {
    let begins: Vec<Timestamp> = found.iter().map(|(interval, _)| interval.from).collect();
    for ((interval, _), next) in found.iter_mut().zip(begins.into_iter().skip(1)) {
        interval.to = Some(next);
    }
    if is_cut {
        found.pop(); // nobody knows yet where it ends
    }
    let last = found.last().filter(|(interval, _)| is_cut && interval.from < to);
    let last = last.map(|(_, place)| cursor::of_change(*place));
    found.retain(|(interval, _)| {
        let lasts = interval.to.is_none_or(|end| end > interval.from);
        lasts && interval.from < to && interval.to.is_none_or(|end| end > from)
    });
    let page = cursor::cut(found, page, |(_, place)| cursor::of_change(*place));
    let items = page.items.into_iter().map(|(interval, _)| interval).collect();
    Page { items, next: page.next.or(last) }
}

/// When what held at `at` began to hold.
async fn in_force_at(
    asked: &DatabaseTransaction,
    of_unit: Select<change::Entity>,
    at: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let before = of_unit.filter(change::Column::At.lte(at.as_millis()));
    let newest = before.order_by_desc(change::Column::At).limit(1);
    Ok(newest.one(asked).await?.map(|row| row.at))
}

fn in_order(query: Select<change::Entity>) -> Select<change::Entity> {
    use change::Column::{At, Ordinal, Version};
    query.order_by_asc(At).order_by_asc(Version).order_by_asc(Ordinal)
}

fn is_after((at, version, ordinal): Place) -> Condition {
    use change::Column::{At, Ordinal, Version};
    let same_instant = Condition::all().add(At.eq(at));
    let same_version = same_instant.clone().add(Version.eq(version));
    let later = Condition::any()
        .add(At.gt(at))
        .add(same_instant.add(Version.gt(version)))
        .add(same_version.add(Ordinal.gt(ordinal)));
    // beside the alternatives, so that the index is entered there
    Condition::all().add(At.gte(at)).add(later)
}

/// A unit that nobody has heard of yet.
fn before_the_first(unit: &UnitRecord) -> StatusInterval {
    let (thermal, link) = (Thermal::Ok, LinkState::NeverSeen);
    let (door, manual_log) = (DoorState::Unknown, ManualLogState::NotDue);
    StatusInterval {
        from: unit.created_at,
        to: None,
        written_at: unit.created_at,
        status: Status::of(thermal, link, manual_log),
        thermal,
        link,
        door,
        manual_log,
        mode: "normal".to_owned(),
    }
}
