//! Which node looks after which site, where several share a database.
//!
//! Rendezvous hashing (Thaler and Ravishankar, 1998): each node has a weight for each site, and the heaviest has it. All
//! that know the same nodes come to the same answer without asking each other, and one node more or less moves its own
//! share alone. It says who works, never who is right: that is decided by each commit.

use uuid::Uuid;

use crate::{NodeId, SiteId};

/// The node that looks after a site; `None` where there is no node.
#[must_use]
pub fn home(site: SiteId, nodes: &[NodeId]) -> Option<NodeId> {
    nodes.iter().copied().max_by_key(|node| (weight(site, *node), *node))
}

/// A hash that is the same for ever: hubs of different versions must agree.
fn weight(site: SiteId, node: NodeId) -> u128 {
    Uuid::new_v5(&node.0, site.0.as_bytes()).as_u128()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn nodes(count: u128) -> Vec<NodeId> {
        (1..=count).map(|n| NodeId(Uuid::from_u128(n))).collect()
    }

    fn sites() -> impl Iterator<Item = SiteId> {
        (0..9_000).map(|n| SiteId(Uuid::from_u128(n)))
    }

    #[test]
    fn nodes_have_like_shares_whatever_their_order() {
        let (forth, mut back) = (nodes(3), nodes(3));
        back.reverse();
        let mut shares = BTreeMap::new();
        for site in sites() {
            let home = home(site, &forth).unwrap();
            assert_eq!(super::home(site, &back), Some(home));
            *shares.entry(home).or_insert(0) += 1;
        }
        assert!(shares.values().all(|share| (2_800..3_200).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_node_that_goes_or_comes_moves_its_own_share_alone() {
        let (all, left) = (nodes(3), nodes(2));
        let gone = *all.last().unwrap();
        for site in sites() {
            let (before, after) = (home(site, &all), home(site, &left));
            assert!(before == after || before == Some(gone), "{site}");
        }
    }

    #[test]
    fn where_there_is_no_node_nobody_has_it() {
        assert_eq!(home(SiteId(Uuid::nil()), &[]), None);
    }

    #[test]
    fn every_version_comes_to_the_same_answer() {
        let homes = sites().take(16).map(|site| home(site, &nodes(3)).unwrap().0.as_u128());
        assert_eq!(homes.collect::<Vec<_>>(), [3, 1, 2, 3, 3, 3, 2, 2, 3, 3, 1, 2, 1, 1, 2, 1]);
    }
}
