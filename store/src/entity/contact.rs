//! The `contacts` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp, UserId};

use crate::{StoreError, entity, records::Contact};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "contacts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) language: String,
    pub(crate) timezone: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
    pub(crate) phone_verified_at: Option<i64>,
    pub(crate) sms_consent_at: Option<i64>,
    pub(crate) sms_opted_out_at: Option<i64>,
    pub(crate) email_opted_out_at: Option<i64>,
    #[serde(skip)]
    pub(crate) phone_code_hash: Option<Vec<u8>>,
    #[serde(skip)]
    pub(crate) phone_code_until: Option<i64>,
    #[serde(skip)]
    pub(crate) phone_code_guesses: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for Contact {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            user: row.user_id.map(UserId),
            name: row.name,
            email: row.email,
            phone: row.phone,
            language: row.language,
            timezone: row.timezone,
            phone_verified_at: at(row.phone_verified_at),
            sms_consent_at: at(row.sms_consent_at),
            sms_opted_out_at: at(row.sms_opted_out_at),
            email_opted_out_at: at(row.email_opted_out_at),
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&Contact> for Model {
    fn from(record: &Contact) -> Self {
        Self {
            id: record.id,
            org_id: record.org.0,
            user_id: record.user.map(|user| user.0),
            name: record.name.clone(),
            email: record.email.clone(),
            phone: record.phone.clone(),
            language: record.language.clone(),
            timezone: record.timezone.clone(),
            created_at: record.created_at.as_millis(),
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
            phone_verified_at: record.phone_verified_at.map(Timestamp::as_millis),
            sms_consent_at: record.sms_consent_at.map(Timestamp::as_millis),
            sms_opted_out_at: record.sms_opted_out_at.map(Timestamp::as_millis),
            email_opted_out_at: record.email_opted_out_at.map(Timestamp::as_millis),
            phone_code_hash: None,
            phone_code_until: None,
            phone_code_guesses: 0,
        }
    }
}
