//! A provider that refuses for a reason of the hub's own setup: a key, a sender, a balance. The owners are told, once a
//! day at most, by another way where there is one.

use hub_domain::{
    OrgId, Timestamp, UserId,
    notify::{Channel, IntentId, PersonId, Reach, Reason, Stage},
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    lines::own,
    save::{job_of, queue_of},
    situation::sms_reach,
};
use crate::{
    StoreError,
    entity::{contact, delivery_attempt, insertable, known, membership, notification_intent},
    queue::enqueue,
    records::Role,
    scope::within,
};

/// The owners are told once in so long, in milliseconds: a day.
const ONCE_IN_MILLIS: i64 = 86_400_000;

/// What a provider refused for a reason of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupFacts {
    /// By which way.
    pub channel: Channel,
    /// The provider's code, of the latest.
    pub code: String,
    /// As a sentence.
    pub detail: String,
    /// How many tries.
    pub failures: u32,
    /// Since when.
    pub since: Timestamp,
}

/// Has the owners told that messages cannot be sent as `row` was to be, unless they were told within a day.
pub(super) async fn tell_owners(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
    now: Timestamp,
) -> Result<(), StoreError> {
    use notification_intent::{Column, Entity};
    let (org, broken) = (OrgId(row.org_id), known("channel", &row.channel, Channel::parse)?);
    let lately = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::Stage.eq(Stage::SetupBroken.to_string()))
        .filter(Column::PlannedAt.gt(now.as_millis() - ONCE_IN_MILLIS));
    if lately.count(change).await? > 0 {
        return Ok(());
    }
    for (person, channel) in owners(change, org, broken).await? {
        let line = line(org, person, channel, now);
        let id = line.id;
        let mut once = OnConflict::column(Column::Id);
        once.do_nothing();
        let new = Entity::insert(insertable(line)).on_conflict(once);
        if new.exec_without_returning(change).await? == 1 {
            let job = Uuid::new_v5(&id, b"job"); // told once, so that its job is one
            enqueue(change, &[job_of(job, queue_of(channel), id, 1, None)]).await?;
        }
    }
    Ok(())
}

/// The owners, and how each is told although one way is broken.
async fn owners(
    change: &DatabaseTransaction,
    org: OrgId,
    broken: Channel,
) -> Result<Vec<(PersonId, Channel)>, StoreError> {
    let owners = membership::Entity::find()
        .filter(within(membership::Column::OrgId, org))
        .filter(membership::Column::Role.eq(Role::Owner.name()))
        .order_by_asc(membership::Column::UserId);
    let owners: Vec<Uuid> = owners.all(change).await?.into_iter().map(|it| it.user_id).collect();
    if broken == Channel::Sms {
        let by_mail = |user| (PersonId::User(UserId(user)), Channel::Email);
        return Ok(owners.into_iter().map(by_mail).collect());
    }
    let phones = contact::Entity::find()
        .filter(within(contact::Column::OrgId, org))
        .filter(contact::Column::UserId.is_in(owners.iter().copied()))
        .filter(contact::Column::DeletedAt.is_null());
    let phones = phones.all(change).await?;
    let way = |user: Uuid| {
        let mut own = phones.iter().filter(|row| row.user_id == Some(user));
        match own.find(|row| sms_reach(row) == Reach::Reached) {
            Some(contact) => (PersonId::Contact(contact.id), Channel::Sms),
            // it will fail as well: the ledger has at least the line
            None => (PersonId::User(UserId(user)), Channel::Email),
        }
    };
    Ok(owners.into_iter().map(way).collect())
}

fn line(
    org: OrgId,
    person: PersonId,
    channel: Channel,
    now: Timestamp,
) -> notification_intent::Model {
    let day = now.as_millis().div_euclid(ONCE_IN_MILLIS);
    let id = IntentId::of_setup(org, day, person, channel).0;
    let sentence = "a provider refuses for a reason of the hub's own setup";
    own(org, id, (person, channel), (Stage::SetupBroken, Reason::SetupBroken, sentence), now)
}

/// What the message of a line about the setup is about; `None` of another line.
pub(super) async fn facts(
    asked: &DatabaseTransaction,
    line: &notification_intent::Model,
) -> Result<Option<SetupFacts>, StoreError> {
    use delivery_attempt::{Column, Entity};
    if line.stage != Stage::SetupBroken.to_string() {
        return Ok(None);
    }
    let org = OrgId(line.org_id);
    let refused = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::IsSetup.eq(true))
        .filter(Column::BegunAt.gt(line.planned_at - ONCE_IN_MILLIS))
        .order_by_desc(Column::BegunAt);
    let refused = refused.all(asked).await?;
    let Some((latest, first)) = refused.first().zip(refused.last()) else { return Ok(None) };
    let of_line = notification_intent::Entity::find_by_id(latest.intent_id)
        .filter(within(notification_intent::Column::OrgId, org));
    let Some(of_line) = of_line.one(asked).await? else { return Ok(None) };
    Ok(Some(SetupFacts {
        channel: known("channel", &of_line.channel, Channel::parse)?,
        code: latest.code.clone().unwrap_or_default(),
        detail: latest.detail.clone().unwrap_or_default(),
        failures: u32::try_from(refused.len()).unwrap_or(u32::MAX),
        since: Timestamp::from_millis(first.begun_at),
    }))
}
