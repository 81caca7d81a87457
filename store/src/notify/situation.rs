//! What planning looks at, as the ledger and the tables of the organization have it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hub_domain::{
    AlertEventKind, AlertId, AlertKind, AlertStatus, Mode, OrgId, Severity, SiteId, Timestamp,
    UnitId, UserId,
    notify::{
        AlertFacts, Caps, Channel, IntentState, Person, PersonId, Policy, Reach, Sent, SiteFacts,
        Situation, Stage, Told,
    },
    zone::Zone,
};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use super::Seen;
use crate::{
    Store, StoreError, checkpoint,
    entity::{
        alert, alert_event, contact, known, maintenance_window, membership, notification_intent,
        notification_policy, organization_plan, site, unit, unit_state,
    },
    open::ask_database,
    records::{NotificationPolicy, Role, WindowKind},
    scope::within,
    sql::Sql,
};

/// SMS of so long ago still count towards the caps, and messages of several so old may still be joined.
const HOUR_MILLIS: i64 = 3_600_000;

/// E-mails of so long ago still count towards how many somebody gets.
const WINDOW_MILLIS: i64 = 300_000;

/// So long after the hub came back, in seconds, all that is silent of an organization is looked at together.
const BACK_SECS: u32 = 900;

/// Ids in one list of a statement.
const IDS_AT_A_TIME: usize = 5_000;

/// What there was to plan on, and how often the organization's ledger had been planned then.
#[derive(Clone, Debug)]
pub struct Looked {
    /// What planning looks at.
    pub situation: Situation,
    /// The count of the organization's plans.
    pub seq: i64,
}

impl Store {
    /// Looks at what there is to be planned on for alerts of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn situation(
        &self,
        org: OrgId,
        alerts: &[Seen],
        now: Timestamp,
        back_at: Option<Timestamp>,
    ) -> Result<Looked, StoreError> {
        ask_database!(self, situation(org, alerts, now, back_at))
    }
}

impl Sql {
    pub(crate) async fn situation(
        &self,
        org: OrgId,
        alerts: &[Seen],
        now: Timestamp,
        back_at: Option<Timestamp>,
    ) -> Result<Looked, StoreError> {
        let asked = self.of(org).await?;
        let seq = organization_plan::Entity::find_by_id(org.0).one(&asked).await?;
        let seq = seq.map_or(0, |row| row.seq);
        let is_back = back_at.is_some_and(|at| now < at.plus_secs(BACK_SECS));
        let rows = alert_rows(&asked, org, alerts, is_back).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let told = told(&asked, org, &ids, now).await?;
        let situation = Situation {
            org,
            now,
            policies: policies(&asked, org).await?,
            people: people(&asked, org).await?,
            sites: sites(&asked, org, &rows).await?,
            alerts: facts(&asked, org, rows).await?,
            told,
            sent: sent(&asked, org, now).await?,
            caps: Caps::default(),
            back_at,
        };
        asked.commit().await?;
        Ok(Looked { situation, seq })
    }
}

/// The alerts themselves and, where one of them is of silence, those of silence at the same site: they may be one outage.
/// While the hub is just back, those of the whole organization.
async fn alert_rows(
    asked: &DatabaseTransaction,
    org: OrgId,
    seen: &[Seen],
    is_back: bool,
) -> Result<Vec<alert::Model>, StoreError> {
    use alert::Column;
    let mut rows = Vec::with_capacity(seen.len());
    for some in seen.chunks(IDS_AT_A_TIME) {
        let wanted = alert::Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::Id.is_in(some.iter().map(|seen| seen.alert.0)));
        rows.extend(wanted.all(asked).await?);
    }
    let silence = AlertKind::MonitoringInterrupted.name();
    let silent: BTreeSet<Uuid> =
        rows.iter().filter(|row| row.kind == silence).map(|row| row.site_id).collect();
    if silent.is_empty() {
        return Ok(rows);
    }
    let there: BTreeSet<Uuid> = rows.iter().map(|row| row.id).collect();
    let others = alert::Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::Kind.eq(silence))
        .filter(Condition::all().add_option((!is_back).then(|| Column::SiteId.is_in(silent))))
        .filter(Column::ResolvedAt.is_null());
    rows.extend(others.all(asked).await?.into_iter().filter(|row| !there.contains(&row.id)));
    Ok(rows)
}

pub(super) async fn policies(
    asked: &DatabaseTransaction,
    org: OrgId,
) -> Result<Vec<Policy>, StoreError> {
    use notification_policy::Column;
    let there = notification_policy::Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::DeletedAt.is_null());
    let policy = |row| {
        let NotificationPolicy { id, scope, plan, .. } = NotificationPolicy::try_from(row)?;
        Ok(Policy { id, layer: scope.layer(), scope_id: scope.id(), plan })
    };
    there.all(asked).await?.into_iter().map(policy).collect()
}

/// Each contact, and each member who is no contact.
pub(super) async fn people(
    asked: &DatabaseTransaction,
    org: OrgId,
) -> Result<Vec<Person>, StoreError> {
    let members = membership::Entity::find().filter(within(membership::Column::OrgId, org));
    let mut roles: BTreeMap<Uuid, Role> = BTreeMap::new();
    for member in members.all(asked).await? {
        roles.insert(member.user_id, member.role()?);
    }
    let contacts = contact::Entity::find()
        .filter(within(contact::Column::OrgId, org))
        .filter(contact::Column::DeletedAt.is_null())
        .order_by_asc(contact::Column::Id);
    let contacts = contacts.all(asked).await?;
    let known: BTreeSet<Uuid> = contacts.iter().filter_map(|contact| contact.user_id).collect();
    let mut people: Vec<Person> = contacts.iter().map(|row| contact_person(row, &roles)).collect();
    let others = roles.iter().filter(|(user, _)| !known.contains(user));
    people.extend(others.map(|(user, role)| Person {
        id: PersonId::User(UserId(*user)),
        role: Some(*role),
        sms: Reach::NoAddress,
        email: Reach::Reached, // by which they sign in
    }));
    Ok(people)
}

fn contact_person(row: &contact::Model, roles: &BTreeMap<Uuid, Role>) -> Person {
    Person {
        id: PersonId::Contact(row.id),
        role: row.user_id.and_then(|user| roles.get(&user)).copied(),
        sms: sms_reach(row),
        email: match (&row.email, row.email_opted_out_at) {
            (None, _) => Reach::NoAddress,
            (Some(_), Some(_)) => Reach::OptedOut,
            (Some(_), None) => Reach::Reached,
        },
    }
}

/// Whether a contact is reached by phone: a number that they showed to be theirs, with their consent, and not stopped.
pub(crate) const fn sms_reach(row: &contact::Model) -> Reach {
    if row.phone.is_none() {
        Reach::NoAddress
    } else if row.sms_opted_out_at.is_some() {
        Reach::OptedOut
    } else if row.phone_verified_at.is_none() {
        Reach::Unverified
    } else if row.sms_consent_at.is_none() {
        Reach::NoConsent
    } else {
        Reach::Reached
    }
}

async fn sites(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: &[alert::Model],
) -> Result<Vec<SiteFacts>, StoreError> {
    let ids: BTreeSet<Uuid> = alerts.iter().map(|row| row.site_id).collect();
    let wanted = site::Entity::find()
        .filter(within(site::Column::OrgId, org))
        .filter(site::Column::Id.is_in(ids.iter().copied()));
    let counted = unit::Entity::find()
        .select_only()
        .column(unit::Column::SiteId)
        .column_as(unit::Column::Id.count(), "units")
        .filter(within(unit::Column::OrgId, org))
        .filter(unit::Column::DeletedAt.is_null())
        .filter(unit::Column::SiteId.is_in(ids.iter().copied()))
        .group_by(unit::Column::SiteId);
    let counted: Vec<(Uuid, i64)> = counted.into_tuple().all(asked).await?;
    let units: HashMap<Uuid, i64> = counted.into_iter().collect();
    let facts = |row: site::Model| {
        Ok(SiteFacts {
            id: SiteId(row.id),
            zone: known("timezone", &row.timezone, Zone::parse)?,
            units: units.get(&row.id).map_or(0, |count| u32::try_from(*count).unwrap_or(u32::MAX)),
        })
    };
    wanted.all(asked).await?.into_iter().map(facts).collect()
}

/// When the events of an alert that planning goes by were written.
#[derive(Clone, Copy, Default)]
struct Moments {
    known_at: Option<i64>,
    critical_at: Option<i64>,
    acknowledged_at: Option<i64>,
    reescalated_at: Option<i64>,
    resolved_at: Option<i64>,
}

/// Some alerts as planning sees them.
pub(super) async fn facts_of(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: &[Uuid],
) -> Result<Vec<AlertFacts>, StoreError> {
    let wanted = alert::Entity::find()
        .filter(within(alert::Column::OrgId, org))
        .filter(alert::Column::Id.is_in(alerts.iter().copied()));
    facts(asked, org, wanted.all(asked).await?).await
}

async fn facts(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: Vec<alert::Model>,
) -> Result<Vec<AlertFacts>, StoreError> {
    let moments = moments(asked, org, &alerts).await?;
    let modes = modes(asked, org, &alerts).await?;
    let snoozes = snoozes(asked, org, &alerts).await?;
    let fact = |row: alert::Model| {
        let told = moments.get(&row.id).copied().unwrap_or_default();
        let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        let status = known("status", &row.status, AlertStatus::parse)?;
        let acknowledged = row.acknowledged_at.and(told.acknowledged_at.or(row.acknowledged_at));
        Ok(AlertFacts {
            id: AlertId(row.id),
            kind: known("kind", &row.kind, AlertKind::parse)?,
            severity: known("severity", &row.severity, Severity::parse)?,
            site: SiteId(row.site_id),
            unit: UnitId(row.unit_id),
            opened_at: Timestamp::from_millis(row.opened_at),
            known_at: Timestamp::from_millis(told.known_at.unwrap_or(row.opened_at)),
            critical_at: at(told.critical_at),
            acknowledged_at: at(acknowledged),
            reescalated_at: at(told.reescalated_at),
            resolved_at: at((status == AlertStatus::Resolved)
                .then(|| told.resolved_at.or(row.resolved_at))
                .flatten()),
            mode: modes.get(&row.unit_id).cloned().unwrap_or_default(),
            snoozed_until: snoozes.get(&row.id).copied(),
        })
    };
    alerts.into_iter().map(fact).collect()
}

async fn moments(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: &[alert::Model],
) -> Result<HashMap<Uuid, Moments>, StoreError> {
    use alert_event::Column;
    let mut moments: HashMap<Uuid, Moments> = HashMap::new();
    for some in alerts.chunks(IDS_AT_A_TIME) {
        let events = alert_event::Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::AlertId.is_in(some.iter().map(|row| row.id)))
            .order_by_asc(Column::AlertId)
            .order_by_asc(Column::Ordinal);
        for event in events.all(asked).await? {
            let kind = known("event", &event.event, AlertEventKind::parse)?;
            moments.entry(event.alert_id).or_default().hear(kind, &event);
        }
    }
    Ok(moments)
}

impl Moments {
    fn hear(&mut self, kind: AlertEventKind, event: &alert_event::Model) {
        let at = Some(event.written_at);
        self.known_at = self.known_at.or(at);
        if event.severity == Severity::Critical.name() {
            self.critical_at = self.critical_at.or(at);
        }
        match kind {
            AlertEventKind::Acknowledged => self.acknowledged_at = at,
            AlertEventKind::Escalated if self.acknowledged_at.is_some() => self.reescalated_at = at,
            AlertEventKind::Resolved => self.resolved_at = at,
            AlertEventKind::Opened
            | AlertEventKind::Confirmed
            | AlertEventKind::Escalated
            | AlertEventKind::Amended => {}
        }
    }
}

async fn modes(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: &[alert::Model],
) -> Result<HashMap<Uuid, Mode>, StoreError> {
    use unit_state::Column;
    let units: BTreeSet<Uuid> = alerts.iter().map(|row| row.unit_id).collect();
    let units: Vec<Uuid> = units.into_iter().collect();
    let mut modes = HashMap::new();
    for some in units.chunks(IDS_AT_A_TIME) {
        let states = unit_state::Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::UnitId.is_in(some.iter().copied()));
        for row in states.all(asked).await? {
            // of a unit that cannot be read its alerts are told all the same
            let mode = checkpoint::decode(&row.state).map(|state| state.mode).unwrap_or_default();
            modes.insert(row.unit_id, mode);
        }
    }
    Ok(modes)
}

async fn snoozes(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: &[alert::Model],
) -> Result<HashMap<Uuid, Timestamp>, StoreError> {
    use maintenance_window::Column;
    let mut snoozes = HashMap::new();
    for some in alerts.chunks(IDS_AT_A_TIME) {
        let hold = maintenance_window::Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::Kind.eq(WindowKind::Snooze.name()))
            .filter(Column::AlertId.is_in(some.iter().map(|row| row.id)))
            .filter(Column::EndedAt.is_null())
            .filter(Column::DeletedAt.is_null());
        let ends = hold.all(asked).await?.into_iter();
        snoozes.extend(
            ends.filter_map(|row| Some((row.alert_id?, Timestamp::from_millis(row.ends_at)))),
        );
    }
    Ok(snoozes)
}

/// What the ledger has of these alerts, the messages that carry it, and those of several of the last hour.
async fn told(
    asked: &DatabaseTransaction,
    org: OrgId,
    alerts: &[Uuid],
    now: Timestamp,
) -> Result<Vec<Told>, StoreError> {
    use notification_intent::Column;
    let mut rows = Vec::new();
    for some in alerts.chunks(IDS_AT_A_TIME) {
        let of_alerts = notification_intent::Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::AlertId.is_in(some.iter().copied()));
        rows.extend(of_alerts.all(asked).await?);
    }
    let carriers: BTreeSet<Uuid> = rows.iter().filter_map(|row| row.superseded_by).collect();
    let recent = Condition::any()
        .add(Column::Id.is_in(carriers))
        .add(Column::PlannedAt.gte(now.as_millis() - HOUR_MILLIS));
    let several = notification_intent::Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::AlertId.is_null())
        .filter(Column::Stage.is_in(OF_SEVERAL.map(|stage| stage.to_string())))
        .filter(recent);
    let several = several.all(asked).await?;
    let mut members = members(asked, org, &several).await?;
    let lines = rows.into_iter().chain(several);
    lines.map(|row| row.told(members.remove(&row.id).unwrap_or_default())).collect()
}

/// Messages of several alerts.
const OF_SEVERAL: [Stage; 4] = [Stage::Outage, Stage::OutageOver, Stage::Group, Stage::Overflow];

async fn members(
    asked: &DatabaseTransaction,
    org: OrgId,
    several: &[notification_intent::Model],
) -> Result<HashMap<Uuid, Vec<AlertId>>, StoreError> {
    use notification_intent::Column;
    let mut members: HashMap<Uuid, Vec<AlertId>> = HashMap::new();
    for some in several.chunks(IDS_AT_A_TIME) {
        let carried = notification_intent::Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::SupersededBy.is_in(some.iter().map(|row| row.id)))
            .order_by_asc(Column::Id);
        for row in carried.all(asked).await? {
            if let (Some(by), Some(alert)) = (row.superseded_by, row.alert_id) {
                members.entry(by).or_default().push(AlertId(alert));
            }
        }
    }
    Ok(members)
}

/// SMS that were sent within the hour and e-mails of the last minutes, or that are yet to be.
async fn sent(
    asked: &DatabaseTransaction,
    org: OrgId,
    now: Timestamp,
) -> Result<Vec<Sent>, StoreError> {
    use notification_intent::Column;
    let unsent = [IntentState::Suppressed, IntentState::Superseded].map(IntentState::name);
    let lately = |channel: Channel, millis| {
        let is_lately = Column::DueAt.gt(now.as_millis() - millis);
        Condition::all().add(Column::Channel.eq(channel.name())).add(is_lately)
    };
    let sms = lately(Channel::Sms, HOUR_MILLIS);
    let rows = notification_intent::Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Condition::any().add(sms).add(lately(Channel::Email, WINDOW_MILLIS)))
        .filter(Column::State.is_not_in(unsent));
    let sent = |row: notification_intent::Model| {
        let at = Timestamp::from_millis(row.sent_at.unwrap_or(row.due_at));
        Ok(Sent {
            person: row.person()?,
            channel: known("channel", &row.channel, Channel::parse)?,
            at,
        })
    };
    rows.all(asked).await?.into_iter().map(sent).collect()
}
