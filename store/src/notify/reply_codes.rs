//! The numbers by which phones answer: one for each open alert or message of several and phone, of two digits as long as
//! there are enough.

use std::collections::{BTreeSet, HashMap};

use hub_domain::{AlertId, OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{alert, contact, insertable, notification_intent, reply_code},
    open::ask_database,
    sql::Sql,
};

/// The first and, as long as there are enough, the last.
const FIRST: i64 = 10;
const LAST: i64 = 99;

/// A number is not given to another alert before so long after it was given, in milliseconds: somebody may answer late,
/// and is told the truth.
const KEPT_MILLIS: i64 = 24 * 3_600_000;

/// What a phone may answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyCode {
    /// The number.
    pub code: i64,
    /// Whose alert.
    pub org: OrgId,
    /// Which; of a message of several all that it carries.
    pub alerts: Vec<AlertId>,
    /// Who was told.
    pub contact: Uuid,
    /// Whether all of them are over.
    pub is_over: bool,
    /// When it was told first.
    pub made_at: Timestamp,
}

impl Store {
    /// What this phone was told numbers for, the latest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn reply_codes(&self, phone: &str) -> Result<Vec<ReplyCode>, StoreError> {
        ask_database!(self, reply_codes(phone))
    }
}

impl Sql {
    pub(crate) async fn reply_codes(&self, phone: &str) -> Result<Vec<ReplyCode>, StoreError> {
        let known = known(&self.db, phone).await?;
        let record = |Known { row, alerts, is_over }| ReplyCode {
            code: row.code,
            org: OrgId(row.org_id),
            alerts,
            contact: row.contact_id,
            is_over,
            made_at: Timestamp::from_millis(row.made_at),
        };
        Ok(known.into_iter().map(record).collect())
    }
}

/// A number and what it is for.
struct Known {
    row: reply_code::Model,
    alerts: Vec<AlertId>,
    is_over: bool,
}

/// The numbers of a phone, the latest first.
async fn known(db: &impl ConnectionTrait, phone: &str) -> Result<Vec<Known>, StoreError> {
    use reply_code::{Column, Entity};
    let its = Entity::find().filter(Column::Phone.eq(phone)).order_by_desc(Column::MadeAt);
    let rows = its.all(db).await?;
    let mut carried = carried(db, rows.iter().filter_map(|row| row.carrier_id)).await?;
    let mut alerts_of = |row: &reply_code::Model| match row.carrier_id {
        None => vec![AlertId(row.alert_id)],
        Some(carrier) => carried.remove(&carrier).unwrap_or_default(),
    };
    let known: Vec<(reply_code::Model, Vec<AlertId>)> = rows
        .into_iter()
        .map(|row| {
            let alerts = alerts_of(&row);
            (row, alerts)
        })
        .collect();
    let wanted = known.iter().flat_map(|(_, alerts)| alerts.iter().map(|alert| alert.0));
    let open = alert::Entity::find()
        .filter(alert::Column::Id.is_in(wanted))
        .filter(alert::Column::ResolvedAt.is_null());
    let open: BTreeSet<Uuid> = open.all(db).await?.into_iter().map(|row| row.id).collect();
    let record = |(row, alerts): (reply_code::Model, Vec<AlertId>)| {
        let is_over = !alerts.iter().any(|alert| open.contains(&alert.0));
        Known { row, alerts, is_over }
    };
    Ok(known.into_iter().map(record).collect())
}

/// The alerts that messages of several carry.
async fn carried(
    db: &impl ConnectionTrait,
    carriers: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Vec<AlertId>>, StoreError> {
    use notification_intent::{Column, Entity};
    let lines = Entity::find()
        .filter(Column::SupersededBy.is_in(carriers))
        .order_by_asc(Column::PlannedAt)
        .order_by_asc(Column::Id);
    let mut carried: HashMap<Uuid, Vec<AlertId>> = HashMap::new();
    for row in lines.all(db).await? {
        if let (Some(by), Some(alert)) = (row.superseded_by, row.alert_id) {
            carried.entry(by).or_default().push(AlertId(alert));
        }
    }
    Ok(carried)
}

/// What a number is for.
pub(crate) enum Answerable {
    /// An alert.
    Alert(Uuid),
    /// All that a message of several carries, by its line.
    Carrier(Uuid),
}

/// The number of an alert, or of what a message carries, for a phone: the one that it has, or the next that is free. `None`
/// for a message that carries nothing any more.
pub(crate) async fn take(
    change: &DatabaseTransaction,
    org: Uuid,
    phone: &str,
    what: Answerable,
    contact: Uuid,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    use reply_code::{Column, Entity, Model};
    // two messages to one phone at once take their numbers one after the other
    let owners = contact::Entity::find()
        .filter(contact::Column::Phone.eq(phone))
        .order_by_asc(contact::Column::Id)
        .lock_exclusive();
    owners.all(change).await?;
    let known = known(change, phone).await?;
    let (alert, carrier) = match what {
        Answerable::Alert(alert) => (Some(alert), None),
        Answerable::Carrier(carrier) => {
            let members = carried(change, std::iter::once(carrier)).await?;
            let first = members.get(&carrier).and_then(|alerts| alerts.first());
            (first.map(|alert| alert.0), Some(carrier))
        }
    };
    let Some(alert) = alert else { return Ok(None) };
    let is_it = |known: &&Known| match carrier {
        Some(_) => known.row.carrier_id == carrier,
        None => known.row.carrier_id.is_none() && known.row.alert_id == alert,
    };
    if let Some(known) = known.iter().find(is_it) {
        return Ok(Some(known.row.code));
    }
    let is_held =
        |known: &&Known| !known.is_over || known.row.made_at > now.as_millis() - KEPT_MILLIS;
    let held: BTreeSet<i64> = known.iter().filter(is_held).map(|known| known.row.code).collect();
    let latest = known.first().map_or(FIRST - 1, |known| known.row.code);
    let code = next_free(&held, latest);
    Entity::delete_many()
        .filter(Column::Phone.eq(phone))
        .filter(Column::Code.eq(code))
        .exec(change)
        .await?;
    let row = Model {
        phone: phone.to_owned(),
        code,
        org_id: org,
        alert_id: alert,
        contact_id: contact,
        made_at: now.as_millis(),
        carrier_id: carrier,
    };
    Entity::insert(insertable(row)).exec_without_returning(change).await?;
    Ok(Some(code))
}

/// The next number after the latest that nobody holds; past two digits only where all of those are held.
fn next_free(held: &BTreeSet<i64>, latest: i64) -> i64 {
    let round = (latest + 1..=LAST).chain(FIRST..=LAST.min(latest));
    let more = LAST + 1..;
    round.chain(more).find(|code| !held.contains(code)).unwrap_or(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_next_one_that_nobody_holds() {
        assert_eq!(next_free(&BTreeSet::new(), FIRST - 1), 10);
        assert_eq!(next_free(&BTreeSet::from([10, 12]), 10), 11);
        assert_eq!(next_free(&BTreeSet::from([98, 99, 10]), 98), 11);
        assert_eq!(next_free(&(10..=99).collect(), 47), 100);
        assert_eq!(next_free(&(10..=100).collect(), 100), 101);
    }
}
