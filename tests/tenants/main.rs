//! What belongs to one organization is, for every other, not there.
//!
//! Generated from the hub's own OpenAPI document and its list of channels: a new operation without a sample in
//! [`table`] fails the suite with a line that names it. Two organizations are made alike, through the interface; then
//! one asks for the other's things in each place that can name one, as each of ten callers. That the suite would find a
//! leak is shown too: the store is made to forget the organization, one query at a time.

mod asking;
mod bugs;
mod channels;
mod deeds;
mod document;
mod fence;
mod foreign;
mod out_of_reach;
mod roles;
mod samples;
mod table;
mod tenant;
mod timing;
mod world;

use std::collections::BTreeSet;

use foreign::trials;
use futures_util::{StreamExt as _, stream};
use hub_testkit::rows;
use tokio::sync::Semaphore;
use world::{Needles, Prepared};

/// What takes the machine for itself, goes by itself.
static MACHINE: Semaphore = Semaphore::const_new(1);

#[tokio::test(flavor = "multi_thread")]
async fn the_other_organizations_things_are_as_things_that_do_not_exist_on_sqlite() {
    nothing_is_told_or_changed(world::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_organizations_things_are_as_things_that_do_not_exist_on_postgres() {
    nothing_is_told_or_changed(world::on_postgres().await).await;
}

async fn nothing_is_told_or_changed(prepared: &Prepared) {
    let world = &prepared.world;
    let _machine = MACHINE.acquire().await.expect("never closed");
    let running = prepared.start(None).await;
    let callers = world.ours.callers(&running.hub.url());
    assert_eq!(callers.len(), 11, "ten, and an inspector");
    let needles = Needles::of(&world.theirs, &world.ours, &running.rows).await;
    assert!(needles.count() > 20, "only {} ids of theirs", needles.count());
    let before = running.rows.of(&world.theirs.org).await.expect("their rows");
    let trials = trials(world, &callers);
    let count = trials.len();
    let (findings, unjudged) = foreign::run(world, &needles, trials, usize::MAX).await;
    let changes =
        rows::changes(&before, &running.rows.of(&world.theirs.org).await.expect("their rows"));
    assert!(findings.is_empty(), "{} of {count}:\n{}", findings.len(), findings.join("\n"));
    assert!(changes.is_empty(), "their rows were changed:\n{}", changes.join("\n"));
    let ours = running.rows.of(&world.ours.org).await.expect("our rows");
    let named: Vec<String> = needles.ids_in(&ours).collect();
    assert!(named.is_empty(), "rows of ours name ids of theirs: {named:?}");
    assert!(unjudged.is_empty(), "refused for their number: {unjudged:?}");
    eprintln!("{count} trials, each of them judged");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_the_others_things_takes_as_long_as_one_for_nothing_on_sqlite() {
    time_tells_nothing(world::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_the_others_things_takes_as_long_as_one_for_nothing_on_postgres() {
    time_tells_nothing(world::on_postgres().await).await;
}

async fn time_tells_nothing(prepared: &Prepared) {
    let _machine = MACHINE.acquire().await.expect("never closed");
    let running = prepared.start(None).await;
    let callers = prepared.world.ours.callers(&running.hub.url());
    let findings = timing::findings(&prepared.world, &callers).await;
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_organizations_channels_are_as_channels_of_nothing() {
    let prepared = world::on_sqlite().await;
    let _machine = MACHINE.acquire().await.unwrap();
    let running = prepared.start(None).await;
    let callers = prepared.world.ours.callers(&running.hub.url());
    assert_eq!(channels::kinds(), channels::listed(), "the hub's channels, and the page's");
    let mut findings = Vec::new();
    for caller in &callers {
        findings
            .extend(channels::findings(&prepared.world, caller, &running.hub.socket_url()).await);
    }
    let world = &prepared.world;
    let needles = Needles::of(&world.theirs, &world.ours, &running.rows).await;
    let url = running.hub.socket_url();
    findings.extend(channels::told(world, &needles, &callers[0], &url).await);
    findings.extend(channels::miscounted(world, &callers[0], &url).await);
    findings.extend(channels::taken(world, &callers, &url).await);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_says_what_it_takes_and_each_role_may_do_that_much() {
    let prepared = world::on_sqlite().await;
    let _machine = MACHINE.acquire().await.unwrap();
    let wrong = roles::without_deed(&prepared.world.operations);
    assert!(wrong.is_empty(), "no deed, and not among those of accounts:\n{}", wrong.join("\n"));
    let running = prepared.start(None).await;
    let findings = roles::findings(&prepared.world, &running).await;
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_a_good_one() {
    let prepared = world::on_sqlite().await;
    let _machine = MACHINE.acquire().await.unwrap();
    let running = prepared.start(None).await;
    let owner = prepared.world.ours.caller("owner", &running.hub.url(), 2);
    let bad = roles::bad_samples(&prepared.world, &owner).await;
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_more_than_it_may_is_refused_or_changes_none_of_it() {
    let prepared = world::on_sqlite().await;
    let _machine = MACHINE.acquire().await.unwrap();
    let world = &prepared.world;
    let running = prepared.start(None).await;
    let needles = Needles::of(&world.theirs, &world.ours, &running.rows).await;
    let before = running.rows.of(&world.theirs.org).await.unwrap();
    let owner = world.ours.caller("owner", &running.hub.url(), 2);
    let mut findings = roles::overposted(world, &owner).await;
    findings.extend(rows::changes(&before, &running.rows.of(&world.theirs.org).await.unwrap()));
    let ours = running.rows.of(&world.ours.org).await.unwrap();
    findings.extend(needles.ids_in(&ours).map(|id| format!("a row of ours names their {id}")));
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_forgets_the_organization_is_found_wherever_it_is() {
    let prepared = world::on_sqlite().await;
    let _machine = MACHINE.acquire().await.unwrap();
    let places = bugs::places();
    let files: BTreeSet<&String> = places.iter().map(|place| &place.file).collect();
    let reached = places.iter().filter(|place| place.out_of_reach().is_none());
    let mut verdicts = stream::iter(reached)
        .map(|place| async move { (place, bugs::found(prepared, place).await) })
        .buffer_unordered(2);
    let (mut found, mut missed) = (0, Vec::new());
    while let Some((place, verdict)) = verdicts.next().await {
        match verdict {
            Some(_) => found += 1,
            None => missed.push(format!("{} ({})", place.switch(), place.names()[0])),
        }
    }
    missed.sort();
    let stale = bugs::stale(&places);
    assert!(stale.is_empty(), "in out_of_reach.rs, and nowhere in the store: {stale:?}");
    assert!(missed.is_empty(), "{found} found; not found:\n{}", missed.join("\n"));
    assert!(found >= 20, "{found} of {} places in {files:?}", places.len());
    eprintln!("{found} of {} places reached and found", places.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_shows_and_takes_nothing_past_the_fence() {
    let prepared = world::on_postgres().await;
    let _machine = MACHINE.acquire().await.unwrap();
    let mut running = prepared.start(None).await;
    running.hub.terminate().await.unwrap(); // nobody else is at the tables meanwhile
    let findings = fence::findings(&prepared.world, &running.rows).await.unwrap();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_forgets_the_organization_tells_nothing_on_postgres() {
    let prepared = world::on_postgres().await;
    let _machine = MACHINE.acquire().await.unwrap();
    let places: Vec<bugs::Place> =
        bugs::places().into_iter().filter(|place| place.out_of_reach().is_none()).collect();
    let step = (places.len() / 5).max(1);
    for place in places.iter().step_by(step).take(5) {
        let found = bugs::found(prepared, place).await;
        assert_eq!(found, None, "with {} forgetful", place.switch());
    }
}
