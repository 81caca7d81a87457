//! The numbers by which phones answer: one for each open alert and phone, of two digits as long as there are enough.

use std::collections::BTreeSet;

use hub_domain::{AlertId, OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{alert, contact, insertable, reply_code},
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyCode {
    /// The number.
    pub code: i64,
    /// Whose alert.
    pub org: OrgId,
    /// Which.
    pub alert: AlertId,
    /// Who was told.
    pub contact: Uuid,
    /// Whether it is over.
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
        let record = |(row, is_over): (reply_code::Model, bool)| ReplyCode {
            code: row.code,
            org: OrgId(row.org_id),
            alert: AlertId(row.alert_id),
            contact: row.contact_id,
            is_over,
            made_at: Timestamp::from_millis(row.made_at),
        };
        Ok(known.into_iter().map(record).collect())
    }
}

/// The numbers of a phone, the latest first, and whether their alerts are over.
async fn known(
    db: &impl ConnectionTrait,
    phone: &str,
) -> Result<Vec<(reply_code::Model, bool)>, StoreError> {
    use reply_code::{Column, Entity};
    let its = Entity::find().filter(Column::Phone.eq(phone)).order_by_desc(Column::MadeAt);
    let rows = its.all(db).await?;
    let alerts = rows.iter().map(|row| row.alert_id);
    let open = alert::Entity::find()
        .filter(alert::Column::Id.is_in(alerts))
        .filter(alert::Column::ResolvedAt.is_null());
    let open: BTreeSet<Uuid> = open.all(db).await?.into_iter().map(|row| row.id).collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let is_over = !open.contains(&row.alert_id);
            (row, is_over)
        })
        .collect())
}

/// The number of an alert for a phone: the one that it has, or the next that is free.
pub(crate) async fn take(
    change: &DatabaseTransaction,
    org: Uuid,
    phone: &str,
    alert: Uuid,
    contact: Uuid,
    now: Timestamp,
) -> Result<i64, StoreError> {
    use reply_code::{Column, Entity, Model};
    // two messages to one phone at once take their numbers one after the other
    let owners = contact::Entity::find()
        .filter(contact::Column::Phone.eq(phone))
        .order_by_asc(contact::Column::Id)
        .lock_exclusive();
    owners.all(change).await?;
    let known = known(change, phone).await?;
    if let Some((row, _)) = known.iter().find(|(row, _)| row.alert_id == alert) {
        return Ok(row.code);
    }
    let is_held =
        |(row, is_over): &&(Model, bool)| !*is_over || row.made_at > now.as_millis() - KEPT_MILLIS;
    let held: BTreeSet<i64> = known.iter().filter(is_held).map(|(row, _)| row.code).collect();
    let latest = known.first().map_or(FIRST - 1, |(row, _)| row.code);
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
    };
    Entity::insert(insertable(row)).exec_without_returning(change).await?;
    Ok(code)
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
