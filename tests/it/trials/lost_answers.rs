//! N2: Telnyx takes the messages, and one answer in ten is lost. Of one company's it reports, of the other's it does not.

use std::{collections::BTreeSet, time::Duration};

use hub_testkit::contract_mock::Fault;

use super::{
    Size,
    crowd::{Shape, Stand},
    judge::{Told, accepted, judge, unit_in},
    reports::Reports,
};
use crate::promises::Backend;

/// Messages of which one answer is lost.
const ONE_IN: usize = 10;

pub(crate) async fn run(backend: Backend, size: Size) -> Option<String> {
    let mut stand = Stand::begin(backend, |hub, _, _| hub).await?;
    let places = size.of(10, 80);
    let shape = Shape { places, units: 1, people: ONE_IN / 2, channels: &["sms"] };
    let companies = [stand.company(shape).await, stand.company(shape).await];
    let people = companies[0].places.iter().flat_map(|place| &place.people);
    let reported: BTreeSet<String> = people.map(|person| person.phone.clone()).collect();
    let mine = reported.clone();
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

/// The message whose answer was lost, if this is one.
fn lost(entry: &hub_testkit::contract_mock::Entry) -> Option<Told> {
    let is_lost = entry.accepted && entry.fault.as_deref() == Some("accept_then_drop");
    let unit = unit_in(entry.body["text"].as_str()?).filter(|_| is_lost)?;
    Some(Told { address: entry.body["to"].as_str()?.to_owned(), unit })
}
