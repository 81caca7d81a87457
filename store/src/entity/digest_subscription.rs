//! The `digest_subscriptions` table.

use sea_orm::entity::prelude::*;

use hub_domain::{
    OrgId, SiteId, Timestamp, Zone,
    digest::{Last, Rhythm, Schedule},
    notify::PersonId,
};

use crate::{
    StoreError,
    entity::{self, known},
    notify::{person_of, whom},
    records::{DigestPlan, DigestSubscription},
};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "digest_subscriptions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) contact_id: Option<Uuid>,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) rhythm: String,
    pub(crate) weekday: Option<i64>,
    pub(crate) minute: i64,
    pub(crate) timezone: String,
    #[serde(serialize_with = "entity::as_json")]
    pub(crate) sites: String,
    pub(crate) is_only_if_needed: bool,
    pub(crate) last_day: Option<String>,
    pub(crate) last_until: i64,
    pub(crate) due_at: i64,
    #[serde(skip)]
    pub(crate) seq: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

/// The rhythms as they are stored.
const DAILY: &str = "daily";
const WEEKLY: &str = "weekly";

/// A rhythm and its day of the week, as they are stored.
pub(crate) fn rhythm_words(rhythm: Rhythm) -> (String, Option<i64>) {
    match rhythm {
        Rhythm::Daily => (DAILY.to_owned(), None),
        Rhythm::Weekly(weekday) => (WEEKLY.to_owned(), Some(weekday.into())),
    }
}

/// Whether the rhythm of that word is a week's.
pub(crate) fn is_weekly(word: &str) -> Result<bool, StoreError> {
    known("rhythm", word, |word| match word {
        DAILY => Some(false),
        WEEKLY => Some(true),
        _ => None,
    })
}

/// Sites as they are stored.
pub(crate) fn encode(sites: &[SiteId]) -> String {
    serde_json::json!(sites.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string()
}

/// Sites of a stored text.
pub(crate) fn sites(text: &str) -> Result<Vec<SiteId>, StoreError> {
    let ids: Result<Vec<Uuid>, _> = serde_json::from_str(text);
    let ids = ids.map_err(|error| StoreError::Corrupt(format!("sites of a digest: {error}")))?;
    Ok(ids.into_iter().map(SiteId).collect())
}

impl Model {
    /// Who is told.
    pub(crate) fn reader(&self) -> Result<PersonId, StoreError> {
        let nobody = || StoreError::Corrupt(format!("the reader of digest {}", self.id));
        person_of(self.contact_id, self.user_id).ok_or_else(nobody)
    }
}

impl TryFrom<Model> for DigestSubscription {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of digest {}", row.id));
        let reader = row.reader()?;
        let weekday = row.weekday.map(u8::try_from).transpose();
        let rhythm = match (is_weekly(&row.rhythm)?, weekday.map_err(|_| corrupt("the weekday"))?) {
            (false, None) => Rhythm::Daily,
            (true, Some(weekday)) => Rhythm::Weekly(weekday),
            _ => return Err(corrupt("the rhythm")),
        };
        let minute = u16::try_from(row.minute).map_err(|_| corrupt("the minute"))?;
        let zone = known("timezone", &row.timezone, Zone::parse)?;
        let day = row.last_day.as_deref().map(str::parse).transpose();
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            reader,
            plan: DigestPlan {
                schedule: Schedule { rhythm, minute, zone },
                sites: sites(&row.sites)?,
                only_if_needed: row.is_only_if_needed,
            },
            last: Last {
                day: day.map_err(|_| corrupt("the day"))?,
                until: Timestamp::from_millis(row.last_until),
            },
            due_at: Timestamp::from_millis(row.due_at),
            seq: row.seq,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&DigestSubscription> for Model {
    fn from(record: &DigestSubscription) -> Self {
        let (contact_id, user_id) = whom(record.reader);
        let DigestPlan { schedule, sites, only_if_needed } = &record.plan;
        let (rhythm, weekday) = rhythm_words(schedule.rhythm);
        Self {
            id: record.id,
            org_id: record.org.0,
            contact_id,
            user_id,
            rhythm,
            weekday,
            minute: schedule.minute.into(),
            timezone: schedule.zone.name().to_owned(),
            sites: encode(sites),
            is_only_if_needed: *only_if_needed,
            last_day: record.last.day.map(|day| day.to_string()),
            last_until: record.last.until.as_millis(),
            due_at: record.due_at.as_millis(),
            seq: record.seq,
            created_at: record.created_at.as_millis(),
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
        }
    }
}
