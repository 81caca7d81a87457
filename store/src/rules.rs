//! Alert rules and what they come to.

use std::sync::Arc;

use hub_domain::{
    Layer, OrgId, Rule, RuleId, RuleLayer, SiteId, Timestamp, UnitId, rule::Resolved,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{alert_rule, alert_rule_version, organization, site, unit},
    layers::{self, RuleBook},
    open::ask,
    records::{Actor, AlertRule, AuditEntry, Page, PageQuery, UnitRecord},
    sql::{self, Sql},
};

/// Whose units are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleScope {
    /// All of an organization.
    Organization(OrgId),
    /// All of a site.
    Site(SiteId),
    /// One.
    Unit(UnitId),
}

impl Store {
    /// Sets the rule of an organization, site or unit; true if it had none. The version before is kept, and the
    /// organization's rule version rises.
    ///
    /// # Errors
    /// [`StoreError::RuleContradiction`] if a unit below would contradict itself; [`StoreError::NotFound`] if there
    /// is no such organization, site or unit, or `scope` is a layer that nobody writes.
    pub async fn put_rule(
        &self,
        org: OrgId,
        scope: RuleLayer,
        scope_id: Uuid,
        layer: Layer,
        actor: Actor,
    ) -> Result<(AlertRule, bool), StoreError> {
        let (id, at) = self.mint();
        let detail = json!({ "scope": scope.name(), "scopeId": scope_id.to_string(), "fields": layers::to_json(&layer) });
        let entry = self.entry(org, actor, "alert_rule.put", "alert_rule", id, &detail);
        let rule = AlertRule {
            id: RuleId(id),
            org,
            scope,
            scope_id,
            version: 1,
            layer,
            created_at: at,
            updated_at: at,
        };
        ask!(self, put_rule(rule, entry))
    }

    /// The rule.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rule(&self, org: OrgId, id: RuleId) -> Result<Option<AlertRule>, StoreError> {
        ask!(self, rule(org, id))
    }

    /// The rules of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rules(&self, org: OrgId, page: PageQuery) -> Result<Page<AlertRule>, StoreError> {
        ask!(self, rules(org, &page))
    }

    /// Every version of a rule, oldest first, the present one included.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rule_versions(
        &self,
        org: OrgId,
        id: RuleId,
    ) -> Result<Vec<AlertRule>, StoreError> {
        ask!(self, rule_versions(org, id))
    }

    /// What a unit is judged by, field by field, and the organization's rule version.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn effective_rule(
        &self,
        org: OrgId,
        unit: UnitId,
    ) -> Result<Option<(i64, Vec<Resolved>)>, StoreError> {
        ask!(self, effective_rule(org, unit))
    }

    /// What every unit of a scope is judged by. Equal rules share one value.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rules_of(
        &self,
        scope: RuleScope,
    ) -> Result<Vec<(UnitId, Arc<Rule>, i64)>, StoreError> {
        ask!(self, rules_of(scope))
    }
}

impl Sql {
    pub(crate) async fn put_rule(
        &self,
        mut rule: AlertRule,
        mut entry: AuditEntry,
    ) -> Result<(AlertRule, bool), StoreError> {
        let change = self.begin().await?;
        // nobody else edits rules or makes units of this organization until this change ends
        let organization =
            organization::Entity::find_by_id(rule.org.0).lock_exclusive().one(&change).await?;
        organization.ok_or(StoreError::NotFound)?;
        need_scope(&change, &rule).await?;
        let mut book = rule_book(&change, &[rule.org]).await?;
        book.say(rule.scope_id, rule.layer.clone());
        units_below(&change, &rule).await?.iter().try_for_each(|unit| book.check(unit))?;
        let before = rule_at(&change, &rule).await?;
        if let Some(before) = &before {
            (rule.id, rule.version, rule.created_at) =
                (before.id, before.version + 1, before.created_at);
            entry.object_id = before.id.0;
        }
        write_rule(&change, &rule, before.is_none()).await?;
        sql::audit(&change, &entry).await?;
        change.commit().await?;
        Ok((rule, before.is_none()))
    }

    pub(crate) async fn rule(
        &self,
        org: OrgId,
        id: RuleId,
    ) -> Result<Option<AlertRule>, StoreError> {
        let of_org =
            alert_rule::Entity::find_by_id(id.0).filter(alert_rule::Column::OrgId.eq(org.0));
        of_org.one(&self.db).await?.map(AlertRule::try_from).transpose()
    }

    pub(crate) async fn rules(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<AlertRule>, StoreError> {
        let query = alert_rule::Entity::find().filter(alert_rule::Column::OrgId.eq(org.0));
        self.page(query, alert_rule::Column::Id, |row| row.id, page).await
    }

    pub(crate) async fn rule_versions(
        &self,
        org: OrgId,
        id: RuleId,
    ) -> Result<Vec<AlertRule>, StoreError> {
        let Some(rule) = self.rule(org, id).await? else { return Ok(Vec::new()) };
        let versions =
            alert_rule_version::Entity::find().filter(alert_rule_version::Column::RuleId.eq(id.0));
        let rows = versions.order_by_asc(alert_rule_version::Column::Version).all(&self.db).await?;
        let version = |row: alert_rule_version::Model| {
            let updated_at = Timestamp::from_millis(row.updated_at);
            Ok(AlertRule {
                version: row.version,
                layer: layers::from_json(&row.layer)?,
                updated_at,
                ..rule.clone()
            })
        };
        rows.into_iter().map(version).collect()
    }

    pub(crate) async fn effective_rule(
        &self,
        org: OrgId,
        unit: UnitId,
    ) -> Result<Option<(i64, Vec<Resolved>)>, StoreError> {
        let Some(unit) = self.unit(org, unit).await? else { return Ok(None) };
        let version = rules_version(&self.db, org).await?;
        Ok(Some((version, rule_book(&self.db, &[org]).await?.explain(&unit))))
    }

    pub(crate) async fn rules_of(
        &self,
        scope: RuleScope,
    ) -> Result<Vec<(UnitId, Arc<Rule>, i64)>, StoreError> {
        let is_meant = match scope {
            RuleScope::Organization(org) => unit::Column::OrgId.eq(org.0),
            RuleScope::Site(site) => unit::Column::SiteId.eq(site.0),
            RuleScope::Unit(id) => unit::Column::Id.eq(id.0),
        };
        let units = units_where(&self.db, is_meant).await?;
        let Some(org) = units.first().map(|unit| unit.org) else { return Ok(Vec::new()) };
        let version = rules_version(&self.db, org).await?;
        let mut book = rule_book(&self.db, &[org]).await?;
        units.iter().map(|unit| Ok((unit.id, book.stored_rule(unit)?, version))).collect()
    }
}

/// What the rules of some organizations say.
pub(crate) async fn rule_book(
    db: &impl ConnectionTrait,
    orgs: &[OrgId],
) -> Result<RuleBook, StoreError> {
    let of_orgs = alert_rule::Entity::find()
        .filter(alert_rule::Column::OrgId.is_in(orgs.iter().map(|org| org.0)));
    let said = of_orgs
        .all(db)
        .await?
        .into_iter()
        .map(|row| Ok((row.scope_id, layers::from_json(&row.layer)?)));
    Ok(RuleBook::new(said.collect::<Result<Vec<_>, StoreError>>()?))
}

async fn rules_version(db: &impl ConnectionTrait, org: OrgId) -> Result<i64, StoreError> {
    let row = organization::Entity::find_by_id(org.0).one(db).await?;
    row.map(|row| row.rules_version).ok_or(StoreError::NotFound)
}

async fn need_scope(change: &DatabaseTransaction, rule: &AlertRule) -> Result<(), StoreError> {
    let (org, id) = (rule.org.0, rule.scope_id);
    let is_there = match rule.scope {
        RuleLayer::Organization => id == org,
        RuleLayer::Site => {
            let site = site::Entity::find_by_id(id).filter(site::Column::OrgId.eq(org));
            site.filter(site::Column::DeletedAt.is_null()).one(change).await?.is_some()
        }
        RuleLayer::Unit => {
            let unit = unit::Entity::find_by_id(id).filter(unit::Column::OrgId.eq(org));
            unit.filter(unit::Column::DeletedAt.is_null()).one(change).await?.is_some()
        }
        RuleLayer::Preset | RuleLayer::Default => false,
    };
    if is_there { Ok(()) } else { Err(StoreError::NotFound) }
}

async fn units_below(
    change: &DatabaseTransaction,
    rule: &AlertRule,
) -> Result<Vec<UnitRecord>, StoreError> {
    let column = match rule.scope {
        RuleLayer::Unit => unit::Column::Id,
        RuleLayer::Site => unit::Column::SiteId,
        RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => unit::Column::OrgId,
    };
    units_where(change, column.eq(rule.scope_id)).await
}

async fn units_where(
    db: &impl ConnectionTrait,
    is_meant: Expr,
) -> Result<Vec<UnitRecord>, StoreError> {
    let live = unit::Entity::find().filter(is_meant).filter(unit::Column::DeletedAt.is_null());
    let rows = live.order_by_asc(unit::Column::Id).all(db).await?;
    rows.into_iter().map(UnitRecord::try_from).collect()
}

async fn rule_at(
    change: &DatabaseTransaction,
    rule: &AlertRule,
) -> Result<Option<AlertRule>, StoreError> {
    let of_org = alert_rule::Entity::find().filter(alert_rule::Column::OrgId.eq(rule.org.0));
    let row = of_org.filter(alert_rule::Column::ScopeId.eq(rule.scope_id)).one(change).await?;
    row.map(AlertRule::try_from).transpose()
}

async fn write_rule(
    change: &DatabaseTransaction,
    rule: &AlertRule,
    is_new: bool,
) -> Result<(), StoreError> {
    let row = alert_rule::ActiveModel::from(rule);
    if is_new {
        alert_rule::Entity::insert(row).exec_without_returning(change).await?;
    } else {
        let update =
            alert_rule::Entity::update_many().set(row).filter(alert_rule::Column::Id.eq(rule.id.0));
        update.exec(change).await?;
    }
    let version = alert_rule_version::ActiveModel::from(rule);
    alert_rule_version::Entity::insert(version).exec_without_returning(change).await?;
    organization::Entity::update_many()
        .col_expr(
            organization::Column::RulesVersion,
            Expr::col(organization::Column::RulesVersion).add(1),
        )
        .filter(organization::Column::Id.eq(rule.org.0))
        .exec(change)
        .await?;
    Ok(())
}
