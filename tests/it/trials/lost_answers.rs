//! N2: Telnyx takes the messages, and one answer in ten is lost. Of one company's it reports, of the other's it does not.
//! One report comes in time and is worked late.

use std::{collections::BTreeSet, time::Duration};

use hub_testkit::contract_mock::{Entry, Fault};

use super::{
    Size,
    crowd::{Place, Shape, Stand},
    judge::{Told, accepted, judge, unit_in},
    reports::{Reports, sent},
};
use crate::{
    promises::{Backend, ago},
    telling::webhook_path,
};

/// Messages of which one answer is lost.
const ONE_IN: usize = 10;

pub(crate) async fn run(backend: Backend, size: Size) -> Option<String> {
    let mut stand = Stand::begin(backend, |hub, _, _| hub).await?;
    let places = size.of(10, 80);
    let shape = Shape { places, units: 1, people: ONE_IN / 2, channels: &["sms"] };
    let companies = [stand.company(shape).await, stand.company(shape).await];
    let phones = |places: &[Place]| -> BTreeSet<String> {
        places.iter().flat_map(|place| &place.people).map(|person| person.phone.clone()).collect()
    };
    let reported = phones(&companies[0].places);
    // one answer of the last pair is lost, too
    let late = phones(&companies[0].places[places - 2..]);
    let mine: BTreeSet<String> = reported.difference(&late).cloned().collect();
    let _reports = Reports::start(&stand, move |phone| mine.contains(phone));
    let mut told = 0;
    for pair in (0..places).collect::<Vec<_>>().chunks(2) {
        for company in &companies {
            stand.world.telnyx.faults(Fault::accept_then_drop("POST /v2/messages")).await;
            let places = pair.iter().map(|number| &company.places[*number]);
            company.heat(places.flat_map(|place| &place.units)).await;
            told += pair.len() * ONE_IN / 2;
            // each lost answer is of this company's
            let enough = || async { (accepted(&stand).await.len() >= told).then_some(()) };
            hub_testkit::wait::until("the messages", Duration::from_secs(60), enough).await;
        }
    }
    report_late(&stand, |phone| late.contains(phone)).await;
    stand.until_told(&companies, Duration::from_secs(150)).await;
    let lost: Vec<Told> = stand.world.telnyx.ledger().await.iter().filter_map(lost).collect();
    let verdict = judge(&stand, &companies).await;
    verdict.ensure();
    stand.world.telnyx.ensure_clean().await;
    let (unreported, known): (BTreeSet<&Told>, BTreeSet<&Told>) =
        lost.iter().partition(|told| !reported.contains(&told.address));
    assert!(!unreported.is_empty() && !known.is_empty(), "{lost:?}");
    let twice: BTreeSet<&Told> = verdict.doubles.keys().collect();
    assert!(twice.is_subset(&unreported), "{twice:?} of {unreported:?}");
    assert!(verdict.doubles.values().all(|count| *count == 2), "{:?}", verdict.doubles);
    Some(format!(
        "{} messages, {} answers lost; of {} that were reported none came twice, of {} that were not {}; {} marked",
        verdict.messages,
        lost.len(),
        known.len(),
        unreported.len(),
        twice.len(),
        verdict.marked,
    ))
}

/// Reports what was lost of those phones so that the hub has it at once and works it after the minute in which it waits.
async fn report_late(stand: &Stand, is_theirs: impl Fn(&str) -> bool) {
    let ledger = stand.world.telnyx.ledger().await;
    let theirs = |entry: &&Entry| lost(entry).is_some_and(|told| is_theirs(&told.address));
    let entry = ledger.iter().find(theirs).expect("an answer of theirs was lost");
    let (event, path) = (sent(entry), webhook_path(&entry.body));
    let attempt = path.rsplit('/').next().expect("the path names the try");
    let (now, id) = (ago(0).timestamp_millis(), event["data"]["id"].as_str().expect("it has one"));
    let later = now + 75_000;
    let kept = format!(
        "INSERT INTO webhook_events (provider, event_id, kind, body, occurred_at, received_at, due_at)
         VALUES ('telnyx', '{id}', '{attempt}', '{event}', {now}, {now}, {later})"
    );
    stand.rows.run(&kept).await.unwrap();
}

/// The message whose answer was lost, if this is one.
fn lost(entry: &Entry) -> Option<Told> {
    let is_lost = entry.accepted && entry.fault.as_deref() == Some("accept_then_drop");
    let unit = unit_in(entry.body["text"].as_str()?).filter(|_| is_lost)?;
    Some(Told { address: entry.body["to"].as_str()?.to_owned(), unit })
}
