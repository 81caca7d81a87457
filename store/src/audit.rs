//! Who did what: one row with each change, in its transaction, never changed.

use std::collections::HashMap;

use hub_domain::{AlertEvent, AlertEventKind, AlertStatus, OrgId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    By, Said, Store, StoreError, UnitCommit,
    changes::is_by_a_person,
    entity::{api_key, audit_entry, membership, user},
    kept,
    mint::Mint,
    open::{ask, ask_database},
    records::{Actor, AuditEntry, AuditFilter, Page, PageQuery},
    scope::within,
    sql::{self, Order, Sql},
};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QuerySelect as _};

/// What was done, before it has an id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    /// The tenant.
    pub(crate) org: OrgId,
    /// Who.
    pub(crate) actor: Actor,
    /// What, e.g. `site.created`.
    pub(crate) action: &'static str,
    /// To what kind of thing.
    pub(crate) object_kind: &'static str,
    /// To which.
    pub(crate) object_id: Uuid,
}

impl Deed {
    /// The row to be stored.
    pub(crate) fn entry(self, id: Uuid, at: Timestamp, detail: String) -> AuditEntry {
        let Self { org, actor, action, object_kind, object_id } = self;
        AuditEntry {
            id,
            org,
            at,
            actor,
            action: action.to_owned(),
            object_kind: object_kind.to_owned(),
            object_id,
            detail,
            reason: None,
            before: None,
            after: None,
            impersonation: None,
            request: None,
        }
    }
}

/// That a unit was deleted in a commit, with its row before and after. The databases find the stay themselves.
pub(crate) fn deletion_of(
    commit: &UnitCommit,
    by: &By,
    before: &impl Serialize,
    after: &impl Serialize,
    mint: &Mint,
) -> AuditEntry {
    let (org, object_id, at) = (commit.org, commit.unit.0, mint.now());
    let deed =
        Deed { org, actor: by.actor, action: "unit.deleted", object_kind: "unit", object_id };
    let row = |written: Result<Value, StoreError>| written.ok(); // a row of numbers and texts
    AuditEntry {
        reason: by.reason.clone(),
        impersonation: by.impersonation,
        before: row(kept::written(before)),
        after: row(kept::written(after)),
        ..deed.entry(mint.id(at), at, json!({}).to_string())
    }
}

/// What people did to alerts in a commit.
pub(crate) fn deeds_of<'a>(
    commit: &'a UnitCommit,
    mint: &'a Mint,
    now: Timestamp,
) -> impl Iterator<Item = AuditEntry> + 'a {
    commit.transition.iter().flat_map(move |transition| {
        let by_people =
            transition.events.iter().filter(|event| is_by_a_person(event, transition));
        by_people.map(move |event| {
            let deed = Deed {
                org: commit.org,
                actor: event.by.map_or(Actor::Hub, Actor::User),
                action: action_of(event.event),
                object_kind: "alert",
                object_id: event.alert.id.0,
            };
            let Said { note, reason, contact } = &transition.said;
            let detail = json!({
                "unit": commit.unit.0, "kind": event.alert.kind.name(), "at": event.at.as_millis(), "note": note,
                "contact": contact,
            });
            let status = |status: AlertStatus| Some(json!({ "status": status.name() }));
            AuditEntry {
                reason: reason.clone(),
                before: status(status_before(event)),
                after: status(event.status()),
                ..deed.entry(mint.id(now), now, detail.to_string())
            }
        })
    })
}

/// Where an alert stood before a person did something to it.
fn status_before(event: &AlertEvent) -> AlertStatus {
    match event.event {
        AlertEventKind::Acknowledged => AlertStatus::Active,
        _ => event.alert.status(), // a resolved one is told of as it was last
    }
}

const fn action_of(event: AlertEventKind) -> &'static str {
    match event {
        AlertEventKind::Opened => "alert.opened",
        AlertEventKind::Confirmed => "alert.confirmed",
        AlertEventKind::Acknowledged => "alert.acknowledged",
        AlertEventKind::Resolved => "alert.resolved",
        AlertEventKind::Escalated => "alert.escalated",
        AlertEventKind::Amended => "alert.amended",
    }
}

impl Store {
    /// What was done in an organization, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn audit_log(
        &self,
        org: OrgId,
        page: PageQuery,
    ) -> Result<Page<AuditEntry>, StoreError> {
        ask!(self, audit_log(org, &page))
    }

    /// What was done in an organization, narrowed, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn audited(
        &self,
        org: OrgId,
        filter: AuditFilter,
        page: PageQuery,
    ) -> Result<Page<AuditEntry>, StoreError> {
        ask_database!(self, audited(org, &filter, &page))
    }

    /// What those who did something are called: the organization's members and keys among `actors`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn actor_names(
        &self,
        org: OrgId,
        actors: &[Actor],
    ) -> Result<HashMap<Uuid, String>, StoreError> {
        ask_database!(self, actor_names(org, actors))
    }
}

impl Sql {
    pub(crate) async fn audit_log(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<AuditEntry>, StoreError> {
        self.audited(org, &AuditFilter::default(), page).await
    }

    pub(crate) async fn audited(
        &self,
        org: OrgId,
        filter: &AuditFilter,
        page: &PageQuery,
    ) -> Result<Page<AuditEntry>, StoreError> {
        use audit_entry::Column;
        let kind = filter.object_kind.as_deref();
        let wanted = Condition::all()
            .add(within(Column::OrgId, org))
            .add_option(kind.map(|kind| Column::ObjectKind.eq(kind)))
            .add_option(filter.object_id.map(|id| Column::ObjectId.eq(id)))
            .add_option(filter.actor.map(|id| Column::ActorId.eq(id)))
            .add_option(filter.action.as_deref().map(|action| Column::Action.eq(action)))
            .add_option(filter.from.map(|from| Column::At.gte(from.as_millis())))
            .add_option(filter.to.map(|to| Column::At.lt(to.as_millis())))
            // ids begin with their instant, and are what the indexes go by
            .add_option(filter.from.map(|from| Column::Id.gte(least_id(from))))
            .add_option(filter.to.map(|to| Column::Id.lt(least_id(to))));
        let query = audit_entry::Entity::find().filter(wanted);
        let asked = self.of(org).await?;
        sql::page(&asked, query, Column::Id, Order::Down, |row| row.id, page).await
    }

    pub(crate) async fn actor_names(
        &self,
        org: OrgId,
        actors: &[Actor],
    ) -> Result<HashMap<Uuid, String>, StoreError> {
        let asked = self.of(org).await?;
        let users = actors.iter().filter_map(|actor| match actor {
            Actor::User(id) => Some(id.0),
            Actor::Key(_) | Actor::Hub => None,
        });
        let members = sea_orm::sea_query::Query::select()
            .column(membership::Column::UserId)
            .from(membership::Entity)
            .and_where(within(membership::Column::OrgId, org))
            .to_owned();
        let users = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::Name])
            .filter(user::Column::Id.is_in(users))
            .filter(user::Column::Id.in_subquery(members));
        let mut names: Vec<(Uuid, String)> = users.into_tuple().all(&asked).await?;
        let keys = actors.iter().filter_map(|actor| match actor {
            Actor::Key(id) => Some(id.0),
            Actor::User(_) | Actor::Hub => None,
        });
        let keys = api_key::Entity::find()
            .select_only()
            .columns([api_key::Column::Id, api_key::Column::Name])
            .filter(within(api_key::Column::OrgId, org))
            .filter(api_key::Column::Id.is_in(keys));
        names.extend(keys.into_tuple::<(Uuid, String)>().all(&asked).await?);
        Ok(names.into_iter().collect())
    }
}

/// The least id that is minted at an instant.
fn least_id(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.as_millis()).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(millis << 80)
}
