//! What a digest says, counted a few units at a time.

use hub_domain::{
    SiteId,
    digest::{Totals, skip},
};
use hub_store::{
    Store, StoreError,
    records::{CountedDigest, OpenDigest, SiteDigest, UnitDigest},
};

/// So many units of a site are named, the most urgent; the rest are counted.
const MOST_NAMED: usize = 100;

/// Counts a digest.
pub(super) async fn count(store: &Store, digest: &OpenDigest) -> Result<CountedDigest, StoreError> {
    let (mut sites, mut whole) = (Vec::new(), Totals::default());
    for (site, name) in store.sites_of_digest(digest.org, &digest.sites).await? {
        let counted = count_site(store, digest, site, name).await?;
        // a site without units has nothing to tell
        if counted.totals.units > 0 {
            whole = whole.and(counted.totals.clone());
            sites.push(counted);
        }
    }
    Ok(CountedDigest { sites, skip: skip(&whole, digest.only_if_needed) })
}

async fn count_site(
    store: &Store,
    digest: &OpenDigest,
    site: SiteId,
    name: String,
) -> Result<SiteDigest, StoreError> {
    let mut counted = SiteDigest { name, ..SiteDigest::default() };
    let mut after = None;
    loop {
        let some = store.count_units(digest.org, site, after, digest.from, digest.to).await?;
        counted.totals = counted.totals.and(some.totals);
        counted.more += keep_most_urgent(&mut counted.attention, some.attention);
        after = some.next;
        if after.is_none() {
            return Ok(counted);
        }
    }
}

/// Adds units to those that are named; gives how many are not named for want of room.
fn keep_most_urgent(named: &mut Vec<UnitDigest>, more: Vec<UnitDigest>) -> u32 {
    named.extend(more);
    named.sort_by(|a, b| (&a.reasons, &a.name).cmp(&(&b.reasons, &b.name)));
    let unnamed = named.len().saturating_sub(MOST_NAMED);
    named.truncate(MOST_NAMED);
    u32::try_from(unnamed).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use hub_domain::digest::AttentionReason;

    use super::*;

    fn unit(number: usize, reason: AttentionReason) -> UnitDigest {
        UnitDigest {
            name: format!("Unit {number:03}"),
            reasons: vec![reason],
            outside_millis: 0,
            missed_logs: 0,
            open: Vec::new(),
        }
    }

    #[test]
    fn the_most_urgent_are_named_and_the_rest_are_counted() {
        let mut named = Vec::new();
        let silent = |numbers: std::ops::Range<usize>| {
            numbers.map(|number| unit(number, AttentionReason::Silent)).collect()
        };
        assert_eq!(keep_most_urgent(&mut named, silent(0..80)), 0);
        assert_eq!(keep_most_urgent(&mut named, silent(80..130)), 30);
        let critical = vec![unit(999, AttentionReason::Critical)];
        assert_eq!(keep_most_urgent(&mut named, critical), 1);
        assert_eq!((named.len(), named[0].name.as_str()), (MOST_NAMED, "Unit 999"));
        assert_eq!(named[99].name, "Unit 098");
    }
}
