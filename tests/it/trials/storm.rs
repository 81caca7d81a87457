//! N3: everything an organization has fails within a minute. Nobody gets more than three SMS in five minutes, the
//! organization's hour holds, and every alert is open and can be seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use hub_domain::notify::Caps;
use tokio::time::sleep;

use super::{
    Size,
    crowd::{Shape, Stand},
    reports::Reports,
};
use crate::promises::Backend;

/// Bounds of the trial.
const WINDOW_SECS: f64 = 300.0;
const MOST_IN_WINDOW: usize = 3;

pub(crate) async fn run(backend: Backend, size: Size) -> Option<String> {
    let mut stand = Stand::begin(backend, |hub, _, _| hub).await?;
    let _reports = Reports::start(&stand, |_| true);
    let channels = &["sms"];
    // most units tell a few people each; some tell so many that the hour's SMS are used up
    let many = Shape { places: size.of(2, 5), units: size.of(95, 194), people: 3, channels };
    let mut company = stand.company(many).await;
    let crowded = Shape { places: 1, units: size.of(10, 30), people: 180, channels };
    stand.enlarge(&mut company, crowded).await;
    let mailed = "UPDATE contacts SET email = 'p' || substr(phone, 6) || '@example.org'";
    stand.rows.run(mailed).await.unwrap();
    let units: Vec<_> = company.units().cloned().collect();
    let begun = Instant::now();
    let pieces = 20;
    for some in units.chunks(units.len().div_ceil(pieces)) {
        company.heat(some).await;
        sleep(size.of(Duration::from_millis(300), Duration::from_secs(2))).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "within {:?}", begun.elapsed());
    let open = company.api.list("/api/v1/alerts?status=open&kind=temperature_high").await;
    let open: BTreeSet<&str> = open.iter().filter_map(|alert| alert["unitId"].as_str()).collect();
    assert_eq!(open.len(), units.len(), "every alert is open and can be seen");
    // what is gathered is sent a minute later; at night, what comes after five minutes, too
    sleep(size.of(Duration::from_secs(75), Duration::from_secs(660))).await;
    loop {
        let balance = company.balance("").await;
        if balance["inFlight"] == 0 && balance["unplannedAlerts"] == 0 {
            assert_eq!(balance["balance"], 0);
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(1_200), "still on their way: {balance}");
        sleep(Duration::from_secs(1)).await;
    }
    let mut by_phone: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for entry in stand.world.telnyx.accepted("POST", "/v2/messages").await {
        by_phone.entry(entry.body["to"].as_str().unwrap().to_owned()).or_default().push(entry.at);
    }
    for (phone, times) in &mut by_phone {
        times.sort_by(f64::total_cmp);
        let crowded = times
            .windows(MOST_IN_WINDOW + 1)
            .any(|some| some[MOST_IN_WINDOW] - some[0] < WINDOW_SECS);
        assert!(!crowded, "{phone}: {times:?}");
    }
    let messages: usize = by_phone.values().map(Vec::len).sum();
    let most = usize::try_from(Caps::default().sms_per_hour).expect("it is small");
    assert!(messages <= most, "{messages} SMS within an hour");
    let people = company.places.iter().flat_map(|place| &place.people).count();
    assert_eq!(by_phone.len(), people, "everybody hears of it");
    let told_otherwise =
        company.api.list("/api/v1/notifications/ledger?channel=email&state=sent").await.len();
    assert!(messages * 10 >= most * 9, "the hour's SMS were not used up: {messages}");
    assert!(told_otherwise > 0, "what there are no SMS for goes by mail");
    stand.world.telnyx.ensure_clean().await;
    Some(format!(
        "{} alerts open and seen, {people} people: {messages} SMS of {most}, at most {} to one in five minutes, {told_otherwise} mails instead",
        units.len(),
        by_phone.values().map(Vec::len).max().unwrap_or(0).min(MOST_IN_WINDOW),
    ))
}
