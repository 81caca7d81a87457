//! What links in mails are about: what a mail told whom and how that stands now, and whether a contact is mailed at all.

use std::collections::{BTreeSet, HashMap};

use hub_domain::{
    AlertEventKind, AlertId, OrgId,
    notify::{Channel, PersonId, Round, Stage},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, sea_query::ExprTrait as _,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    facts::{ToldAlert, told},
    situation::facts_of,
};
use crate::{
    Store, StoreError,
    entity::{alert_event, contact, known, membership, notification_intent, organization, user},
    kept::{hold, write},
    open::ask_database,
    records::{Actor, AuditEntry, Contact, Life, Role},
    scope::within,
    sql::Sql,
    tenants::of_the_living,
};

/// What a mail told, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailTold {
    /// Whose alerts.
    pub org: OrgId,
    /// What the organization is called.
    pub organization: String,
    /// To whom.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Where mails to them go now.
    pub address: String,
    /// What was told.
    pub stage: Stage,
    /// Of which alerts, oldest first.
    pub alerts: Vec<MailAlert>,
}

/// An alert that a mail told of, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAlert {
    /// It.
    pub alert: ToldAlert,
    /// The round that the mail told of.
    pub round: Round,
    /// The round that is under way; `None` for an alert that is over, or that somebody has seen.
    pub now: Option<Round>,
    /// What whoever acknowledged it last said of it.
    pub note: Option<String>,
}

/// A contact whom mails go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailedContact {
    /// Them.
    pub contact: Contact,
    /// What their organization is called.
    pub organization: String,
    /// Whether they may end mails to them by a link.
    pub may_end: bool,
}

impl Store {
    /// What the mail of a line of the ledger told; `None` where the line, or the person, is not there any more.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn mail_told(&self, intent: Uuid) -> Result<Option<MailTold>, StoreError> {
        ask_database!(self, mail_told(intent))
    }

    /// A contact whom a mail went to; `None` where they are not there any more, or have no address.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn mailed_contact(&self, contact: Uuid) -> Result<Option<MailedContact>, StoreError> {
        ask_database!(self, mailed_contact(contact))
    }

    /// Writes down that a contact wants no mails, or wants them again. What they said before stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a contact.
    pub async fn set_email_opted_out(
        &self,
        contact: &Contact,
        is_opted_out: bool,
    ) -> Result<(), StoreError> {
        let action = if is_opted_out { "contact.unsubscribed" } else { "contact.resubscribed" };
        let actor = contact.user.map_or(Actor::Hub, Actor::User);
        let detail = json!({ "by": "a link in a mail" });
        let entry = self.entry(contact.org, actor, action, "contact", contact.id, &detail);
        ask_database!(self, set_email_opted_out(is_opted_out, entry))
    }
}

impl Sql {
    pub(crate) async fn mail_told(&self, intent: Uuid) -> Result<Option<MailTold>, StoreError> {
        use notification_intent::{Column, Entity};
        let line = Entity::find_by_id(intent)
            .filter(Column::Channel.eq(Channel::Email.name()))
            .filter(of_the_living(Column::OrgId));
        let Some(line) = line.one(&self.db).await? else { return Ok(None) };
        let Some((name, address)) = mailed(&self.db, &line).await? else { return Ok(None) };
        let org = OrgId(line.org_id);
        let asked = self.of(org).await?;
        let organization = organization::Entity::find_by_id(org.0).one(&asked).await?;
        Ok(Some(MailTold {
            org,
            organization: organization.ok_or(StoreError::NotFound)?.name,
            person: line.person()?,
            name,
            address,
            stage: known("stage", &line.stage, Stage::parse)?,
            alerts: alerts_of(&asked, org, intent).await?,
        }))
    }

    pub(crate) async fn mailed_contact(
        &self,
        contact: Uuid,
    ) -> Result<Option<MailedContact>, StoreError> {
        use contact::{Column, Entity};
        let found = Entity::find()
            .filter(Column::Id.eq(contact))
            .filter(Column::DeletedAt.is_null())
            .filter(Column::Email.is_not_null())
            .filter(of_the_living(Column::OrgId));
        let Some(row) = found.one(&self.db).await? else { return Ok(None) };
        let organization = organization::Entity::find_by_id(row.org_id).one(&self.db).await?;
        let may_end = may_unsubscribe(&self.db, &row).await?;
        let organization = organization.ok_or(StoreError::NotFound)?.name;
        Ok(Some(MailedContact { contact: row.try_into()?, organization, may_end }))
    }

    pub(crate) async fn set_email_opted_out(
        &self,
        is_opted_out: bool,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let (org, id, at) = (entry.org, entry.object_id, entry.at.as_millis());
        let change = self.begin_of(org).await?;
        let held = hold::<contact::Entity>(&change, org, id, Life::Present, None).await?;
        if held.email_opted_out_at.is_some() == is_opted_out {
            return Ok(());
        }
        let edit = contact::ActiveModel {
            email_opted_out_at: Set(is_opted_out.then_some(at)),
            ..Default::default()
        };
        write::<contact::Entity>(&change, &held, edit, entry, "id").await?;
        Ok(change.commit().await?)
    }
}

/// The name and the address of whoever a line is for, while they are there.
async fn mailed(
    db: &impl ConnectionTrait,
    line: &notification_intent::Model,
) -> Result<Option<(String, String)>, StoreError> {
    if let Some(user) = line.user_id {
        let member = membership::Entity::find_by_id((line.org_id, user)).one(db).await?;
        let user = user::Entity::find_by_id(user).one(db).await?.filter(|_| member.is_some());
        return Ok(user.map(|user| (user.name, user.email)));
    }
    let Some(id) = line.contact_id else { return Ok(None) };
    let found = contact::Entity::find()
        .filter(within(contact::Column::OrgId, OrgId(line.org_id)))
        .filter(contact::Column::Id.eq(id))
        .filter(contact::Column::DeletedAt.is_null());
    Ok(found.one(db).await?.and_then(|contact| Some((contact.name, contact.email?))))
}

/// Whether a link in a mail may end mails to a contact. Owners and admins say who is told, where others see it: one click
/// of theirs, or of what looks after their mailbox, must not leave the organization without anybody who is told.
pub(super) async fn may_unsubscribe(
    db: &impl ConnectionTrait,
    contact: &contact::Model,
) -> Result<bool, StoreError> {
    let Some(user) = contact.user_id else { return Ok(true) };
    let member = membership::Entity::find_by_id((contact.org_id, user)).one(db).await?;
    let role = member.map(|member| member.role()).transpose()?;
    Ok(role.is_none_or(|role| role < Role::Admin))
}

/// The alerts that a line tells of by itself, or by the lines that it carries, as they are now.
async fn alerts_of(
    asked: &DatabaseTransaction,
    org: OrgId,
    intent: Uuid,
) -> Result<Vec<MailAlert>, StoreError> {
    use notification_intent::{Column, Entity};
    let lines = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::Id.eq(intent).or(Column::SupersededBy.eq(intent)));
    let mut rounds: HashMap<AlertId, Round> = HashMap::new();
    for line in lines.all(asked).await? {
        let Stage::Due { round, .. } = known("stage", &line.stage, Stage::parse)? else { continue };
        let Some(alert) = line.alert_id.map(AlertId) else { continue };
        let last = rounds.entry(alert).or_insert(round);
        *last = round.max(*last);
    }
    let ids: Vec<Uuid> = rounds.keys().map(|alert| alert.0).collect();
    let now = facts_of(asked, org, &ids).await?;
    let now: HashMap<AlertId, Option<Round>> =
        now.into_iter().map(|facts| (facts.id, facts.round())).collect();
    let notes = notes(asked, org, &ids).await?;
    let alerts = told(asked, org, &ids).await?.into_iter();
    Ok(alerts
        .filter_map(|alert| {
            let round = *rounds.get(&alert.id)?;
            let (now, note) = (now.get(&alert.id).copied().flatten(), notes.get(&alert.id.0));
            Some(MailAlert { round, now, note: note.cloned(), alert })
        })
        .collect())
}

/// What was said of alerts by whoever acknowledged them last.
async fn notes(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: &[Uuid],
) -> Result<HashMap<Uuid, String>, StoreError> {
    use alert_event::{Column, Entity};
    let events = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::AlertId.is_in(alerts.iter().copied()))
        .filter(Column::Event.eq(AlertEventKind::Acknowledged.name()))
        .order_by_desc(Column::Ordinal);
    let (mut seen, mut notes) = (BTreeSet::new(), HashMap::new());
    for event in events.all(asked).await? {
        if seen.insert(event.alert_id)
            && let Some(note) = event.note
        {
            notes.insert(event.alert_id, note);
        }
    }
    Ok(notes)
}
