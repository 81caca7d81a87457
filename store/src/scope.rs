//! Whose rows a question may see. Every query of a tenant's table begins with [`within`].

use std::{
    panic::Location,
    sync::{Arc, OnceLock},
};

use hub_domain::{OrgId, SiteId};
use sea_orm::{ColumnTrait, Condition, sea_query::Expr};

/// What somebody may see: an organization, or some of its sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The organization.
    pub org: OrgId,
    /// Its sites that are seen; `None` for all of them and what belongs to none.
    pub sites: Option<Arc<[SiteId]>>,
}

impl From<OrgId> for Scope {
    fn from(org: OrgId) -> Self {
        Self { org, sites: None }
    }
}

impl Scope {
    /// Whether what belongs to this site is seen.
    #[must_use]
    pub fn sees(&self, site: SiteId) -> bool {
        self.sites.as_ref().is_none_or(|sites| sites.contains(&site))
    }

    /// True of rows within the scope, by their columns of organization and site.
    #[track_caller]
    pub(crate) fn rows<C: ColumnTrait>(&self, org: C, site: C) -> Condition {
        let of_org = Condition::all().add(within(org, self.org));
        match &self.sites {
            None => of_org,
            Some(sites) => of_org.add(site.is_in(sites.iter().map(|site| site.0))),
        }
    }
}

/// True of an organization's rows.
///
/// In debug builds one place that asks this can be made to forget it, see [`forget`]: so a suite that looks for leaks
/// can show that it would find one.
#[track_caller]
pub(crate) fn within<C: ColumnTrait>(column: C, org: OrgId) -> Expr {
    if is_forgotten(Location::caller()) {
        return column.is_not_null();
    }
    column.eq(org.0)
}

/// The same as text, for statements that no builder can say: their `$1` is the organization's id.
#[track_caller]
pub(crate) fn within_text() -> &'static str {
    if is_forgotten(Location::caller()) { "(org_id = $1 OR TRUE)" } else { "org_id = $1" }
}

static FORGOTTEN: OnceLock<String> = OnceLock::new();

/// Makes the query at `place` (`store/src/tree.rs:212`) forget whose rows it is to see, in this process, for good.
/// Release builds do not listen.
pub fn forget(place: String) {
    FORGOTTEN.set(place).ok();
}

fn is_forgotten(place: &Location<'_>) -> bool {
    cfg!(debug_assertions)
        && FORGOTTEN.get().is_some_and(|forgotten| {
            let (file, line) = forgotten.rsplit_once(':').unwrap_or_default();
            place.line().to_string() == line && place.file().ends_with(file)
        })
}
