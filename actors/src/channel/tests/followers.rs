//! A site that another node looks after: what it tells and what is stored come in any order, and are shown in one.

use std::sync::Mutex as Lock;

use futures_util::future::BoxFuture;
use hub_domain::Version;

use super::*;
use crate::{Bus, Progress, Told};

const STORED_SECS: i64 = 1_000_000_000;

fn progress(version: i64, readings: u32) -> Progress {
    Progress { version: Version(version), readings, edition: 1 }
}

/// Unit 1 as it was after so many transitions, and readings since.
fn at(version: i64, readings: u32) -> UnitUpdate {
    let shown = shown_as(1, 1, Status::Ok);
    let temperature = Some(MilliCelsius(4_000 + i32::try_from(readings).unwrap()));
    let view = UnitView { temperature, ..shown.view };
    let shown = ShownUnit { progress: progress(version, readings), view, ..shown };
    UnitUpdate { shown, alerts: vec![] }
}

fn with_alert(update: UnitUpdate, event: AlertEventKind, status: AlertStatus) -> UnitUpdate {
    UnitUpdate { alerts: vec![(event, alert(50, 1, status))], ..update }
}

/// A follower that has seen unit 1 after 5 transitions, and one who listens.
fn follower() -> (Fixture, Arc<Subscriber>) {
    let fixture = fixture(ChannelSettings::default());
    fixture.channels.adopt_site(site(), vec![at(5, 0).shown], vec![]);
    let subscriber = fixture.channels.subscriber();
    fixture.channels.subscribe(CHANNEL, &subscriber, None).unwrap();
    (fixture, subscriber)
}

fn look(channels: &Channels, stored: UnitUpdate, alerts: Vec<AlertRecord>) {
    channels.follow_site(site(), vec![stored.shown], alerts);
}

/// What was heard, without the positions.
fn heard(subscriber: &Subscriber) -> Vec<String> {
    let lines = taken(subscriber);
    let rest = |line: &String| line.splitn(3, ' ').last().unwrap_or_default().to_owned();
    lines.iter().map(rest).collect()
}

#[test]
fn what_is_told_is_shown_once_and_in_its_order() {
    let (Fixture { channels, .. }, subscriber) = follower();
    assert_eq!(channels.hear(at(5, 1)), Heard::New(false));
    assert_eq!(channels.hear(at(5, 1)), Heard::Known, "it came twice");
    assert_eq!(channels.hear(at(5, 3)), Heard::New(false), "a reading between is no loss");
    assert_eq!(channels.hear(at(5, 2)), Heard::Known, "it was overtaken");
    let opened = with_alert(at(6, 0), AlertEventKind::Opened, AlertStatus::Active);
    assert!(matches!(channels.hear(opened), Heard::New(_)));
    assert_eq!(heard(&subscriber), ["unit 1 2", "unit 1 3", "alert opened 50", "unit 1 4"]);
}

#[test]
fn what_may_have_lost_an_alert_before_it_waits_for_what_is_stored() {
    let (Fixture { channels, .. }, subscriber) = follower();
    assert_eq!(channels.hear(at(7, 0)), Heard::Missed);
    let unknown = UnitUpdate { shown: shown(9, 1), alerts: vec![] };
    assert_eq!(channels.hear(unknown), Heard::Missed);
    assert!(heard(&subscriber).is_empty());
    look(&channels, at(7, 0), vec![]);
    assert_eq!(channels.hear(at(7, 1)), Heard::New(false));
    assert_eq!(heard(&subscriber).len(), 1, "it looks as before, but for the reading");
    look(&channels, at(8, 0), vec![alert(50, 1, AlertStatus::Active)]);
    assert_eq!(heard(&subscriber), ["2500"], "an alert of which nobody told");
}

#[test]
fn what_was_looked_up_before_it_was_told_shows_nothing_older() {
    let (Fixture { channels, now, .. }, subscriber) = follower();
    let opened = with_alert(at(6, 0), AlertEventKind::Opened, AlertStatus::Active);
    channels.hear(opened);
    assert_eq!(heard(&subscriber).len(), 2);
    look(&channels, at(5, 4), vec![]);
    assert!(heard(&subscriber).is_empty(), "the look was slower");
    let kept = channels.subscribe(CHANNEL, &channels.subscriber(), None).unwrap();
    assert_eq!(site_snapshot(kept.start).alerts.len(), 1);

    // a database that went back is right after all
    now.store(6 * STORED_SECS, Relaxed);
    look(&channels, at(5, 4), vec![]);
    assert_eq!(heard(&subscriber), ["2500"]);
}

#[test]
fn an_alert_is_told_though_the_look_saw_its_unit_first() {
    let (Fixture { channels, .. }, subscriber) = follower();
    look(&channels, at(6, 0), vec![]); // its alerts were read a moment before
    let opened = || with_alert(at(6, 0), AlertEventKind::Opened, AlertStatus::Active);
    assert!(matches!(channels.hear(opened()), Heard::New(_)));
    assert_eq!(heard(&subscriber), ["alert opened 50", "unit 1 3"]);
    assert_eq!(channels.hear(opened()), Heard::Known);
    let resolved = with_alert(at(7, 0), AlertEventKind::Resolved, AlertStatus::Resolved);
    assert!(matches!(channels.hear(resolved), Heard::New(_)));
    assert_eq!(heard(&subscriber)[0], "alert resolved 50");
}

/// Keeps what is told.
#[derive(Default)]
struct Kept(Lock<Vec<Told>>);

impl Bus for Kept {
    fn tell(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }

    fn listen(&self, _: SiteId) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn leave(&self, _: SiteId) {}

    fn is_heard(&self) -> bool {
        true
    }
}

#[test]
fn what_is_published_here_is_told_and_what_was_heard_is_not_told_again() {
    let (Fixture { channels, .. }, _) = follower();
    let bus = Arc::<Kept>::default();
    channels.tell_by(Arc::clone(&bus) as Arc<dyn Bus>);
    channels.hear(at(5, 1));
    look(&channels, at(5, 2), vec![]);
    assert!(bus.0.lock().unwrap().is_empty());
    channels.publish(at(5, 3));
    channels.remove_unit(SITE, unit(1));
    channels.remove_site(SITE);
    channels.remove_site(SITE);
    let told = std::mem::take(&mut *bus.0.lock().unwrap());
    assert!(matches!(&told[..], [Told::Unit(_), Told::Look(_), Told::Look(_)]), "{told:?}");
    assert!(told.iter().all(|told| told.site() == SITE));
}
