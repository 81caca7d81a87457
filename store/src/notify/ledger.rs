//! The ledger as people read it: who was told what, what was tried, and whether it adds up.

use std::collections::HashMap;

use hub_domain::{
    AlertId, OrgId, Timestamp, UserId,
    notify::{Channel, IntentState, PersonId},
};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{alert_plan, contact, delivery_attempt, known, notification_intent, user},
    moments,
    open::ask_database,
    records::{Page, PageQuery},
    scope::within,
    sql::{self, Sql},
};

/// Which lines are wanted. Fields left out do not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineFilter {
    /// Of this alert: its own, and messages of several that carry one of its own.
    pub alert: Option<AlertId>,
    /// To this person.
    pub person: Option<PersonId>,
    /// In this state.
    pub state: Option<IntentState>,
    /// In this way.
    pub channel: Option<Channel>,
    /// Planned from then on (included).
    pub from: Option<Timestamp>,
    /// Planned before then.
    pub to: Option<Timestamp>,
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// Its id.
    pub id: Uuid,
    /// Its alert; `None` for a message of several, and for what somebody asked for.
    pub alert: Option<AlertId>,
    /// What is told.
    pub stage: String,
    /// To whom.
    pub person: PersonId,
    /// Their name; `None` if they are not there any more.
    pub name: Option<String>,
    /// How.
    pub channel: Channel,
    /// By which policy.
    pub policy: Option<Uuid>,
    /// Where it stands.
    pub state: IntentState,
    /// Why, as a word.
    pub reason_code: String,
    /// Why, as a sentence.
    pub reason: String,
    /// Until when it is kept back.
    pub held_until: Option<Timestamp>,
    /// The message that carries it.
    pub superseded_by: Option<Uuid>,
    /// Whether they may have got it twice.
    pub possible_duplicate: bool,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When it is to be sent, or was to be.
    pub due_at: Timestamp,
    /// When the provider took it.
    pub sent_at: Option<Timestamp>,
    /// When nothing more was to come of it.
    pub settled_at: Option<Timestamp>,
    /// What was tried, in order.
    pub attempts: Vec<AttemptRecord>,
}

/// A try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Which, from 1.
    pub number: i64,
    /// How far it came.
    pub state: String,
    /// The provider's code.
    pub code: Option<String>,
    /// As a sentence.
    pub detail: Option<String>,
    /// When the provider was asked.
    pub begun_at: Timestamp,
    /// When it answered.
    pub answered_at: Option<Timestamp>,
    /// When the end of it was known.
    pub settled_at: Option<Timestamp>,
}

/// What was planned in a time, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Lines that were planned then.
    pub planned: i64,
    /// Of these, by the state they are in.
    pub by_state: Vec<(IntentState, i64)>,
    /// Alerts that should have been planned for a minute or more, now.
    pub unplanned_alerts: i64,
}

impl Balance {
    /// How many are in a state.
    #[must_use]
    pub fn of(&self, state: IntentState) -> i64 {
        self.by_state.iter().find(|(it, _)| *it == state).map_or(0, |(_, count)| *count)
    }
}

/// An alert that is due for so long, in milliseconds, should have been planned.
const OVERDUE_MILLIS: i64 = 60_000;

impl Store {
    /// Lines of the ledger, the latest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn ledger(
        &self,
        org: OrgId,
        filter: LineFilter,
        page: PageQuery,
    ) -> Result<Page<LedgerLine>, StoreError> {
        ask_database!(self, ledger(org, &filter, &page))
    }

    /// What was planned from `from` on and before `to`, and what came of it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn balance(
        &self,
        org: OrgId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Balance, StoreError> {
        let now = self.now();
        ask_database!(self, balance(org, from, to, now))
    }
}

impl Sql {
    pub(crate) async fn ledger(
        &self,
        org: OrgId,
        filter: &LineFilter,
        page: &PageQuery,
    ) -> Result<Page<LedgerLine>, StoreError> {
        use notification_intent::{Column, Entity, Model};
        let asked = self.of(org).await?;
        let query = Entity::find().filter(wanted(&asked, org, filter).await?);
        let key = |row: &Model| (row.planned_at, row.id);
        let rows = moments::page(&asked, query, (Column::PlannedAt, Column::Id), key, page).await?;
        let mut page: Page<LedgerLine> = sql::records(rows)?;
        let mut attempts = attempts(&asked, org, &page.items).await?;
        let names = names_of(&asked, org, page.items.iter().map(|line| line.person)).await?;
        for line in &mut page.items {
            line.name = names.get(&line.person).cloned();
            line.attempts = attempts.remove(&line.id).unwrap_or_default();
        }
        Ok(page)
    }

    pub(crate) async fn balance(
        &self,
        org: OrgId,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> Result<Balance, StoreError> {
        use notification_intent::{Column, Entity};
        let asked = self.of(org).await?;
        let counted = Entity::find()
            .select_only()
            .column(Column::State)
            .column_as(Column::Id.count(), "lines")
            .filter(within(Column::OrgId, org))
            .filter(Column::PlannedAt.gte(from.as_millis()))
            .filter(Column::PlannedAt.lt(to.as_millis()))
            .group_by(Column::State);
        let counted: Vec<(String, i64)> = counted.into_tuple().all(&asked).await?;
        let by_state: Vec<(IntentState, i64)> = counted
            .into_iter()
            .map(|(state, count)| Ok((known("state", &state, IntentState::parse)?, count)))
            .collect::<Result<_, StoreError>>()?;
        let overdue = alert_plan::Entity::find()
            .select_only()
            .column_as(alert_plan::Column::AlertId.count(), "alerts")
            .filter(within(alert_plan::Column::OrgId, org))
            .filter(alert_plan::Column::DueAt.lt(now.as_millis() - OVERDUE_MILLIS));
        let overdue: Option<i64> = overdue.into_tuple().one(&asked).await?;
        let planned = by_state.iter().map(|(_, count)| count).sum();
        Ok(Balance { planned, by_state, unplanned_alerts: overdue.unwrap_or(0) })
    }
}

pub(super) async fn wanted(
    asked: &DatabaseTransaction,
    org: OrgId,
    filter: &LineFilter,
) -> Result<Condition, StoreError> {
    use notification_intent::{Column, Entity};
    let of_alert = match filter.alert {
        None => None,
        Some(alert) => {
            let own = Entity::find()
                .filter(within(Column::OrgId, org))
                .filter(Column::AlertId.eq(alert.0))
                .filter(Column::SupersededBy.is_not_null());
            let carriers = own.all(asked).await?.into_iter().filter_map(|row| row.superseded_by);
            let carriers: Vec<Uuid> = carriers.collect();
            Some(Condition::any().add(Column::AlertId.eq(alert.0)).add(Column::Id.is_in(carriers)))
        }
    };
    Ok(Condition::all()
        .add(within(Column::OrgId, org))
        .add_option(of_alert)
        .add_option(filter.person.map(|person| match person {
            PersonId::Contact(id) => Column::ContactId.eq(id),
            PersonId::User(user) => Column::UserId.eq(user.0),
        }))
        .add_option(filter.state.map(|state| Column::State.eq(state.name())))
        .add_option(filter.channel.map(|channel| Column::Channel.eq(channel.name())))
        .add_option(filter.from.map(|from| Column::PlannedAt.gte(from.as_millis())))
        .add_option(filter.to.map(|to| Column::PlannedAt.lt(to.as_millis()))))
}

async fn attempts(
    asked: &DatabaseTransaction,
    org: OrgId,
    lines: &[LedgerLine],
) -> Result<HashMap<Uuid, Vec<AttemptRecord>>, StoreError> {
    use delivery_attempt::{Column, Entity};
    let tried = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::IntentId.is_in(lines.iter().map(|line| line.id)))
        .order_by_asc(Column::Number);
    let mut attempts: HashMap<Uuid, Vec<AttemptRecord>> = HashMap::new();
    for row in tried.all(asked).await? {
        attempts.entry(row.intent_id).or_default().push(AttemptRecord {
            number: row.number,
            state: row.state,
            code: row.code,
            detail: row.detail,
            begun_at: Timestamp::from_millis(row.begun_at),
            answered_at: row.answered_at.map(Timestamp::from_millis),
            settled_at: row.settled_at.map(Timestamp::from_millis),
        });
    }
    Ok(attempts)
}

/// What people are called.
pub(super) async fn names_of(
    asked: &DatabaseTransaction,
    org: OrgId,
    people: impl Iterator<Item = PersonId>,
) -> Result<HashMap<PersonId, String>, StoreError> {
    let (mut contacts, mut users) = (Vec::new(), Vec::new());
    for person in people {
        match person {
            PersonId::Contact(id) => contacts.push(id),
            PersonId::User(UserId(id)) => users.push(id),
        }
    }
    let contacts = contact::Entity::find()
        .filter(within(contact::Column::OrgId, org))
        .filter(contact::Column::Id.is_in(contacts));
    let contacts = contacts.all(asked).await?;
    let mut names: HashMap<PersonId, String> =
        contacts.into_iter().map(|row| (PersonId::Contact(row.id), row.name)).collect();
    let users = members(asked, users.into_iter()).await?.into_iter();
    names.extend(users.map(|(id, name)| (PersonId::User(UserId(id)), name)));
    Ok(names)
}

/// The names of those of `users` who are members.
pub(super) async fn members(
    asked: &DatabaseTransaction,
    users: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, String>, StoreError> {
    // the columns that the role which answers people may read
    let named = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::Name])
        .filter(user::Column::Id.is_in(users));
    let named: Vec<(Uuid, String)> = named.into_tuple().all(asked).await?;
    Ok(named.into_iter().collect())
}

impl TryFrom<notification_intent::Model> for LedgerLine {
    type Error = StoreError;

    fn try_from(row: notification_intent::Model) -> Result<Self, StoreError> {
        let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(Self {
            id: row.id,
            alert: row.alert_id.map(AlertId),
            person: row.person()?,
            name: None,
            channel: known("channel", &row.channel, Channel::parse)?,
            policy: row.policy_id,
            state: row.intent_state()?,
            stage: row.stage,
            reason_code: row.reason_code,
            reason: row.reason,
            held_until: at(row.held_until),
            superseded_by: row.superseded_by,
            possible_duplicate: row.possible_duplicate,
            planned_at: Timestamp::from_millis(row.planned_at),
            due_at: Timestamp::from_millis(row.due_at),
            sent_at: at(row.sent_at),
            settled_at: at(row.settled_at),
            attempts: Vec::new(),
        })
    }
}
