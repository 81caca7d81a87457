//! When somebody is told of each day or week and of which sites, as bodies have it.

use hub_domain::{
    OrgId, SiteId, Zone,
    digest::{Rhythm, Schedule},
};
use hub_store::records::DigestPlan;
use utoipa::openapi::schema::ArrayBuilder;

use super::{
    asked,
    error::{ApiError, FieldError, UNKNOWN_REFERENCE},
    plan_checks::minute_of,
    plans::clock,
    schemas::{self, AnySchema},
    sites::zone,
};
use crate::app::Hub;

/// The rhythms, as bodies have them.
const DAILY: &str = "daily";
const WEEKLY: &str = "weekly";

/// The most sites that are chosen.
const MOST_SITES: usize = 100;

/// Each day, or each week.
#[must_use]
pub fn rhythm() -> AnySchema {
    schemas::words([DAILY, WEEKLY])
}

/// Up to 100 sites.
#[must_use]
pub fn site_ids() -> AnySchema {
    ArrayBuilder::new().items(schemas::id()).max_items(Some(MOST_SITES)).unique_items(true).into()
}

/// When, and of which sites, as a body says it.
#[derive(Clone, Debug)]
pub struct PlanIn {
    /// `daily` or `weekly`.
    pub rhythm: String,
    /// Of a weekly one, from 1 for Monday.
    pub weekday: Option<i64>,
    /// `HH:MM`.
    pub at: String,
    /// By the clocks of this zone.
    pub timezone: String,
    /// Of these sites.
    pub site_ids: Vec<String>,
    /// Only if there is something to say.
    pub only_if_needed: bool,
}

impl From<&DigestPlan> for PlanIn {
    fn from(plan: &DigestPlan) -> Self {
        let (rhythm, weekday) = shown(plan.schedule.rhythm);
        Self {
            rhythm: rhythm.to_owned(),
            weekday: weekday.map(i64::from),
            at: clock(plan.schedule.minute),
            timezone: plan.schedule.zone.name().to_owned(),
            site_ids: plan.sites.iter().map(ToString::to_string).collect(),
            only_if_needed: plan.only_if_needed,
        }
    }
}

impl PlanIn {
    /// What it says.
    ///
    /// # Errors
    /// 422 with all that is wrong.
    pub fn read(&self) -> Result<DigestPlan, ApiError> {
        let rhythm = rhythm_of(&self.rhythm, self.weekday);
        let at = "the time must be one of the day such as 07:00";
        let minute = minute_of(&self.at).ok_or_else(|| FieldError::new("/at", "bad_time", at));
        let timezone = zone("/timezone", &self.timezone);
        let sites = sites_of(&self.site_ids);
        match (rhythm, minute, Zone::parse(&self.timezone), sites) {
            (Ok(rhythm), Ok(minute), Some(zone), Ok(sites)) => {
                let schedule = Schedule { rhythm, minute, zone };
                Ok(DigestPlan { schedule, sites, only_if_needed: self.only_if_needed })
            }
            (rhythm, minute, _, sites) => {
                let of_sites = sites.err().unwrap_or_default();
                let of_others = [rhythm.err(), minute.err(), timezone.err()].into_iter().flatten();
                Err(ApiError::Invalid(of_others.chain(of_sites).collect()))
            }
        }
    }
}

/// A rhythm as it is shown.
#[must_use]
pub const fn shown(rhythm: Rhythm) -> (&'static str, Option<u8>) {
    match rhythm {
        Rhythm::Daily => (DAILY, None),
        Rhythm::Weekly(weekday) => (WEEKLY, Some(weekday)),
    }
}

fn rhythm_of(rhythm: &str, weekday: Option<i64>) -> Result<Rhythm, FieldError> {
    let wrong = |code, detail: &str| Err(FieldError::new("/weekday", code, detail));
    match (rhythm, weekday) {
        (DAILY, None) => Ok(Rhythm::Daily),
        (DAILY, Some(_)) => wrong("bad_combination", "a daily digest has no weekday"),
        (WEEKLY, None) => wrong("missing_field", "weekday is missing"),
        (WEEKLY, Some(weekday)) => match u8::try_from(weekday) {
            Ok(weekday @ 1..=7) => Ok(Rhythm::Weekly(weekday)),
            _ => wrong("out_of_range", "must be from 1 for Monday to 7 for Sunday"),
        },
        _ => Err(FieldError::new("/rhythm", "bad_rhythm", "rhythm must be daily or weekly")),
    }
}

fn sites_of(ids: &[String]) -> Result<Vec<SiteId>, Vec<FieldError>> {
    if ids.len() > MOST_SITES {
        let many = "must have 0 to 100 items";
        return Err(vec![FieldError::new("/siteIds", "out_of_range", many)]);
    }
    let (mut sites, mut wrong) = (Vec::with_capacity(ids.len()), Vec::new());
    for (n, id) in ids.iter().enumerate() {
        match asked::id(id).map(SiteId) {
            Some(site) if sites.contains(&site) => {
                wrong.push(FieldError::new(at(n), "duplicate", "it is there twice"));
            }
            Some(site) => sites.push(site),
            None => wrong.push(no_site(n)),
        }
    }
    if wrong.is_empty() { Ok(sites) } else { Err(wrong) }
}

fn at(n: usize) -> String {
    format!("/siteIds/{n}")
}

fn no_site(n: usize) -> FieldError {
    FieldError::new(at(n), UNKNOWN_REFERENCE, "there is no such object")
}

/// Goes on only if the sites of a plan are there, but for those that were named `before`, which may be gone by now.
///
/// # Errors
/// 404 with each that is not.
pub async fn need_sites(
    hub: &Hub,
    org: OrgId,
    plan: &DigestPlan,
    before: &[SiteId],
) -> Result<(), ApiError> {
    if plan.sites.is_empty() {
        return Ok(()); // all there are
    }
    let there = hub.store.sites_of_digest(org, &plan.sites).await?;
    let is_there = |site: &SiteId| there.iter().any(|(known, _)| known == site);
    let places = plan.sites.iter().enumerate();
    let gone = places.filter(|(_, site)| !before.contains(site) && !is_there(site));
    let gone: Vec<FieldError> = gone.map(|(n, _)| no_site(n)).collect();
    if gone.is_empty() { Ok(()) } else { Err(ApiError::Invalid(gone)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> PlanIn {
        PlanIn {
            rhythm: WEEKLY.to_owned(),
            weekday: Some(1),
            at: "07:30".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            site_ids: Vec::new(),
            only_if_needed: false,
        }
    }

    #[track_caller]
    fn refused(asked: &PlanIn, codes: &[(&str, &str)]) {
        let Err(ApiError::Invalid(errors)) = asked.read() else { panic!("{asked:?} is taken") };
        let found: Vec<(&str, &str)> =
            errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        assert_eq!(found, codes);
    }

    #[test]
    fn what_is_shown_reads_back_as_it_is() {
        let plan = asked().read().unwrap();
        assert_eq!(plan.schedule.rhythm, Rhythm::Weekly(1));
        assert_eq!(plan.schedule.minute, 450);
        assert_eq!(PlanIn::from(&plan).read().unwrap(), plan);
    }

    #[test]
    fn each_field_that_is_wrong_is_named() {
        refused(&PlanIn { weekday: None, ..asked() }, &[("/weekday", "missing_field")]);
        refused(&PlanIn { weekday: Some(8), ..asked() }, &[("/weekday", "out_of_range")]);
        refused(&PlanIn { weekday: Some(0), ..asked() }, &[("/weekday", "out_of_range")]);
        let daily = PlanIn { rhythm: DAILY.to_owned(), ..asked() };
        refused(&daily, &[("/weekday", "bad_combination")]);
        let site = uuid::Uuid::now_v7().to_string();
        let bad = PlanIn {
            rhythm: "hourly".to_owned(),
            at: "7:30".to_owned(),
            timezone: "Europe/Atlantis".to_owned(),
            site_ids: vec![site.clone(), "x".to_owned(), site],
            ..asked()
        };
        let all = [
            ("/rhythm", "bad_rhythm"),
            ("/at", "bad_time"),
            ("/timezone", "bad_timezone"),
            ("/siteIds/1", UNKNOWN_REFERENCE),
            ("/siteIds/2", "duplicate"),
        ];
        refused(&bad, &all);
        let many = vec![uuid::Uuid::now_v7().to_string(); 101];
        refused(&PlanIn { site_ids: many, ..asked() }, &[("/siteIds", "out_of_range")]);
    }
}
