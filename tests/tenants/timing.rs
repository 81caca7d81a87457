//! How long an answer takes does not tell whether there is such a thing.
//!
//! Generated from the document: each place of a reading operation that can name an object, and each of a sender's
//! samples. The two questions are asked in turn, each first as often as the other, so that what else the machine does
//! meets both alike. Each place is timed 200 times; those whose medians are apart are timed anew, since others work on the
//! machine too: an accident passes, a difference stays. The bar is one for all.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::{
    asking::Caller,
    document::{Expected, Operation},
    foreign::{Kind, Trial},
    table::CHOSEN,
    world::World,
};

/// So many of each are timed, at the least, before a place counts as alike.
const TIMED: usize = 200;
/// So far apart may their medians be.
const APART: f64 = 0.10;
/// So often it is measured anew before that is believed: others work on the machine too.
const TRIES: usize = 12;
/// So often a sender asks from one address: wrong keys and secrets of an address are counted.
const FROM_ONE_ADDRESS: usize = 10;
/// The next address to ask from.
static ADDRESS: AtomicUsize = AtomicUsize::new(1);

/// The places whose time tells, with their medians.
pub(crate) async fn findings(world: &World, callers: &[Caller]) -> Vec<String> {
    let begun = Instant::now();
    let trials = trials(world, callers);
    assert!(trials.len() > 40, "{} places", trials.len());
    let (mut findings, mut anew) = (Vec::new(), 0);
    for trial in &trials {
        let mut times = [Vec::new(), Vec::new()];
        let mut is_alike = false;
        for turn in 0..TRIES {
            anew += usize::from(turn == 1);
            time(world, trial, &mut times).await;
            is_alike = ratio(&times) <= APART;
            if is_alike {
                break;
            }
            if turn % 3 == 2 {
                times = [Vec::new(), Vec::new()]; // what was measured in a bad moment weighs on what comes after
            }
        }
        if !is_alike {
            let [foreign, absent] = [median(&times[0]), median(&times[1])];
            findings
                .push(format!("{}: {foreign:?} for theirs, {absent:?} for nothing", trial.title()));
        }
    }
    let took = begun.elapsed().as_secs();
    eprintln!("{} places in {took} s, {anew} measured anew", trials.len());
    findings
}

/// Each place of an operation that reads, as the owner; each of one that a sender asks, with the key.
fn trials<'a>(world: &'a World, callers: &'a [Caller]) -> Vec<Trial<'a>> {
    let named = |name: &str| callers.iter().find(|caller| caller.name == name).expect("there");
    let caller = |operation: &Operation| match operation.caller {
        Expected::Sender => named("device key"),
        Expected::Anybody | Expected::People => named("owner"),
    };
    let asked = world
        .operations
        .iter()
        .filter(|operation| operation.reads() || operation.caller == Expected::Sender);
    let mut trials = Vec::new();
    for operation in asked {
        let places = crate::foreign::kinds(world, operation).into_iter().filter(
            |kind| matches!(kind, Kind::Object { kind, .. } if !CHOSEN.contains(&kind.as_str())),
        );
        let caller = caller(operation);
        trials.extend(places.map(|kind| Trial { caller, operation, kind }));
    }
    trials
}

/// Times both questions of a place, asked in turn.
async fn time(world: &World, trial: &Trial<'_>, times: &mut [Vec<Duration>; 2]) {
    let ((foreign, theirs), absent) = trial.pair(world);
    let (absent, nothing) = absent.expect("a place has both");
    let asked = [(foreign, theirs), (absent, nothing)];
    let mut heard: [Option<u16>; 2] = [None, None];
    let mut caller = trial.caller.clone();
    for turn in 0..TIMED {
        // whoever shows a wrong secret too often has to wait
        if trial.operation.caller != Expected::People && turn % FROM_ONE_ADDRESS == 0 {
            caller = trial.caller.moved(ADDRESS.fetch_add(1, Ordering::Relaxed)).await;
        }
        for side in [turn % 2, 1 - turn % 2] {
            let begun = Instant::now();
            let answer = caller.ask(&asked[side].0).await;
            times[side].push(begun.elapsed());
            assert_ne!(answer.status, 429, "{}", trial.title());
            heard[side] = Some(answer.status);
        }
    }
    assert_eq!(heard[0], heard[1], "{}", trial.title());
    let is_looked_up = !matches!(heard[0], None | Some(400 | 401 | 403 | 422));
    let is_senders = trial.operation.caller == Expected::Sender;
    assert!(is_looked_up || is_senders, "{}: {:?} before any look", trial.title(), heard[0]);
}

/// How far apart the medians are, by the lesser of them.
fn ratio(times: &[Vec<Duration>; 2]) -> f64 {
    let [one, other] = [median(&times[0]), median(&times[1])].map(|median| median.as_secs_f64());
    (one - other).abs() / one.min(other)
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
