//! The scopes that rules and policies are for: an organization, a site, a unit.

use hub_domain::{OrgId, RuleLayer, SiteId, UnitId};
use hub_store::{RuleFilter, RuleScope, records::PageQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    areas::{reference, unknown},
    asked,
    error::ApiError,
    schemas,
};
use crate::{app::Hub, auth::Caller};

/// Which of the things that are said at scopes are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct ScopesIn {
    /// Those of the organization, of sites or of units.
    #[param(schema_with = schemas::scope)]
    scope: Option<String>,
    /// Those of this organization, site or unit.
    #[param(schema_with = schemas::id)]
    scope_id: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
    /// `true` for what was deleted.
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
}

impl ScopesIn {
    /// What is asked for.
    ///
    /// # Errors
    /// 400 for a bad filter or page.
    pub fn read(self) -> Result<(RuleFilter, PageQuery), ApiError> {
        let bad = || asked::bad_query("scope", "must be organization, site or unit");
        let scope = self.scope.as_deref().map(|scope| layer(scope).ok_or_else(bad)).transpose()?;
        let scope_id = asked::query_id("scopeId", self.scope_id.as_deref())?;
        let life = asked::life(self.deleted.as_deref())?;
        let page = asked::page(self.limit.as_deref(), self.cursor)?;
        Ok((RuleFilter { scope, scope_id, life }, page))
    }
}

fn layer(word: &str) -> Option<RuleLayer> {
    let layers = [RuleLayer::Organization, RuleLayer::Site, RuleLayer::Unit];
    layers.into_iter().find(|layer| layer.name() == word)
}

/// The layer that a body names.
///
/// # Errors
/// 422 for what is none that people write for.
pub fn layer_of(word: &str) -> Result<RuleLayer, ApiError> {
    let bad = || ApiError::field("/scope", "bad_scope", "scope must be organization, site or unit");
    layer(word).ok_or_else(bad)
}

/// The scope that a body names, if it is the caller's.
///
/// # Errors
/// 422 for one that is missing, not there, or not the caller's.
pub async fn scope_of(
    hub: &Hub,
    caller: &Caller,
    layer: RuleLayer,
    id: Option<&str>,
) -> Result<RuleScope, ApiError> {
    let missing = || ApiError::field("/scopeId", "missing_field", "scopeId is missing");
    match layer {
        RuleLayer::Unit => {
            let id: UnitId = reference("/scopeId", id.ok_or_else(missing)?)?;
            hub.store.unit(caller.org, id).await?.ok_or_else(|| unknown("/scopeId"))?;
            Ok(RuleScope::Unit(id))
        }
        RuleLayer::Site => {
            let id: SiteId = reference("/scopeId", id.ok_or_else(missing)?)?;
            hub.store.site(caller.org, id).await?.ok_or_else(|| unknown("/scopeId"))?;
            Ok(RuleScope::Site(id))
        }
        RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => {
            let id = id.map(|id| reference::<OrgId>("/scopeId", id)).transpose()?;
            match id.is_none_or(|id| id == caller.org) {
                true => Ok(RuleScope::Organization(caller.org)),
                false => Err(unknown("/scopeId")),
            }
        }
    }
}
