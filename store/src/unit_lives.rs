//! Units edited, deleted, brought back and purged.

use hub_domain::{DeviceId, OrgId, SiteId, Timestamp, UnitId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Store, StoreError, chores,
    entity::{device_assignment, organization, unit, unit_state},
    gone::{Gone, sweep},
    kept::{hold, mark, remove, write},
    open::ask_database,
    records::{AuditEntry, EditedUnit, Life, UnitEdit, UnitRecord},
    rules::rule_book,
    scope::within,
    sql::Sql,
    tree::{hold_rules, need_area, need_site},
    unit_chores,
};

/// How many rows a purge takes away at a time, so that nobody waits long for it.
const BATCH: u64 = 5_000;

/// A unit's rows that may be very many. Each statement takes a batch of them.
const MANY_OF_A_UNIT: &[&str] = &[
    "DELETE FROM readings WHERE org_id = $1 AND unit_id = $2
        AND (source_id, channel, recorded_at, sequence) IN (SELECT source_id, channel, recorded_at, sequence
            FROM readings WHERE org_id = $1 AND unit_id = $2 LIMIT 5000)",
    "DELETE FROM door_events WHERE org_id = $1 AND unit_id = $2
        AND id IN (SELECT id FROM door_events WHERE org_id = $1 AND unit_id = $2 LIMIT 5000)",
    "DELETE FROM unit_status_changes WHERE org_id = $1 AND unit_id = $2
        AND (at, version, ordinal) IN (SELECT at, version, ordinal
            FROM unit_status_changes WHERE org_id = $1 AND unit_id = $2 LIMIT 5000)",
    "UPDATE uplinks SET unit_id = NULL WHERE org_id = $1
        AND id IN (SELECT id FROM uplinks WHERE org_id = $1 AND unit_id = $2 LIMIT 5000)",
];

/// What else is a unit's own and goes with it for good; devices stay, and belong to no unit.
const OF_A_UNIT: &[&str] = &[
    "DELETE FROM corrective_actions WHERE org_id = $1 AND unit_id = $2",
    "DELETE FROM maintenance_windows WHERE org_id = $1 AND (unit_id = $2
        OR alert_id IN (SELECT id FROM alerts WHERE org_id = $1 AND unit_id = $2))",
    "DELETE FROM unit_chores WHERE org_id = $1 AND unit_id = $2",
    "DELETE FROM manual_logs WHERE org_id = $1 AND unit_id = $2",
    "DELETE FROM reply_codes WHERE org_id = $1
        AND alert_id IN (SELECT id FROM alerts WHERE org_id = $1 AND unit_id = $2)",
    "DELETE FROM delivery_attempts WHERE org_id = $1 AND intent_id IN
        (SELECT id FROM notification_intents WHERE org_id = $1
            AND alert_id IN (SELECT id FROM alerts WHERE org_id = $1 AND unit_id = $2))",
    "DELETE FROM notification_intents WHERE org_id = $1
        AND alert_id IN (SELECT id FROM alerts WHERE org_id = $1 AND unit_id = $2)",
    "DELETE FROM alert_plans WHERE org_id = $1
        AND alert_id IN (SELECT id FROM alerts WHERE org_id = $1 AND unit_id = $2)",
    "DELETE FROM alert_events WHERE org_id = $1
        AND alert_id IN (SELECT id FROM alerts WHERE org_id = $1 AND unit_id = $2)",
    "DELETE FROM alerts WHERE org_id = $1 AND unit_id = $2",
    "DELETE FROM device_assignments WHERE org_id = $1 AND unit_id = $2",
    "UPDATE devices SET unit_id = NULL WHERE org_id = $1 AND unit_id = $2",
    "DELETE FROM notification_policies WHERE org_id = $1 AND scope_id = $2",
    "DELETE FROM alert_rule_versions WHERE org_id = $1 AND rule_id IN
        (SELECT id FROM alert_rules WHERE org_id = $1 AND scope_id = $2)",
    "DELETE FROM alert_rules WHERE org_id = $1 AND scope_id = $2",
    "DELETE FROM unit_states WHERE org_id = $1 AND unit_id = $2",
];

impl Store {
    /// Edits a unit, of the version expected if one is.
    ///
    /// # Errors
    /// [`StoreError::RuleContradiction`] if the preset contradicts the rules above the unit;
    /// [`StoreError::ParentDeleted`] if the area is not there or is of another site.
    pub async fn edit_unit(
        &self,
        org: OrgId,
        id: UnitId,
        expected: impl Into<Expected>,
        edit: &UnitEdit,
        by: impl Into<By>,
    ) -> Result<EditedUnit, StoreError> {
        let entry = self.entry(org, by, "unit.updated", "unit", id.0, &json!({}));
        ask_database!(self, edit_unit(org, id, expected.into(), edit, entry))
    }

    /// Brings a unit back.
    ///
    /// # Errors
    /// [`StoreError::BeingPurged`] once its purge was asked for; [`StoreError::ParentDeleted`] if its site or area is deleted; [`StoreError::RuleContradiction`] if the rules
    /// above it contradict its own by now.
    pub async fn restore_unit(
        &self,
        org: OrgId,
        id: UnitId,
        by: impl Into<By>,
    ) -> Result<UnitRecord, StoreError> {
        let entry = self.entry(org, by, "unit.restored", "unit", id.0, &json!({}));
        ask_database!(self, restore_unit(org, id, entry))
    }

    /// Removes a deleted unit for good, with all that was measured and recorded of it. The first thing is to write down
    /// that it was asked for: from then on nobody brings it back, and one that was broken off goes on when it is asked
    /// for again. The audit log stays.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_unit(
        &self,
        org: OrgId,
        id: UnitId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let by = by.into();
        let besides = By { request: None, ..by.clone() };
        let asked = self.entry(org, besides, "unit.purge_requested", "unit", id.0, &json!({}));
        ask_database!(self, doom_unit(org, id, asked))?;
        let entry = self.entry(org, by, "unit.purged", "unit", id.0, &json!({}));
        ask_database!(self, purge_unit(org, id, entry))
    }
}

impl Sql {
    async fn edit_unit(
        &self,
        org: OrgId,
        id: UnitId,
        expected: Expected,
        edit: &UnitEdit,
        entry: AuditEntry,
    ) -> Result<EditedUnit, StoreError> {
        let change = self.begin_of(org).await?;
        if edit.preset.is_some() {
            own_rules(&change, org).await?;
        }
        let before = hold::<unit::Entity>(&change, org, id.0, Life::Present, expected).await?;
        let mut after = UnitRecord::try_from(before.clone())?;
        let mut row = <unit::ActiveModel as Default>::default();
        if let Some(name) = &edit.name {
            row.name = Set(name.clone());
        }
        if let Some(area) = edit.area {
            after.area = area;
            need_area(&change, &after).await?;
            row.area_id = Set(area.map(|area| area.0));
        }
        let is_judged_anew = edit.preset.as_ref().is_some_and(|preset| *preset != before.preset);
        if is_judged_anew {
            after.preset = edit.preset.clone().flatten();
            rule_book(&change, &[org]).await?.check(&after)?;
            raise_rules(&change, org).await?;
            row.preset = Set(after.preset);
        }
        let row = write::<unit::Entity>(&change, &before, row, entry, "").await?;
        change.commit().await?;
        Ok(EditedUnit { unit: row.try_into()?, is_judged_anew })
    }

    async fn restore_unit(
        &self,
        org: OrgId,
        id: UnitId,
        entry: AuditEntry,
    ) -> Result<UnitRecord, StoreError> {
        let change = self.begin_of(org).await?;
        hold_rules(&change, org).await?;
        let before = hold::<unit::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        if before.purge_requested_at.is_some() {
            return Err(StoreError::BeingPurged); // a part of what was measured may be gone already
        }
        if !need_site(&change, org, SiteId(before.site_id)).await? {
            return Err(StoreError::ParentDeleted);
        }
        let unit = UnitRecord::try_from(before.clone())?;
        need_area(&change, &unit).await?;
        rule_book(&change, &[org]).await?.check(&unit)?;
        let now = entry.at;
        let after = mark::<unit::Entity>(&change, &before, None, entry, "").await?;
        note_what_follows(&change, &before, now).await?;
        change.commit().await?;
        after.try_into()
    }

    /// Writes down that a unit is to be purged, once.
    async fn doom_unit(&self, org: OrgId, id: UnitId, entry: AuditEntry) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<unit::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        if before.purge_requested_at.is_none() {
            let row = unit::ActiveModel {
                purge_requested_at: Set(Some(entry.at.as_millis())),
                ..Default::default()
            };
            write::<unit::Entity>(&change, &before, row, entry, "").await?;
        }
        Ok(change.commit().await?)
    }

    async fn purge_unit(
        &self,
        org: OrgId,
        id: UnitId,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut gone = Gone::default();
        for sql in MANY_OF_A_UNIT {
            loop {
                let some = self.purge_batch(org, id, sql).await?;
                gone.count(sql, some);
                if some < BATCH {
                    break;
                }
            }
        }
        let change = self.begin_of(org).await?;
        hold_state(&change, org, id).await?;
        let before = hold::<unit::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        gone.keep_rules(&change, org, id.0).await?;
        // what came in since, and what is not many
        for sql in MANY_OF_A_UNIT.iter().chain(OF_A_UNIT) {
            gone.count(sql, sweep(&change, sql, org, id.0).await?);
        }
        entry.detail = gone.told().to_string();
        remove::<unit::Entity>(&change, &before, entry).await?;
        Ok(change.commit().await?)
    }

    async fn purge_batch(&self, org: OrgId, id: UnitId, sql: &str) -> Result<u64, StoreError> {
        let change = self.begin_of(org).await?;
        hold::<unit::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        let gone = sweep(&change, sql, org, id.0).await?;
        change.commit().await?;
        Ok(gone)
    }
}

/// Notes what a unit that comes back has missed: its windows, and the frames of those that measured it meanwhile.
async fn note_what_follows(
    change: &DatabaseTransaction,
    before: &unit::Model,
    now: Timestamp,
) -> Result<(), StoreError> {
    use device_assignment::Column::{DeviceId as Of, OrgId as Org, UnitId as Unit, UntilAt};
    let (org, id) = (OrgId(before.org_id), UnitId(before.id));
    unit_chores::note(change, org, &[id], now).await?;
    let meanwhile = Condition::any().add(UntilAt.is_null()).add(UntilAt.gt(before.deleted_at));
    let measured = device_assignment::Entity::find()
        .select_only()
        .column(Of)
        .distinct()
        .filter(within(Org, org))
        .filter(Unit.eq(id.0))
        .filter(meanwhile);
    for device in measured.into_tuple::<Uuid>().all(change).await? {
        chores::note(change, org, DeviceId(device), now).await?;
    }
    Ok(())
}

/// Holds a unit's state. To be held before the unit itself, as the writer does: two who hold them in another order would
/// wait for each other for ever.
async fn hold_state(
    change: &DatabaseTransaction,
    org: OrgId,
    id: UnitId,
) -> Result<(), StoreError> {
    let of_org = unit_state::Entity::find().filter(within(unit_state::Column::OrgId, org));
    let row =
        of_org.filter(unit_state::Column::UnitId.eq(id.0)).lock_exclusive().one(change).await?;
    row.map(drop).ok_or(StoreError::NotFound)
}

/// Keeps everybody else from the rules of an organization until the change ends.
async fn own_rules(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    let row = organization::Entity::find_by_id(org.0).lock_exclusive().one(change).await?;
    row.map(drop).ok_or(StoreError::NotFound)
}

/// The organization's rules are of a next version.
async fn raise_rules(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    organization::Entity::update_many()
        .col_expr(
            organization::Column::RulesVersion,
            Expr::col(organization::Column::RulesVersion).add(1),
        )
        .filter(organization::Column::Id.eq(org.0))
        .exec(change)
        .await?;
    Ok(())
}
