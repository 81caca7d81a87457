//! Everybody of an organization, and how they stand with one alert: what "why was she not told?" is answered from.

use std::collections::BTreeMap;

use hub_domain::{
    AlertId, AlertKind, OrgId, SiteId, UnitId,
    notify::{Person, PersonId, Terms, effective},
};
use sea_orm::{EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{
    LedgerLine, LineFilter,
    ledger::{names_of, wanted},
    situation::{people, policies},
};
use crate::{
    Store, StoreError,
    entity::{alert, known, notification_intent},
    open::ask_database,
    scope::within,
    sql::Sql,
};

/// Whom an alert may be told to, and what the ledger has of it.
#[derive(Clone, Debug)]
pub struct Recipients {
    /// What holds for it now.
    pub terms: Vec<Terms>,
    /// Every contact, every member who is none, and whoever else has a line, each with their lines, the latest first.
    pub people: Vec<Recipient>,
}

/// Somebody whom an alert may be told to.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Who.
    pub id: PersonId,
    /// `None` if they are not there any more.
    pub person: Option<Person>,
    /// Their name; `None` if they are not there any more.
    pub name: Option<String>,
    /// The lines of the alert, and those of the messages that carry it. Their tries are left out.
    pub lines: Vec<LedgerLine>,
}

impl Store {
    /// Everybody, and how they stand with an alert.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such an alert.
    pub async fn recipients(&self, org: OrgId, alert: AlertId) -> Result<Recipients, StoreError> {
        ask_database!(self, recipients(org, alert))
    }
}

impl Sql {
    pub(crate) async fn recipients(
        &self,
        org: OrgId,
        alert: AlertId,
    ) -> Result<Recipients, StoreError> {
        use notification_intent::{Column, Entity};
        let asked = self.of(org).await?;
        let its = alert::Entity::find_by_id(alert.0).filter(within(alert::Column::OrgId, org));
        let row = its.one(&asked).await?.ok_or(StoreError::NotFound)?;
        let kind = known("kind", &row.kind, AlertKind::parse)?;
        let policies = policies(&asked, org).await?;
        let terms = effective(&policies, SiteId(row.site_id), UnitId(row.unit_id), kind);
        let of_alert = LineFilter { alert: Some(alert), ..LineFilter::default() };
        let lines = Entity::find()
            .filter(wanted(&asked, org, &of_alert).await?)
            .order_by_desc(Column::PlannedAt)
            .order_by_desc(Column::Id);
        let mut by_person: BTreeMap<PersonId, (Option<Person>, Vec<LedgerLine>)> = BTreeMap::new();
        for person in people(&asked, org).await? {
            by_person.insert(person.id, (Some(person), Vec::new()));
        }
        for row in lines.all(&asked).await? {
            let line = LedgerLine::try_from(row)?;
            by_person.entry(line.person).or_default().1.push(line);
        }
        let mut names = names_of(&asked, org, by_person.keys().copied()).await?;
        let recipient = |(id, (person, lines))| {
            let name = names.remove(&id);
            Recipient { id, person, name, lines }
        };
        Ok(Recipients { terms, people: by_person.into_iter().map(recipient).collect() })
    }
}
