//! How long an answer takes does not tell whether there is such a thing.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::{
    asking::{Asked, Caller},
    world::World,
};

/// So many of each are timed.
const TIMED: usize = 200;
/// So far apart may their medians be.
const APART: f64 = 0.10;
/// So often it is measured anew before that is believed: others work on the machine too.
const TRIES: usize = 4;

/// What is read by its id.
const READ: [(&str, &str); 4] =
    [("sites", "site"), ("units", "unit"), ("alerts", "alert"), ("devices", "device")];

/// The reads whose time tells, with their medians.
pub(crate) async fn findings(world: &World, caller: &Caller) -> Vec<String> {
    let mut findings = Vec::new();
    for (list, kind) in READ {
        let theirs = format!("/api/v1/{list}/{}", world.theirs.thing(kind));
        let nothing = format!("/api/v1/{list}/{}", Uuid::now_v7());
        let mut last = String::new();
        let mut is_alike = false;
        for _ in 0..TRIES {
            let [foreign, absent] = medians(caller, [&theirs, &nothing]).await;
            let ratio = foreign.as_secs_f64() / absent.as_secs_f64();
            last = format!("{list}: {foreign:?} for theirs, {absent:?} for nothing");
            is_alike = (ratio - 1.0).abs() <= APART;
            if is_alike {
                break;
            }
        }
        if !is_alike {
            findings.push(last);
        }
    }
    findings
}

/// The medians of both, asked for in turn.
async fn medians(caller: &Caller, places: [&String; 2]) -> [Duration; 2] {
    let asked = places.map(Asked::get);
    let mut times = [Vec::with_capacity(TIMED), Vec::with_capacity(TIMED)];
    for turn in 0..TIMED {
        // each goes first as often as the other
        for side in [turn % 2, 1 - turn % 2] {
            let begun = Instant::now();
            let heard = caller.ask(&asked[side]).await;
            times[side].push(begun.elapsed());
            assert_eq!(heard.status, 404, "{}", heard.text);
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[TIMED / 2]
    })
}
