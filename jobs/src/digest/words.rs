//! A digest as its message tells it.

use hub_domain::{AlertKind, digest::AttentionReason};
use hub_messaging::text::{Digest, DigestPeriod, DigestSite, DigestUnit, Scale, View};
use hub_store::{
    notify::Facts,
    records::{SiteDigest, ToldDigest, UnitDigest},
};

/// The message of a digest; `None` where what it says is gone.
pub(crate) fn message(facts: &Facts, public_url: &str) -> Option<Digest> {
    let ToldDigest { is_weekly, zone, from, to, sites } = facts.digest.as_ref()?;
    let zone = zone.name().parse().unwrap_or_default();
    Some(Digest {
        organization: facts.organization.clone(),
        period: if *is_weekly { DigestPeriod::Weekly } else { DigestPeriod::Daily },
        from: *from,
        until: *to,
        sites: sites.iter().map(site).collect(),
        view_url: Some(public_url.to_owned()),
        unsubscribe_url: None,
        view: View { scale: Scale::Celsius, zone },
    })
}

fn site(site: &SiteDigest) -> DigestSite {
    let totals = &site.totals;
    DigestSite {
        name: site.name.clone(),
        in_secs: secs_of(totals.inside_millis),
        out_secs: begun_secs_of(totals.outside_millis),
        unknown_secs: begun_secs_of(totals.unknown_millis),
        alerts: totals.opened.critical + totals.opened.warning,
        missed_logs: totals.missed_logs,
        attention: site.attention.iter().map(unit).collect(),
        more: site.more,
    }
}

fn unit(unit: &UnitDigest) -> DigestUnit {
    let is_said = |kind: &AlertKind| match kind {
        AlertKind::MissedManualEntry => unit.missed_logs == 0, // said with their number
        _ => true,
    };
    let is_alert_of_silence = unit.open.contains(&AlertKind::MonitoringInterrupted);
    DigestUnit {
        name: unit.name.clone(),
        out_secs: begun_secs_of(unit.outside_millis),
        is_silent: unit.reasons.contains(&AttentionReason::Silent) && !is_alert_of_silence,
        missed_logs: unit.missed_logs,
        open: unit.open.iter().copied().filter(is_said).collect(),
    }
}

/// Whole seconds of what was well.
fn secs_of(millis: i64) -> u64 {
    u64::try_from(millis / 1_000).unwrap_or(0)
}

/// Seconds of what was not, one that has begun counted whole: what is told is never better than it was.
fn begun_secs_of(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0).div_ceil(1_000)
}
