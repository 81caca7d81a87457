//! Alert rules: what is said at each scope, and what it comes to.

use std::sync::Arc;

use hub_domain::{
    Layer, OrgId, Rule, RuleField, RuleId, RuleLayer, SiteId, UnitId, rule::Resolved,
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError, cursor,
    entity::{alert_rule, alert_rule_version, organization, unit},
    layers::{self, RuleBook},
    open::{ask, ask_database},
    records::{AlertRule, Life, Page, PageQuery, RuleVersion, UnitRecord},
    scope::{Scope, within},
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

impl RuleScope {
    /// The layer that is said there.
    #[must_use]
    pub const fn layer(self) -> RuleLayer {
        match self {
            Self::Organization(_) => RuleLayer::Organization,
            Self::Site(_) => RuleLayer::Site,
            Self::Unit(_) => RuleLayer::Unit,
        }
    }

    /// The id of the organization, site or unit.
    #[must_use]
    pub const fn id(self) -> Uuid {
        match self {
            Self::Organization(id) => id.0,
            Self::Site(id) => id.0,
            Self::Unit(id) => id.0,
        }
    }
}

impl AlertRule {
    /// Whose units it concerns.
    #[must_use]
    pub const fn of(&self) -> RuleScope {
        match self.scope {
            RuleLayer::Unit => RuleScope::Unit(UnitId(self.scope_id)),
            RuleLayer::Site => RuleScope::Site(SiteId(self.scope_id)),
            RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => {
                RuleScope::Organization(OrgId(self.scope_id))
            }
        }
    }
}

/// Which rules are wanted. Fields left out do not narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleFilter {
    /// Of organizations, sites or units.
    pub scope: Option<RuleLayer>,
    /// Of this one.
    pub scope_id: Option<Uuid>,
    /// Those that say something, or those that were taken away.
    pub life: Life,
}

/// How a rule is edited: what is said anew, and what is said no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleEdit {
    /// These fields are said, whatever was said of them before.
    pub said: Layer,
    /// Of these fields nothing is said any more: they are inherited.
    pub unset: Vec<RuleField>,
}

/// What a unit is judged by, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveRule {
    /// The organization's rule version.
    pub version: i64,
    /// The unit's preset.
    pub preset: Option<String>,
    /// Every field.
    pub fields: Vec<Resolved>,
    /// The rules of the scopes that the unit is in.
    pub rules: Vec<AlertRule>,
}

impl EffectiveRule {
    /// The rule that says what is said at that layer.
    #[must_use]
    pub fn rule_at(&self, layer: RuleLayer) -> Option<&AlertRule> {
        self.rules.iter().find(|rule| rule.scope == layer)
    }
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
        by: impl Into<By>,
    ) -> Result<(AlertRule, bool), StoreError> {
        let (id, at) = self.mint();
        let detail = json!({ "scope": scope.name(), "scopeId": scope_id.to_string(), "fields": layers::to_json(&layer) });
        let entry = self.entry(org, by, "alert_rule.created", "alert_rule", id, &detail);
        let rule = AlertRule {
            id: RuleId(id),
            org,
            scope,
            scope_id,
            version: 1,
            layer,
            created_at: at,
            updated_at: at,
            deleted_at: None,
        };
        ask!(self, put_rule(rule, entry))
    }

    /// The rule, taken away or not.
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
    pub async fn rules(
        &self,
        org: OrgId,
        filter: RuleFilter,
        page: PageQuery,
    ) -> Result<Page<AlertRule>, StoreError> {
        ask!(self, rules(org, &filter, &page))
    }

    /// What a rule said, newest first, what it says now included.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rule_versions(
        &self,
        org: OrgId,
        id: RuleId,
        page: PageQuery,
    ) -> Result<Page<RuleVersion>, StoreError> {
        ask_database!(self, rule_versions(org, id, &page))
    }

    /// What a unit is judged by, field by field.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn effective_rule(
        &self,
        scope: impl Into<Scope>,
        unit: UnitId,
    ) -> Result<Option<EffectiveRule>, StoreError> {
        let scope = scope.into();
        ask!(self, effective_rule(&scope, unit))
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

    /// The version of the rules of every organization that is not deleted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rules_versions(&self) -> Result<Vec<(OrgId, i64)>, StoreError> {
        ask_database!(self, rules_versions())
    }
}

impl Sql {
    pub(crate) async fn rule(
        &self,
        org: OrgId,
        id: RuleId,
    ) -> Result<Option<AlertRule>, StoreError> {
        let of_org = within(alert_rule::Column::OrgId, org);
        let wanted = alert_rule::Entity::find_by_id(id.0).filter(of_org);
        wanted.one(&self.of(org).await?).await?.map(AlertRule::try_from).transpose()
    }

    pub(crate) async fn rules(
        &self,
        org: OrgId,
        filter: &RuleFilter,
        page: &PageQuery,
    ) -> Result<Page<AlertRule>, StoreError> {
        let wanted = Condition::all()
            .add(within(alert_rule::Column::OrgId, org))
            .add_option(filter.scope.map(|scope| alert_rule::Column::Scope.eq(scope.name())))
            .add_option(filter.scope_id.map(|id| alert_rule::Column::ScopeId.eq(id)));
        self.all_kept::<alert_rule::Entity, _>(org, wanted, filter.life, page).await
    }

    pub(crate) async fn rule_versions(
        &self,
        org: OrgId,
        id: RuleId,
        page: &PageQuery,
    ) -> Result<Page<RuleVersion>, StoreError> {
        use alert_rule_version::Column;
        let before = cursor::text_after(page)?.map(|text| text.parse::<i64>());
        let before = before.transpose().map_err(|_| StoreError::BadCursor)?;
        let wanted = Condition::all()
            .add(within(Column::OrgId, org))
            .add(Column::RuleId.eq(id.0))
            .add_option(before.map(|before| Column::Version.lt(before)));
        let rows = alert_rule_version::Entity::find()
            .filter(wanted)
            .order_by_desc(Column::Version)
            .limit(sql::one_more(page));
        let rows = rows.all(&self.of(org).await?).await?;
        sql::records(cursor::cut(rows, page, |row| cursor::of_text(&row.version.to_string())))
    }

    pub(crate) async fn effective_rule(
        &self,
        scope: &Scope,
        unit: UnitId,
    ) -> Result<Option<EffectiveRule>, StoreError> {
        let Some(unit) = self.unit(scope, unit).await? else { return Ok(None) };
        let asked = self.of(scope.org).await?;
        let version = rules_version(&asked, scope.org).await?;
        let scopes = [unit.id.0, unit.site.0, unit.org.0];
        let above = alert_rule::Entity::find()
            .filter(within(alert_rule::Column::OrgId, scope.org))
            .filter(alert_rule::Column::DeletedAt.is_null())
            .filter(alert_rule::Column::ScopeId.is_in(scopes));
        let rules = above.all(&asked).await?.into_iter().map(AlertRule::try_from);
        let rules: Vec<AlertRule> = rules.collect::<Result<_, _>>()?;
        let said = rules.iter().map(|rule| (rule.scope_id, rule.layer.clone()));
        let fields = RuleBook::new(said).explain(&unit);
        Ok(Some(EffectiveRule { version, preset: unit.preset, fields, rules }))
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
        let any = unit::Entity::find().filter(is_meant.clone()).one(&self.db).await?;
        let Some(org) = any.map(|unit| OrgId(unit.org_id)) else { return Ok(Vec::new()) };
        // first of all: what is edited meanwhile comes with an older version, and is told again
        let version = rules_version(&self.db, org).await?;
        let units = units_where(&self.db, is_meant).await?;
        if let (RuleScope::Unit(_), [unit]) = (scope, &units[..]) {
            let scopes = [unit.id.0, unit.site.0, unit.org.0];
            let mut book = book_of(&self.db, alert_rule::Column::ScopeId.is_in(scopes)).await?;
            return Ok(vec![(unit.id, book.stored_rule(unit)?, version)]);
        }
        let mut book = rule_book(&self.db, &[org]).await?;
        let read = |unit: &UnitRecord| match book.stored_rule(unit) {
            Ok(rule) => Some((unit.id, rule, version)),
            Err(error) => {
                // it goes on by what it has; the others are not kept waiting for it
                tracing::warn!(unit.id = %unit.id, %error, "the rule of a unit cannot be read");
                None
            }
        };
        Ok(units.iter().filter_map(read).collect())
    }
}

impl Sql {
    pub(crate) async fn rules_versions(&self) -> Result<Vec<(OrgId, i64)>, StoreError> {
        use organization::Column::{DeletedAt, Id, RulesVersion};
        let living = organization::Entity::find().filter(DeletedAt.is_null());
        let versions = living.select_only().columns([Id, RulesVersion]).into_tuple();
        let versions: Vec<(Uuid, i64)> = versions.all(&self.db).await?;
        Ok(versions.into_iter().map(|(org, version)| (OrgId(org), version)).collect())
    }
}

/// What the rules of some organizations say.
pub(crate) async fn rule_book(
    db: &impl ConnectionTrait,
    orgs: &[OrgId],
) -> Result<RuleBook, StoreError> {
    book_of(db, alert_rule::Column::OrgId.is_in(orgs.iter().map(|org| org.0))).await
}

async fn book_of(db: &impl ConnectionTrait, is_meant: Expr) -> Result<RuleBook, StoreError> {
    let rows = alert_rule::Entity::find().filter(is_meant).all(db).await?.into_iter();
    let said = rows.map(|row| Ok((row.scope_id, layers::from_json(&row.layer)?)));
    Ok(RuleBook::new(said.collect::<Result<Vec<_>, StoreError>>()?))
}

async fn rules_version(db: &impl ConnectionTrait, org: OrgId) -> Result<i64, StoreError> {
    let row = organization::Entity::find_by_id(org.0).one(db).await?;
    row.map(|row| row.rules_version).ok_or(StoreError::NotFound)
}

pub(crate) async fn units_where(
    db: &impl ConnectionTrait,
    is_meant: Expr,
) -> Result<Vec<UnitRecord>, StoreError> {
    let live = unit::Entity::find().filter(is_meant).filter(unit::Column::DeletedAt.is_null());
    let rows = live.order_by_asc(unit::Column::Id).all(db).await?;
    rows.into_iter().map(UnitRecord::try_from).collect()
}
