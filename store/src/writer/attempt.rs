//! One group in one transaction: what is written in which order, and who is left out.
//!
//! Certain failures and unknown outcomes are kept apart by one thing: whether COMMIT had been sent.

use std::collections::{BTreeSet, HashMap, HashSet};

use hub_domain::{AlertId, OrgId, Reading, SiteId, StatusChange, Timestamp, UnitId, Version};

use super::{deletion, group::Outcomes};
use crate::{
    CommitError, Committed, PastFate, TransitionCommit, UnitCommit,
    audit::deeds_of,
    changes::{AlertChange, alert_changes},
    entity::unit,
    memory::is_same,
    mint::Mint,
    reading_row::RowKey,
    records::{AlertEventRecord, AuditEntry},
};

/// How often a group is begun again because some of its units turned out to be in conflict. After that its commits
/// are tried one by one.
const MAX_ROUNDS: usize = 4;

/// A reading with what its row needs besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) org: OrgId,
    pub(super) unit: UnitId,
    pub(super) reading: &'a Reading,
}

impl Row<'_> {
    fn key(&self) -> RowKey {
        (self.unit, self.reading.key())
    }
}

/// An event with its alert.
pub(super) struct EventRow<'a> {
    pub(super) org: OrgId,
    pub(super) alert: AlertId,
    pub(super) ordinal: i64,
    pub(super) event: &'a AlertEventRecord,
}

/// A change of what a unit is shown as.
pub(super) struct StatusRow<'a> {
    pub(super) org: OrgId,
    pub(super) unit: UnitId,
    pub(super) version: Version,
    pub(super) ordinal: i64,
    pub(super) written_at: Timestamp,
    pub(super) change: &'a StatusChange,
}

/// The statements of a group, on one database or the other. Each is one statement, however many rows it is of.
pub(super) trait Session: Send {
    /// Why the last transaction could not even be begun, if it could not: the database is away.
    fn away(&self) -> Option<String>;
    /// Begins a transaction, on a new connection if there is none.
    fn begin(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// The epochs of sites, which stay so until the transaction ends.
    fn epochs(
        &mut self,
        sites: &[SiteId],
    ) -> impl Future<Output = Result<HashMap<SiteId, i64>, sqlx::Error>> + Send;
    /// Moves units that are still at the version expected; gives those that were.
    fn move_units(
        &mut self,
        commits: &[&UnitCommit],
    ) -> impl Future<Output = Result<HashSet<UnitId>, sqlx::Error>> + Send;
    /// The rows of units that are there, which nobody else changes until the transaction ends.
    fn hold_units(
        &mut self,
        units: &[UnitId],
    ) -> impl Future<Output = Result<Vec<unit::Model>, sqlx::Error>> + Send;
    /// Marks units that are held as deleted.
    fn mark_deleted(
        &mut self,
        units: &[UnitId],
        at: Timestamp,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Stores readings that are not there; gives how many.
    fn insert_fresh(
        &mut self,
        rows: &[Row<'_>],
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;
    /// Stores late readings that are not there; gives which.
    fn insert_past(
        &mut self,
        rows: &[Row<'_>],
    ) -> impl Future<Output = Result<HashSet<RowKey>, sqlx::Error>> + Send;
    /// The stored readings of the same keys, and whether each is flagged as late.
    fn stored(
        &mut self,
        rows: &[Row<'_>],
    ) -> impl Future<Output = Result<HashMap<RowKey, (Reading, bool)>, sqlx::Error>> + Send;
    /// Updates alerts; gives how many events each had before.
    fn update_alerts(
        &mut self,
        changes: &[&AlertChange],
    ) -> impl Future<Output = Result<HashMap<AlertId, i64>, sqlx::Error>> + Send;
    /// Stores new alerts.
    fn insert_alerts(
        &mut self,
        changes: &[&AlertChange],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Stores events.
    fn insert_events(
        &mut self,
        events: &[EventRow<'_>],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Asks for the notifications of alerts to be planned, at once.
    fn ask_for_plans(
        &mut self,
        alerts: &[(OrgId, AlertId)],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Stores audit rows.
    fn insert_audit(
        &mut self,
        entries: &[AuditEntry],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Stores what units are shown as from when on, not before what they were shown as last.
    fn insert_statuses(
        &mut self,
        rows: &[StatusRow<'_>],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Makes all of it durable.
    fn commit(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Gives up what was begun, if anything was. If that fails, the connection goes with it.
    fn rollback(&mut self) -> impl Future<Output = ()> + Send;
    /// Gives up the connection: nobody knows what it has done.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send;
    /// Ends the session.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}

/// Why a transaction was not committed.
pub(super) enum Halt {
    /// These units are in conflict; the others can be tried again without them.
    Conflicts(HashSet<UnitId>),
    /// A statement failed. Nothing was written.
    Failed(sqlx::Error),
    /// COMMIT failed. It may have been written.
    Unknown(sqlx::Error),
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

/// Writes a group, of which no two commits are of one unit. Gives one outcome for each.
pub(super) async fn write<S: Session>(
    session: &mut S,
    group: &[&UnitCommit],
    mint: &Mint,
) -> Outcomes {
    let mut conflicts = HashSet::new();
    for _ in 0..MAX_ROUNDS {
        match attempt(session, group, &conflicts, mint).await {
            Ok(outcomes) => return outcomes,
            Err(Halt::Conflicts(more)) => {
                conflicts.extend(more);
                session.rollback().await;
            }
            Err(Halt::Unknown(error)) => {
                session.abandon().await;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    units = group.len(),
                    "outcome of a group commit is unknown"
                );
                return all(group, |_| Err(CommitError::Unknown(error.to_string())));
            }
            Err(Halt::Failed(error)) => {
                session.rollback().await;
                return failed(session, group, &error, mint).await;
            }
        }
    }
    if let [commit] = group {
        vec![Err(CommitError::Conflict(commit.unit))]
    } else {
        split(session, group, mint).await
    }
}

/// What becomes of a group of which a statement failed: if that was for what one of its commits says, the others
/// are written without it.
async fn failed<S: Session>(
    session: &mut S,
    group: &[&UnitCommit],
    error: &sqlx::Error,
    mint: &Mint,
) -> Outcomes {
    if !is_about_content(error) {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            units = group.len(),
            "group commit failed"
        );
        return all(group, |_| Err(CommitError::Unavailable(error.to_string())));
    }
    let [commit] = group else { return split(session, group, mint).await };
    let unit = commit.unit;
    tracing::warn!(error = error as &dyn std::error::Error, unit.id = %unit, "commit of a unit was refused");
    vec![Err(if is_said_twice(error) {
        CommitError::Conflict(unit)
    } else {
        CommitError::Unavailable(error.to_string())
    })]
}

/// True if something was there already, or twice in the statement itself (a cardinality violation).
fn is_said_twice(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.is_unique_violation() || error.code().is_some_and(|code| code == "21000")
    })
}

/// Writes the two halves of a group by themselves.
async fn split<S: Session>(session: &mut S, group: &[&UnitCommit], mint: &Mint) -> Outcomes {
    let (one, other) = group.split_at(group.len() / 2);
    let mut outcomes = Box::pin(write(session, one, mint)).await;
    outcomes.extend(Box::pin(write(session, other, mint)).await);
    outcomes
}

fn all(
    group: &[&UnitCommit],
    outcome: impl Fn(UnitId) -> Result<Committed, CommitError>,
) -> Outcomes {
    group.iter().map(|commit| outcome(commit.unit)).collect()
}

/// True if the statement itself was refused, for a constraint or a value: then it would be again.
fn is_about_content(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return matches!(error, sqlx::Error::Encode(_));
    };
    let code = error.code().unwrap_or_default();
    let is_sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
    if is_sqlite {
        // the low byte is the primary code: constraint, mismatch, too big
        code.parse().is_ok_and(|code: i32| matches!(code & 0xff, 18..=20))
    } else {
        ["21", "22", "23"].iter().any(|class| code.starts_with(class))
    }
}

/// Tries to write all of a group but the units in `conflicts`.
async fn attempt<S: Session>(
    session: &mut S,
    group: &[&UnitCommit],
    conflicts: &HashSet<UnitId>,
    mint: &Mint,
) -> Result<Outcomes, Halt> {
    session.begin().await?;
    let mut live: Vec<&UnitCommit> =
        group.iter().copied().filter(|commit| !conflicts.contains(&commit.unit)).collect();
    keep_owned(session, &mut live).await?;
    keep_moved(session, &mut live).await?;
    deletion::write(session, &live, mint).await?;
    write_fresh(session, &live).await?;
    let mut fates = write_past(session, &live).await?;
    write_alerts(session, &live, mint).await?;
    ask_for_plans(session, &live, mint.now()).await?;
    write_statuses(session, &live, mint).await?;
    session.commit().await.map_err(Halt::Unknown)?;
    let live: HashSet<UnitId> = live.iter().map(|commit| commit.unit).collect();
    let outcome = |unit: UnitId| {
        let past = fates.remove(&unit).unwrap_or_default();
        if live.contains(&unit) { Ok(Committed { past }) } else { Err(CommitError::Conflict(unit)) }
    };
    Ok(group.iter().map(|commit| commit.unit).map(outcome).collect())
}

/// Leaves out units of sites that somebody else has taken over.
async fn keep_owned<S: Session>(session: &mut S, live: &mut Vec<&UnitCommit>) -> Result<(), Halt> {
    let mut sites: Vec<SiteId> = live.iter().map(|commit| commit.site).collect();
    sites.sort_unstable();
    sites.dedup();
    let epochs = session.epochs(&sites).await?;
    live.retain(|commit| epochs.get(&commit.site) == Some(&commit.owner_epoch));
    Ok(())
}

/// Moves those units that have a transition, and leaves out those that were moved by somebody else.
async fn keep_moved<S: Session>(session: &mut S, live: &mut Vec<&UnitCommit>) -> Result<(), Halt> {
    let moving: Vec<&UnitCommit> =
        live.iter().copied().filter(|commit| commit.transition.is_some()).collect();
    if !moving.is_empty() {
        let moved = session.move_units(&moving).await?;
        live.retain(|commit| commit.transition.is_none() || moved.contains(&commit.unit));
    }
    Ok(())
}

async fn write_fresh<S: Session>(session: &mut S, live: &[&UnitCommit]) -> Result<(), Halt> {
    let rows = rows(live, |commit| &commit.fresh);
    if rows.is_empty() {
        return Ok(());
    }
    let written = session.insert_fresh(&rows).await?;
    if usize::try_from(written) == Ok(rows.len()) {
        return Ok(());
    }
    // Some were there, though their units' memories say otherwise. Which, is asked once the transaction is undone.
    session.rollback().await;
    let mut conflicts = twice_in(&rows);
    let judged = session.stored(&rows).await?.into_iter().filter(|(_, (_, is_late))| !is_late);
    conflicts.extend(judged.map(|((unit, _), _)| unit));
    Err(Halt::Conflicts(conflicts))
}

/// Units that say one reading twice.
fn twice_in(rows: &[Row<'_>]) -> HashSet<UnitId> {
    let mut seen = HashSet::new();
    rows.iter().filter(|row| !seen.insert(row.key())).map(|row| row.unit).collect()
}

async fn write_past<S: Session>(
    session: &mut S,
    live: &[&UnitCommit],
) -> Result<HashMap<UnitId, Vec<PastFate>>, Halt> {
    let rows = rows(live, |commit| &commit.past);
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let mut seen = HashSet::new();
    let firsts: Vec<Row<'_>> = rows.iter().copied().filter(|row| seen.insert(row.key())).collect();
    let mut late = session.insert_past(&firsts).await?;
    // the first of a key that was not there is late; all others are held against what is stored
    let is_late: Vec<bool> = rows.iter().map(|row| late.remove(&row.key())).collect();
    let others: Vec<Row<'_>> =
        rows.iter().zip(&is_late).filter(|(_, late)| !**late).map(|(row, _)| *row).collect();
    let stored = if others.is_empty() { HashMap::new() } else { session.stored(&others).await? };
    let mut fates: HashMap<UnitId, Vec<PastFate>> = HashMap::new();
    for (row, is_late) in rows.iter().zip(is_late) {
        let fate = match stored.get(&row.key()) {
            _ if is_late => PastFate::Late,
            Some((first, _)) if is_same(first, row.reading) => PastFate::Duplicate,
            Some(_) => PastFate::Conflicting,
            None => return Err(Halt::Failed(sqlx::Error::RowNotFound)),
        };
        fates.entry(row.unit).or_default().push(fate);
    }
    Ok(fates)
}

fn rows<'a>(
    live: &[&'a UnitCommit],
    readings: impl Fn(&'a UnitCommit) -> &'a Vec<Reading>,
) -> Vec<Row<'a>> {
    let of_commit = |commit: &&'a UnitCommit| {
        let (org, unit) = (commit.org, commit.unit);
        readings(commit).iter().map(move |reading| Row { org, unit, reading })
    };
    live.iter().flat_map(of_commit).collect()
}

async fn write_alerts<S: Session>(
    session: &mut S,
    live: &[&UnitCommit],
    mint: &Mint,
) -> Result<(), Halt> {
    let now = mint.now();
    let changes: Vec<AlertChange> =
        live.iter().flat_map(|commit| alert_changes(commit, now)).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let (opened, known): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change: &&AlertChange| change.is_opened);
    let mut before = HashMap::new();
    if !known.is_empty() {
        // first, so that a kind that was resolved and opened again is free when it is opened
        before = session.update_alerts(&known).await?;
        let lost = known.iter().filter(|change| !before.contains_key(&change.record.id));
        let lost: HashSet<UnitId> = lost.map(|change| change.record.unit).collect();
        if !lost.is_empty() {
            return Err(Halt::Conflicts(lost));
        }
    }
    if !opened.is_empty() {
        session.insert_alerts(&opened).await?;
    }
    session.insert_events(&events(&changes, &before)).await?;
    let entries: Vec<AuditEntry> =
        live.iter().flat_map(|commit| deeds_of(commit, mint, now)).collect();
    if !entries.is_empty() {
        session.insert_audit(&entries).await?;
    }
    Ok(())
}

async fn write_statuses<S: Session>(
    session: &mut S,
    live: &[&UnitCommit],
    mint: &Mint,
) -> Result<(), Halt> {
    let written_at = mint.now();
    let rows: Vec<StatusRow<'_>> =
        live.iter().flat_map(|commit| status_rows(commit, written_at)).collect();
    if !rows.is_empty() {
        session.insert_statuses(&rows).await?;
    }
    Ok(())
}

/// Asks for plans of the alerts that something happened to, and of those that are open where a unit is shown as
/// something else: it may have left the mode in which nothing is told of it.
async fn ask_for_plans<S: Session>(
    session: &mut S,
    live: &[&UnitCommit],
    now: Timestamp,
) -> Result<(), Halt> {
    let moved = live.iter().filter_map(|commit| Some((commit.org, commit.transition.as_ref()?)));
    let of_transition = |(org, transition): (OrgId, &'_ TransitionCommit)| {
        let told = transition.events.iter().map(|event| event.alert.id);
        let is_shown_anew = !transition.statuses.is_empty();
        let open = transition.state.alerts.iter().filter(|_| is_shown_anew).map(|alert| alert.id);
        let alerts: BTreeSet<AlertId> = told.chain(open).collect();
        alerts.into_iter().map(move |alert| (org, alert)).collect::<Vec<_>>()
    };
    let mut alerts: Vec<(OrgId, AlertId)> = moved.flat_map(of_transition).collect();
    // rows of plans are always taken in this order, so that nobody waits for each other in a ring
    alerts.sort_unstable_by_key(|(_, alert)| *alert);
    if !alerts.is_empty() {
        session.ask_for_plans(&alerts, now).await?;
    }
    Ok(())
}

fn status_rows(commit: &UnitCommit, written_at: Timestamp) -> impl Iterator<Item = StatusRow<'_>> {
    let (org, unit) = (commit.org, commit.unit);
    commit.transition.iter().flat_map(move |transition| {
        let version = transition.expected.next();
        (0..).zip(&transition.statuses).map(move |(ordinal, change)| StatusRow {
            org,
            unit,
            version,
            ordinal,
            written_at,
            change,
        })
    })
}

fn events<'a>(changes: &'a [AlertChange], before: &HashMap<AlertId, i64>) -> Vec<EventRow<'a>> {
    let of_change = |change: &'a AlertChange| {
        let (org, alert) = (change.record.org, change.record.id);
        let before = before.get(&alert).copied().unwrap_or_default();
        change.events.iter().map(move |event| EventRow {
            org,
            alert,
            ordinal: before + event.ordinal,
            event,
        })
    };
    changes.iter().flat_map(of_change).collect()
}
