//! Channels from the outside: what a subscriber sees equals what was published.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, AtomicUsize},
};

use hub_domain::{
    AlertEventKind, AlertId, AlertKind, AlertStatus, DoorState, LinkState, ManualLogState,
    MilliCelsius, Severity, Status, Timestamp, UnitView, thermal::Thermal,
};
use hub_store::records::Edition;
use uuid::Uuid;

use super::*;

const ORG: OrgId = OrgId(Uuid::from_u128(1));
const SITE: SiteId = SiteId(Uuid::from_u128(2));

/// Writes publications as short lines, and counts how often it is asked.
#[derive(Default)]
struct Lines {
    encoded: AtomicUsize,
}

impl Encoder for Lines {
    fn data(&self, news: &News, _: i64) -> Bytes {
        self.encoded.fetch_add(1, Relaxed);
        Bytes::from(line(news))
    }

    fn push(&self, channel: ChannelName, offset: u64, data: &[u8]) -> Bytes {
        Bytes::from(format!("{channel} {offset} {}", String::from_utf8_lossy(data)))
    }
}

fn line(news: &News) -> String {
    match news {
        News::Unit(shown) => format!("unit {} {}", shown.unit.0.as_u128(), shown.seq),
        News::Alert(change) => format!("alert {} {}", change.event, change.alert.id.0.as_u128()),
        News::Summary(summary) => {
            format!("summary {} {}", summary.counts.worst(), summary.open_alerts)
        }
        News::UnitRemoved { unit, .. } => format!("unit {} removed", unit.0.as_u128()),
        News::SiteRemoved(site) => format!("site {} removed", site.0.as_u128()),
    }
}

struct Fixture {
    channels: Channels,
    lines: Arc<Lines>,
    now: Arc<AtomicI64>,
}

fn fixture(settings: ChannelSettings) -> Fixture {
    let (lines, now) = (Arc::<Lines>::default(), Arc::new(AtomicI64::new(0)));
    let clock = Arc::clone(&now);
    let nanos: Nanos = Arc::new(move || clock.load(Relaxed));
    let channels = Channels::new(Arc::clone(&lines) as Arc<dyn Encoder>, nanos, settings);
    channels.name_organization(ORG, "Acme");
    channels.adopt_site(site(), (1..=3).map(|unit| shown(unit, 0)).collect(), vec![]);
    Fixture { channels, lines, now }
}

fn site() -> Site {
    Site {
        id: SITE,
        org: ORG,
        name: "Kitchen".into(),
        timezone: "UTC".into(),
        requires_corrective_action: false,
        created_at: Timestamp::from_millis(0),
        edition: Edition::default(),
    }
}

fn unit(number: u128) -> UnitId {
    UnitId(Uuid::from_u128(number))
}

fn shown(number: u128, seq: u64) -> ShownUnit {
    shown_as(number, seq, Status::Ok)
}

fn shown_as(number: u128, seq: u64, status: Status) -> ShownUnit {
    let view = UnitView {
        status,
        thermal: Thermal::Ok,
        link: LinkState::Online,
        door: DoorState::Unknown,
        manual_log: ManualLogState::NotDue,
        mode: "normal",
        temperature: Some(MilliCelsius(4_000)),
        humidity: None,
        recorded_at: None,
        received_at: None,
        open_alerts: 0,
    };
    let (high_limit, low_limit, confirm_at) = (None, None, None);
    ShownUnit {
        org: ORG,
        site: SITE,
        unit: unit(number),
        name: "Walk-in".into(),
        view,
        high_limit,
        low_limit,
        confirm_at,
        seq,
        progress: crate::Progress::default(),
    }
}

fn update(number: u128, seq: u64) -> UnitUpdate {
    UnitUpdate { shown: shown(number, seq), alerts: vec![] }
}

fn alert(id: u128, unit_number: u128, status: AlertStatus) -> AlertRecord {
    AlertRecord {
        id: AlertId(Uuid::from_u128(id)),
        org: ORG,
        site: SITE,
        unit: unit(unit_number),
        kind: AlertKind::TemperatureHigh,
        severity: Severity::Warning,
        status,
        opened_at: Timestamp::from_millis(0),
        confirmed_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: None,
        resolved_by: None,
        temperature: None,
        limit: None,
        peak: None,
        rule_version: 1,
    }
}

fn opening(id: u128, number: u128, seq: u64) -> UnitUpdate {
    let alerts = vec![(AlertEventKind::Opened, alert(id, number, AlertStatus::Active))];
    UnitUpdate { shown: shown_as(number, seq, Status::Excursion), alerts }
}

const CHANNEL: ChannelName = ChannelName::Site(SITE);

fn taken(subscriber: &Subscriber) -> Vec<String> {
    let mut batch = Vec::new();
    while subscriber.take(1 << 16, &mut batch) {}
    let text = |outgoing| match outgoing {
        Outgoing::Frame(frame) => String::from_utf8(frame.to_vec()).unwrap(),
        Outgoing::Ended(channel, code) => format!("{channel} ended {code}"),
    };
    batch.into_iter().map(text).collect()
}

fn site_snapshot(start: Start) -> SiteSnapshot {
    match start {
        Start::Snapshot(Snapshot::Site(snapshot)) => snapshot,
        other => panic!("no snapshot of a site: {other:?}"),
    }
}

#[test]
fn a_subscriber_gets_a_snapshot_and_each_later_change_in_order() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    channels.publish(opening(50, 1, 1));
    let subscriber = channels.subscriber();
    let begun = channels.subscribe(CHANNEL, &subscriber, None).unwrap();
    assert_eq!(begun.position.offset, 2); // the alert event, then the unit
    let snapshot = site_snapshot(begun.start);
    assert_eq!(snapshot.units.iter().map(|unit| unit.seq).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(snapshot.alerts.len(), 1);

    channels.publish(update(2, 1));
    let mut resolved = update(1, 2);
    resolved.alerts = vec![(AlertEventKind::Resolved, alert(50, 1, AlertStatus::Resolved))];
    channels.publish(resolved);
    let frames =
        ["3 unit 2 1", "4 alert resolved 50", "5 unit 1 2"].map(|rest| format!("{CHANNEL} {rest}"));
    assert_eq!(taken(&subscriber), frames);
    let again = channels.subscribe(CHANNEL, &channels.subscriber(), None).unwrap();
    assert!(site_snapshot(again.start).alerts.is_empty());
}

#[test]
fn nobody_listening_costs_no_encoding_and_all_listeners_share_one() {
    let Fixture { channels, lines, .. } = fixture(ChannelSettings::default());
    (1..=100).for_each(|seq| channels.publish(update(1, seq)));
    assert_eq!(lines.encoded.load(Relaxed), 0);
    let listeners: Vec<_> = (0..5).map(|_| channels.subscriber()).collect();
    for name in [CHANNEL, ChannelName::Unit(unit(1)), ChannelName::Organization(ORG)] {
        for subscriber in &listeners {
            channels.subscribe(name, subscriber, None).unwrap();
        }
    }
    channels.publish(opening(50, 1, 101));
    assert_eq!(lines.encoded.load(Relaxed), 2); // the alert for three channels, the unit for two
    assert_eq!(channels.stats().deliveries, 25);
    assert!(listeners.iter().all(|subscriber| taken(subscriber).len() == 5));
}

#[test]
fn recovery_gives_exactly_what_was_missed_at_every_offset_of_the_history() {
    let history = HistoryBounds { len: 100, secs: 300 };
    let Fixture { channels, .. } =
        fixture(ChannelSettings { history, ..ChannelSettings::default() });
    (1..=250).for_each(|seq| channels.publish(update(1, seq)));
    let subscriber = channels.subscriber();
    let position = channels.subscribe(CHANNEL, &subscriber, None).unwrap().position;
    assert_eq!(position.offset, 250);
    for offset in 0..=251 {
        channels.unsubscribe(CHANNEL, &subscriber);
        let since = Position { offset, ..position };
        let begun = channels.subscribe(CHANNEL, &subscriber, Some(since)).unwrap();
        assert_eq!(begun.position, position);
        match begun.start {
            Start::Resumed(missed) => {
                assert!((150..=250).contains(&offset), "resumed at {offset}");
                assert!(missed.iter().map(|p| p.offset).eq(offset + 1..=250), "{offset}");
                assert!(missed.iter().all(|p| line(&p.news) == format!("unit 1 {}", p.offset)));
            }
            Start::Snapshot(_) => assert!(!(150..=250).contains(&offset), "no history at {offset}"),
        }
    }
    let other = Position { epoch: Epoch(position.epoch.0 ^ 1), ..position };
    channels.unsubscribe(CHANNEL, &subscriber);
    let begun = channels.subscribe(CHANNEL, &subscriber, Some(other)).unwrap();
    assert!(matches!(begun.start, Start::Snapshot(_)));
}

#[test]
fn history_is_bounded_by_age_even_when_nothing_more_is_published() {
    let Fixture { channels, now, .. } = fixture(ChannelSettings::default());
    channels.publish(update(1, 1));
    let position = channels.history(CHANNEL, None).unwrap().position;
    now.store(299_000_000_000, Relaxed);
    channels.age();
    assert_eq!(channels.history(CHANNEL, None).unwrap().publications.unwrap().len(), 1);
    now.store(301_000_000_000, Relaxed);
    channels.age();
    let history = channels.history(CHANNEL, Some(Position { offset: 0, ..position })).unwrap();
    assert!(history.publications.is_none());
    let unmoved = channels.history(CHANNEL, Some(position)).unwrap();
    assert_eq!(unmoved.publications, Some(vec![]), "who has missed nothing needs no history");
}

#[test]
fn a_unit_channel_exists_from_its_first_subscription_and_recovers_while_it_is_remembered() {
    let Fixture { channels, now, .. } = fixture(ChannelSettings::default());
    let name = ChannelName::Unit(unit(2));
    (1..=3).for_each(|seq| channels.publish(update(2, seq)));
    assert!(channels.history(name, None).is_none());
    let subscriber = channels.subscriber();
    let begun = channels.subscribe(name, &subscriber, None).unwrap();
    assert_eq!(begun.position.offset, 0);
    channels.publish(update(1, 1));
    channels.publish(update(2, 4));
    assert_eq!(taken(&subscriber), [format!("{name} 1 unit 2 4")]);

    channels.unsubscribe(name, &subscriber);
    channels.publish(update(2, 5));
    let since = Position { offset: 1, ..begun.position };
    let again = channels.subscribe(name, &subscriber, Some(since)).unwrap();
    assert!(matches!(again.start, Start::Resumed(missed) if missed.len() == 1));

    channels.unsubscribe(name, &subscriber);
    now.store(400_000_000_000, Relaxed);
    channels.age();
    let forgotten = channels.subscribe(name, &subscriber, Some(since)).unwrap();
    assert_ne!(forgotten.position.epoch, since.epoch);
    assert!(matches!(forgotten.start, Start::Snapshot(Snapshot::Unit(_))));
}

#[test]
fn a_reset_ends_every_subscription_and_changes_the_epoch() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    let subscriber = channels.subscriber();
    let names = [CHANNEL, ChannelName::Unit(unit(1)), ChannelName::Organization(ORG)];
    let begun = names.map(|name| channels.subscribe(name, &subscriber, None).unwrap().position);
    channels.publish(update(1, 1));
    taken(&subscriber);
    channels.restore_unit(shown(1, 2), vec![alert(50, 1, AlertStatus::Active)]); // which nobody was told of
    let mut ended = taken(&subscriber);
    ended.sort();
    let mut expected = names.map(|name| format!("{name} ended 2500")).to_vec();
    expected.sort();
    assert_eq!(ended, expected);
    channels.publish(update(1, 2));
    assert_eq!(taken(&subscriber), Vec::<String>::new());
    for (name, since) in names.into_iter().zip(begun) {
        let again = channels.subscribe(name, &subscriber, Some(since)).unwrap();
        assert_ne!(again.position.epoch, since.epoch, "{name}");
        assert!(matches!(again.start, Start::Snapshot(_)), "{name}");
    }
    assert_eq!(channels.stats().subscriptions, 3);
}

#[test]
fn adopting_what_was_told_already_disturbs_nobody() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    channels.publish(opening(50, 1, 1));
    let subscriber = channels.subscriber();
    let position = channels.subscribe(CHANNEL, &subscriber, None).unwrap().position;
    let units = vec![shown_as(1, 1, Status::Excursion), shown(2, 0), shown(3, 0)];
    channels.adopt_site(site(), units.clone(), vec![alert(50, 1, AlertStatus::Active)]);
    assert_eq!(channels.history(CHANNEL, None).unwrap().position, position);

    channels.adopt_site(
        site(),
        units,
        vec![alert(50, 1, AlertStatus::Active), alert(51, 2, AlertStatus::Active)],
    );
    assert_eq!(taken(&subscriber), [format!("{CHANNEL} ended 2500")]);
    let again = channels.subscribe(CHANNEL, &subscriber, Some(position)).unwrap();
    assert_eq!(site_snapshot(again.start).alerts.len(), 2);
}

#[test]
fn a_restored_unit_breaks_the_sequence_only_if_an_alert_was_not_told() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    let subscriber = channels.subscriber();
    channels.subscribe(CHANNEL, &subscriber, None).unwrap();
    channels.restore_unit(shown(1, 5), vec![]);
    assert_eq!(taken(&subscriber), [format!("{CHANNEL} 1 unit 1 5")]);
    channels
        .restore_unit(shown_as(1, 6, Status::Excursion), vec![alert(50, 1, AlertStatus::Active)]);
    assert_eq!(taken(&subscriber), [format!("{CHANNEL} ended 2500")]);
    let begun = channels.subscribe(ChannelName::Organization(ORG), &subscriber, None).unwrap();
    let Start::Snapshot(Snapshot::Organization(snapshot)) = begun.start else {
        panic!("no snapshot")
    };
    assert_eq!((snapshot.alerts.len(), &*snapshot.name), (1, "Acme"));
}

#[test]
fn an_organization_hears_alerts_at_once_and_one_summary_a_tick() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    channels.tick();
    let name = ChannelName::Organization(ORG);
    let subscriber = channels.subscriber();
    let begun = channels.subscribe(name, &subscriber, None).unwrap();
    let first = begun.position.offset;
    for seq in 1..=50 {
        channels.publish(update(1, seq)); // no status moves: nothing for the organization
    }
    channels.publish(opening(50, 1, 51));
    channels.publish(opening(51, 2, 1));
    assert_eq!(
        taken(&subscriber),
        [
            format!("{name} {} alert opened 50", first + 1),
            format!("{name} {} alert opened 51", first + 2)
        ]
    );
    channels.tick();
    assert_eq!(taken(&subscriber), [format!("{name} {} summary excursion 2", first + 3)]);
    channels.tick();
    assert_eq!(taken(&subscriber), Vec::<String>::new());
}

#[test]
fn a_snapshot_and_its_offset_agree_while_many_publish() {
    const SEQS: u64 = 3_000;
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    std::thread::scope(|scope| {
        for number in 1..=3 {
            let channels = channels.clone();
            scope.spawn(move || (1..=SEQS).for_each(|seq| channels.publish(update(number, seq))));
        }
        for _ in 0..200 {
            let subscriber = channels.subscriber();
            let begun = channels.subscribe(CHANNEL, &subscriber, None).unwrap();
            let snapshot = site_snapshot(begun.start);
            let mut seen: BTreeMap<u128, u64> =
                snapshot.units.iter().map(|unit| (unit.unit.0.as_u128(), unit.seq)).collect();
            // each publication raises one unit's seq by one: the sum is the offset
            assert_eq!(seen.values().sum::<u64>(), begun.position.offset);
            let mut offset = begun.position.offset;
            for frame in taken(&subscriber) {
                let words: Vec<&str> = frame.split(' ').collect();
                offset += 1;
                assert_eq!(words[1], offset.to_string());
                let seq = seen.get_mut(&words[3].parse().unwrap()).unwrap();
                *seq += 1;
                assert_eq!(words[4], seq.to_string());
            }
            channels.unsubscribe(CHANNEL, &subscriber);
        }
    });
    assert_eq!(channels.history(CHANNEL, None).unwrap().position.offset, 3 * SEQS);
    assert_eq!((channels.stats().subscriptions, channels.stats().outbox_bytes), (0, 0));
}

#[test]
fn a_reader_that_stops_is_conflated_and_loses_no_alert() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    let subscriber = channels.subscriber();
    channels.subscribe(CHANNEL, &subscriber, None).unwrap();
    for seq in 1..=2_000 {
        channels.publish(if seq % 10 == 0 {
            opening(u128::from(seq), 1, seq)
        } else {
            update(1 + u128::from(seq % 3), seq)
        });
    }
    let frames = taken(&subscriber);
    let offsets: Vec<u64> =
        frames.iter().map(|frame| frame.split(' ').nth(1).unwrap().parse().unwrap()).collect();
    assert!(offsets.is_sorted_by(|a, b| a < b));
    assert_eq!(frames.iter().filter(|frame| frame.contains("alert opened")).count(), 200);
    assert!(frames.len() < 300, "{} frames", frames.len());
    assert!(frames.last().unwrap().ends_with("unit 1 2000"));
    assert!(channels.stats().conflated > 1_000);
}

#[test]
fn nothing_of_a_channel_is_delivered_after_its_end() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    let subscriber = channels.subscriber();
    channels.subscribe(CHANNEL, &subscriber, None).unwrap();
    assert_eq!(
        channels.subscribe(CHANNEL, &subscriber, None).unwrap_err(),
        SubscribeError::Already
    );
    channels.publish(update(1, 1));
    assert!(channels.expel(CHANNEL, &subscriber, STAY_AWAY));
    channels.publish(update(1, 2));
    assert_eq!(taken(&subscriber), [format!("{CHANNEL} ended 2000")]);
    assert!(!channels.expel(CHANNEL, &subscriber, STAY_AWAY));
    assert_eq!(taken(&subscriber), Vec::<String>::new());
}

#[test]
fn what_is_not_live_says_so() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    let subscriber = channels.subscriber();
    let strange = Uuid::from_u128(99);
    for name in [
        ChannelName::Site(SiteId(strange)),
        ChannelName::Unit(UnitId(strange)),
        ChannelName::Organization(OrgId(strange)),
    ] {
        assert_eq!(
            channels.subscribe(name, &subscriber, None).unwrap_err(),
            SubscribeError::NotLive
        );
        assert!(channels.history(name, None).is_none());
        assert!(!channels.unsubscribe(name, &subscriber));
    }
}

mod edits;
mod followers;
