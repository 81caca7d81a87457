//! Changes of alert rules: each is a version, and none leaves a unit with a rule that contradicts itself.

use hub_domain::{Layer, OrgId, RuleId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;

use crate::{
    By, Expected, RuleEdit, RuleScope, Store, StoreError,
    entity::{self, alert_rule, alert_rule_version, organization, site, unit},
    kept, layers,
    open::ask_database,
    records::{AlertRule, AuditEntry, Life, RuleVersion, UnitRecord},
    rules::{rule_book, units_where},
    scope::within,
    sql::{self, Sql},
};

impl Store {
    /// Edits what a rule says. The version before is kept, and the organization's rule version rises.
    ///
    /// # Errors
    /// [`StoreError::RuleContradiction`] if a unit below would contradict itself; [`StoreError::Stale`] if the rule
    /// is not of the version expected.
    pub async fn edit_rule(
        &self,
        org: OrgId,
        id: RuleId,
        expected: impl Into<Expected>,
        edit: RuleEdit,
        by: impl Into<By>,
    ) -> Result<AlertRule, StoreError> {
        let entry = self.entry(org, by, "alert_rule.updated", "alert_rule", id.0, &json!({}));
        ask_database!(self, edit_rule(org, id, expected.into(), edit, entry))
    }

    /// Lets the scope of a rule say nothing any more.
    ///
    /// # Errors
    /// [`StoreError::RuleContradiction`] if a unit below would contradict itself without it.
    pub async fn delete_rule(
        &self,
        org: OrgId,
        id: RuleId,
        by: impl Into<By>,
    ) -> Result<AlertRule, StoreError> {
        let entry = self.entry(org, by, "alert_rule.deleted", "alert_rule", id.0, &json!({}));
        ask_database!(self, delete_rule(org, id, entry))
    }

    /// Lets a rule say again what it said last.
    ///
    /// # Errors
    /// [`StoreError::ParentDeleted`] if its site or unit is gone; [`StoreError::RuleContradiction`] if a unit below would
    /// contradict itself by now.
    pub async fn restore_rule(
        &self,
        org: OrgId,
        id: RuleId,
        by: impl Into<By>,
    ) -> Result<AlertRule, StoreError> {
        let entry = self.entry(org, by, "alert_rule.restored", "alert_rule", id.0, &json!({}));
        ask_database!(self, restore_rule(org, id, entry))
    }
}

impl Sql {
    pub(crate) async fn put_rule(
        &self,
        mut rule: AlertRule,
        mut entry: AuditEntry,
    ) -> Result<(AlertRule, bool), StoreError> {
        let change = self.begin_of(rule.org).await?;
        own_rules(&change, rule.org).await?;
        if !is_there(&change, rule.org, rule.of()).await? || rule.of().layer() != rule.scope {
            return Err(StoreError::NotFound);
        }
        let before = rule_at(&change, &rule).await?;
        if let Some(before) = &before {
            (rule.id, rule.version, rule.created_at) =
                (before.id, before.version + 1, before.created_at);
            entry.object_id = before.id.0;
        }
        let is_new = before.as_ref().is_none_or(|before| before.deleted_at.is_some());
        if !is_new {
            entry.action = "alert_rule.updated".to_owned();
        }
        say(&change, before.as_ref(), &rule, entry).await?;
        change.commit().await?;
        Ok((rule, is_new))
    }

    pub(crate) async fn edit_rule(
        &self,
        org: OrgId,
        id: RuleId,
        expected: Expected,
        edit: RuleEdit,
        entry: AuditEntry,
    ) -> Result<AlertRule, StoreError> {
        let change = self.begin_of(org).await?;
        own_rules(&change, org).await?;
        let before = held(&change, org, id, Life::Present, expected).await?;
        let layer = edited(&before.layer, &edit)?;
        let after = next(&before, layer, &entry);
        say(&change, Some(&before), &after, entry).await?;
        change.commit().await?;
        Ok(after)
    }

    pub(crate) async fn delete_rule(
        &self,
        org: OrgId,
        id: RuleId,
        entry: AuditEntry,
    ) -> Result<AlertRule, StoreError> {
        let change = self.begin_of(org).await?;
        own_rules(&change, org).await?;
        let before = held(&change, org, id, Life::Present, None).await?;
        let nothing = next(&before, Layer::default(), &entry);
        let after = AlertRule { deleted_at: Some(entry.at), ..nothing };
        say(&change, Some(&before), &after, entry).await?;
        change.commit().await?;
        Ok(after)
    }

    pub(crate) async fn restore_rule(
        &self,
        org: OrgId,
        id: RuleId,
        entry: AuditEntry,
    ) -> Result<AlertRule, StoreError> {
        let change = self.begin_of(org).await?;
        own_rules(&change, org).await?;
        let before = held(&change, org, id, Life::Deleted, None).await?;
        if !is_there(&change, org, before.of()).await? {
            return Err(StoreError::ParentDeleted);
        }
        let layer = last_said(&change, &before).await?;
        let after = AlertRule { deleted_at: None, ..next(&before, layer, &entry) };
        say(&change, Some(&before), &after, entry).await?;
        change.commit().await?;
        Ok(after)
    }
}

/// Nobody else edits rules or makes units of this organization until this change ends.
async fn own_rules(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    let row = organization::Entity::find_by_id(org.0).lock_exclusive().one(change).await?;
    row.map(drop).ok_or(StoreError::NotFound)
}

async fn held(
    change: &DatabaseTransaction,
    org: OrgId,
    id: RuleId,
    life: Life,
    expected: impl Into<Expected>,
) -> Result<AlertRule, StoreError> {
    kept::hold::<alert_rule::Entity>(change, org, id.0, life, expected).await?.try_into()
}

/// Whether there is such an organization, site or unit in the organization.
pub(crate) async fn is_there(
    change: &DatabaseTransaction,
    org: OrgId,
    scope: RuleScope,
) -> Result<bool, StoreError> {
    Ok(match scope {
        RuleScope::Organization(id) => id == org,
        RuleScope::Site(id) => {
            let site = site::Entity::find_by_id(id.0).filter(within(site::Column::OrgId, org));
            site.filter(site::Column::DeletedAt.is_null()).one(change).await?.is_some()
        }
        RuleScope::Unit(id) => {
            let unit = unit::Entity::find_by_id(id.0).filter(within(unit::Column::OrgId, org));
            unit.filter(unit::Column::DeletedAt.is_null()).one(change).await?.is_some()
        }
    })
}

async fn rule_at(
    change: &DatabaseTransaction,
    rule: &AlertRule,
) -> Result<Option<AlertRule>, StoreError> {
    let of_org = alert_rule::Entity::find().filter(within(alert_rule::Column::OrgId, rule.org));
    let row = of_org.filter(alert_rule::Column::ScopeId.eq(rule.scope_id)).one(change).await?;
    row.map(AlertRule::try_from).transpose()
}

async fn units_below(
    change: &DatabaseTransaction,
    rule: &AlertRule,
) -> Result<Vec<UnitRecord>, StoreError> {
    let of_org = within(unit::Column::OrgId, rule.org);
    let below = match rule.of() {
        RuleScope::Organization(_) => of_org,
        RuleScope::Site(site) => of_org.and(unit::Column::SiteId.eq(site.0)),
        RuleScope::Unit(id) => of_org.and(unit::Column::Id.eq(id.0)),
    };
    units_where(change, below).await
}

/// What a rule said before it was taken away.
async fn last_said(change: &DatabaseTransaction, rule: &AlertRule) -> Result<Layer, StoreError> {
    let said = alert_rule_version::Entity::find()
        .filter(within(alert_rule_version::Column::OrgId, rule.org))
        .filter(alert_rule_version::Column::RuleId.eq(rule.id.0))
        .filter(alert_rule_version::Column::Action.ne("deleted"))
        .order_by_desc(alert_rule_version::Column::Version);
    let row = said.one(change).await?;
    layers::from_json(&row.ok_or(StoreError::NotFound)?.layer)
}

/// The layer with what is said anew and without what is said no more.
fn edited(before: &Layer, edit: &RuleEdit) -> Result<Layer, StoreError> {
    let mut layer = Layer::default();
    let stays = before.iter().filter(|(field, _)| !edit.unset.contains(field));
    for (field, value) in stays.chain(edit.said.iter()) {
        layer.set(field, value).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    }
    Ok(layer)
}

/// The rule in its next version.
fn next(before: &AlertRule, layer: Layer, entry: &AuditEntry) -> AlertRule {
    AlertRule { version: before.version + 1, layer, updated_at: entry.at, ..before.clone() }
}

/// Says `after` at its scope, if no unit below would contradict itself.
async fn say(
    change: &DatabaseTransaction,
    before: Option<&AlertRule>,
    after: &AlertRule,
    mut entry: AuditEntry,
) -> Result<(), StoreError> {
    let mut book = rule_book(change, &[after.org]).await?;
    book.say(after.scope_id, after.layer.clone());
    units_below(change, after).await?.iter().try_for_each(|unit| book.check(unit))?;
    let row = alert_rule::Model::from(after);
    entry.before =
        before.map(|before| kept::written(&alert_rule::Model::from(before))).transpose()?;
    entry.after = Some(kept::written(&row)?);
    let row = entity::insertable(row);
    if before.is_none() {
        alert_rule::Entity::insert(row).exec_without_returning(change).await?;
    } else {
        let it = alert_rule::Column::Id.eq(after.id.0);
        alert_rule::Entity::update_many().set(row).filter(it).exec(change).await?;
    }
    let version = alert_rule_version::Model::from(&version_of(after, &entry));
    alert_rule_version::Entity::insert(entity::insertable(version))
        .exec_without_returning(change)
        .await?;
    raise_version(change, after.org).await?;
    sql::audit(change, &entry).await
}

fn version_of(rule: &AlertRule, entry: &AuditEntry) -> RuleVersion {
    RuleVersion {
        rule: rule.id,
        org: rule.org,
        version: rule.version,
        layer: rule.layer.clone(),
        at: rule.updated_at,
        action: entry.action.rsplit('.').next().unwrap_or_default().to_owned(),
        actor: entry.actor,
    }
}

async fn raise_version(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    use organization::Column::{Id, RulesVersion};
    organization::Entity::update_many()
        .col_expr(RulesVersion, Expr::col(RulesVersion).add(1))
        .filter(Id.eq(org.0))
        .exec(change)
        .await?;
    Ok(())
}
