//! Alert rules in memory.

use std::sync::Arc;

use hub_domain::{OrgId, Rule, RuleId, RuleLayer, SiteId, UnitId};

use super::{Memory, Tables, page_by_id};
use crate::{
    EffectiveRule, RuleFilter, RuleScope, Scope, StoreError,
    layers::RuleBook,
    records::{AlertRule, AuditEntry, Life, Page, PageQuery, UnitRecord},
};

impl Tables {
    /// What the rules of an organization say.
    pub(super) fn rule_book(&self, org: OrgId) -> RuleBook {
        let of_org = self.rules.values().filter(|rule| rule.org == org);
        RuleBook::new(of_org.map(|rule| (rule.scope_id, rule.layer.clone())))
    }

    pub(super) fn rules_version(&self, org: OrgId) -> i64 {
        self.organizations.get(&org).map_or(0, |(_, version)| *version)
    }

    fn has_scope(&self, rule: &AlertRule) -> bool {
        match rule.scope {
            RuleLayer::Organization => {
                rule.scope_id == rule.org.0 && self.organizations.contains_key(&rule.org)
            }
            RuleLayer::Site => {
                self.sites.get(&SiteId(rule.scope_id)).is_some_and(|site| site.org == rule.org)
            }
            RuleLayer::Unit => {
                self.units.get(&UnitId(rule.scope_id)).is_some_and(|unit| unit.org == rule.org)
            }
            RuleLayer::Preset | RuleLayer::Default => false,
        }
    }

    fn units_below<'a>(&'a self, rule: &'a AlertRule) -> impl Iterator<Item = &'a UnitRecord> {
        let scope = rule.scope_id;
        let is_below =
            move |unit: &&UnitRecord| [unit.id.0, unit.site.0, unit.org.0].contains(&scope);
        self.units.values().filter(|unit| unit.org == rule.org).filter(is_below)
    }
}

impl Memory {
    pub(crate) fn put_rule(
        &self,
        mut rule: AlertRule,
        mut entry: AuditEntry,
    ) -> Result<(AlertRule, bool), StoreError> {
        let mut tables = self.tables();
        if !tables.has_scope(&rule) {
            return Err(StoreError::NotFound);
        }
        let mut book = tables.rule_book(rule.org);
        book.say(rule.scope_id, rule.layer.clone());
        tables.units_below(&rule).try_for_each(|unit| book.check(unit))?;
        let before = tables
            .rules
            .values()
            .find(|other| (other.org, other.scope_id) == (rule.org, rule.scope_id))
            .cloned();
        if let Some(before) = &before {
            (rule.id, rule.version, rule.created_at) =
                (before.id, before.version + 1, before.created_at);
            entry.object_id = before.id.0;
        }
        tables.rules.insert(rule.id, rule.clone());
        if let Some((_, version)) = tables.organizations.get_mut(&rule.org) {
            *version += 1;
        }
        tables.audit(&entry);
        Ok((rule, before.is_none()))
    }

    pub(crate) fn rule(&self, org: OrgId, id: RuleId) -> Result<Option<AlertRule>, StoreError> {
        Ok(self.tables().rules.get(&id).filter(|rule| rule.org == org).cloned())
    }

    pub(crate) fn rules(
        &self,
        org: OrgId,
        filter: &RuleFilter,
        page: &PageQuery,
    ) -> Result<Page<AlertRule>, StoreError> {
        let tables = self.tables();
        let is_wanted = |rule: &&AlertRule| {
            rule.org == org
                && filter.life == Life::Present
                && filter.scope.is_none_or(|scope| scope == rule.scope)
                && filter.scope_id.is_none_or(|id| id == rule.scope_id)
        };
        page_by_id(tables.rules.values().filter(is_wanted), |rule| rule.id.0, page)
    }

    pub(crate) fn effective_rule(
        &self,
        scope: &Scope,
        unit: UnitId,
    ) -> Result<Option<EffectiveRule>, StoreError> {
        let tables = self.tables();
        let seen = |unit: &&UnitRecord| unit.org == scope.org && scope.sees(unit.site);
        let Some(unit) = tables.units.get(&unit).filter(seen) else {
            return Ok(None);
        };
        let is_above = |rule: &&AlertRule| {
            rule.org == scope.org && [unit.id.0, unit.site.0, unit.org.0].contains(&rule.scope_id)
        };
        Ok(Some(EffectiveRule {
            version: tables.rules_version(scope.org),
            preset: unit.preset.clone(),
            fields: tables.rule_book(scope.org).explain(unit),
            rules: tables.rules.values().filter(is_above).cloned().collect(),
        }))
    }

    pub(crate) fn rules_of(
        &self,
        scope: RuleScope,
    ) -> Result<Vec<(UnitId, Arc<Rule>, i64)>, StoreError> {
        let tables = self.tables();
        let is_meant = |unit: &&UnitRecord| match scope {
            RuleScope::Organization(org) => unit.org == org,
            RuleScope::Site(site) => unit.site == site,
            RuleScope::Unit(id) => unit.id == id,
        };
        let units: Vec<_> = tables.units.values().filter(is_meant).collect();
        let Some(org) = units.first().map(|unit| unit.org) else { return Ok(Vec::new()) };
        let (mut book, version) = (tables.rule_book(org), tables.rules_version(org));
        units.into_iter().map(|unit| Ok((unit.id, book.stored_rule(unit)?, version))).collect()
    }
}
