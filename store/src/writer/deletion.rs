//! Units that are deleted with what their actors commit: the mark and its audit entry are in the same transaction.

use std::collections::{HashMap, HashSet};

use hub_domain::{Timestamp, UnitId};

use super::attempt::{Halt, Session};
use crate::{By, UnitCommit, audit::deletion_of, entity::unit, mint::Mint};

/// Marks those units of a group that are to be deleted. One that is not there any more is in conflict.
pub(super) async fn write<S: Session>(
    session: &mut S,
    live: &[&UnitCommit],
    mint: &Mint,
) -> Result<(), Halt> {
    let doomed: HashMap<UnitId, (&UnitCommit, &By)> =
        live.iter().copied().filter_map(doomed).collect();
    if doomed.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<UnitId> = doomed.keys().copied().collect();
    ids.sort_unstable();
    let held = session.hold_units(&ids).await?;
    let there: HashSet<UnitId> = held.iter().map(|row| UnitId(row.id)).collect();
    let lost: HashSet<UnitId> = ids.iter().copied().filter(|id| !there.contains(id)).collect();
    if !lost.is_empty() {
        return Err(Halt::Conflicts(lost));
    }
    let at = mint.now();
    session.mark_deleted(&ids, at).await?;
    let entries: Vec<_> = held
        .iter()
        .filter_map(|row| doomed.get(&UnitId(row.id)).map(|(commit, by)| (commit, by, row)))
        .map(|(commit, by, row)| deletion_of(commit, by, row, &deleted(row, at), mint))
        .collect();
    Ok(session.insert_audit(&entries).await?)
}

fn doomed(commit: &UnitCommit) -> Option<(UnitId, (&UnitCommit, &By))> {
    let by = commit.transition.as_ref()?.deletes.as_ref()?;
    Some((commit.unit, (commit, by)))
}

/// A row as [`Session::mark_deleted`] leaves it.
pub(crate) fn deleted(row: &unit::Model, at: Timestamp) -> unit::Model {
    let at = Some(at.as_millis());
    unit::Model { deleted_at: at, updated_at: at, version: row.version + 1, ..row.clone() }
}
