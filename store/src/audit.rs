//! Who did what: one row with each change, in its transaction, never changed.

use hub_domain::{AlertEventKind, OrgId, Timestamp};
use uuid::Uuid;

use crate::{
    Store, StoreError, UnitCommit,
    entity::audit_entry,
    open::ask,
    records::{Actor, AuditEntry, Page, PageQuery},
    sql::Sql,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

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
        }
    }
}

/// What people did to alerts in a commit, each with its detail.
pub(crate) fn deeds_of(commit: &UnitCommit) -> impl Iterator<Item = (Deed, String)> + '_ {
    let transition = commit.transition.iter();
    transition.flat_map(move |transition| {
        transition.events.iter().filter_map(move |event| {
            let deed = Deed {
                org: commit.org,
                actor: Actor::User(event.by?),
                action: action_of(event.event),
                object_kind: "alert",
                object_id: event.alert.id.0,
            };
            let detail = serde_json::json!({
                "unit": commit.unit.0, "kind": event.alert.kind.name(), "at": event.at.as_millis(), "note": transition.note,
            });
            Some((deed, detail.to_string()))
        })
    })
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
}

impl Sql {
    pub(crate) async fn audit_log(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let query = audit_entry::Entity::find().filter(audit_entry::Column::OrgId.eq(org.0));
        self.page_back(query, audit_entry::Column::Id, |row| row.id, page).await
    }
}
