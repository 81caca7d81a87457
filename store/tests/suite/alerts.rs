//! Alerts, their events and who did what.

use hub_domain::{
    AlertEvent, AlertEventKind, AlertId, AlertKind, AlertStatus, Input, MilliCelsius, OpenAlert,
    Severity, UnitId, UserId,
};
use hub_store::{
    CommitError, Said, TransitionCommit, UnitCommit,
    records::{Actor, AlertFilter, AlertRecord},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    commits::{commit, transition},
    live::Live,
    world::{NOON, World, all_pages, page},
};

const ADA: UserId = UserId(Uuid::from_u128(0xada));

pub(crate) fn open_alert(unit: UnitId, kind: AlertKind, ordinal: u32) -> OpenAlert {
    OpenAlert {
        id: AlertId::derive(unit, kind, NOON.plus_secs(ordinal), ordinal),
        kind,
        severity: Severity::Warning,
        opened_at: NOON.plus_secs(ordinal),
        confirmed_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        escalated_at: None,
        point: None,
        temperature: Some(MilliCelsius(9_000)),
        limit: Some(MilliCelsius(8_000)),
        peak: Some(MilliCelsius(9_000)),
    }
}

pub(crate) fn event(event: AlertEventKind, alert: &OpenAlert) -> AlertEvent {
    AlertEvent { event, at: alert.opened_at, by: None, alert: alert.clone(), muted: false }
}

pub(crate) fn with_events(expected: i64, events: Vec<AlertEvent>) -> Option<TransitionCommit> {
    Some(TransitionCommit { events, ..transition(expected) })
}

async fn events_of(world: &World, alert: &AlertRecord) -> Vec<(i64, AlertEventKind)> {
    let events = world.store.alert_events(alert.org, alert.id).await.unwrap();
    events.iter().map(|event| (event.ordinal, event.event)).collect()
}

pub(crate) async fn an_alert_lives_through_all_its_events(world: &World) {
    use AlertEventKind::{Acknowledged, Confirmed, Opened, Resolved};
    let store = &world.store;
    let (org, site, _) = world.units(1).await;
    let mut layer = hub_domain::Layer::default();
    layer.set(hub_domain::RuleField::HighLimit, Some(8_000)).unwrap();
    store.put_rule(org, hub_domain::RuleLayer::Site, site.0, layer, Actor::Hub).await.unwrap();
    let mut live = Live::all(store, site).await.pop().unwrap();
    let at = |minute: u32| NOON.plus_secs(60 * minute);
    for (minute, milli_c) in [(0, 4_000), (1, 9_000), (5, 9_500)] {
        let reading = live.reading(at(minute), milli_c);
        live.ingest(store, &[reading], at(minute)).await.unwrap();
    }
    let find = async || store.alerts(org, AlertFilter::default(), page(9)).await.unwrap().items;
    let opened = find().await.pop().unwrap();
    assert_eq!(
        (opened.kind, opened.status, opened.severity),
        (AlertKind::TemperatureHigh, AlertStatus::Active, Severity::Warning)
    );
    assert_eq!(
        (opened.opened_at, opened.limit, opened.rule_version),
        (at(1), Some(MilliCelsius(8_000)), 1)
    );

    live.take(store, &[Input::Tick], at(11)).await.unwrap();
    let (mut by_ada, transition) =
        live.step(&[Input::Acknowledge { alert: opened.id, by: Some(ADA) }], at(12));
    by_ada.transition.as_mut().unwrap().said = Said {
        note: Some("door „left“ open".to_owned()),
        reason: Some("call 7: „again“".to_owned()),
        contact: None,
    };
    world.clock.set(at(13));
    store.commit(by_ada).await.unwrap();
    live.apply(transition);
    for minute in [14, 15] {
        let reading = live.reading(at(minute), 4_000);
        live.ingest(store, &[reading], at(minute)).await.unwrap();
    }

    let alert = find().await.pop().unwrap();
    let expected = AlertRecord {
        severity: Severity::Critical,
        status: AlertStatus::Resolved,
        confirmed_at: Some(at(11)),
        acknowledged_at: Some(at(12)),
        acknowledged_by: Some(ADA),
        resolved_at: Some(at(15)),
        peak: Some(MilliCelsius(9_500)),
        ..opened
    };
    assert_eq!(alert, expected);
    assert_eq!(store.alert(org, alert.id).await.unwrap(), Some(alert.clone()));
    assert_eq!(
        events_of(world, &alert).await,
        [(0, Opened), (1, Confirmed), (2, Acknowledged), (3, Resolved)]
    );
    let events = store.alert_events(org, alert.id).await.unwrap();
    assert_eq!((events[2].by, events[2].note.as_deref()), (Some(ADA), Some("door „left“ open")));
    assert_eq!((events[2].at, events[2].written_at), (at(12), at(13)));
    assert_eq!((events[1].by, events[1].note.as_deref()), (None, None));
    let audit = store.audit_log(org, page(1)).await.unwrap().items.pop().unwrap();
    assert_eq!(
        (audit.action.as_str(), audit.actor, audit.object_id),
        ("alert.acknowledged", Actor::User(ADA), alert.id.0)
    );
    assert_eq!(audit.reason.as_deref(), Some("call 7: „again“"));
    assert_eq!(audit.before, Some(json!({ "status": "active" })));
    assert_eq!(audit.after, Some(json!({ "status": "acknowledged" })));

    let other = world.org().await;
    assert_eq!(store.alert(other, alert.id).await.unwrap(), None);
    assert_eq!(store.alert_events(other, alert.id).await.unwrap(), []);
    assert_eq!(store.alerts(other, AlertFilter::default(), page(9)).await.unwrap().items, []);
    assert_eq!(store.counts().await.unwrap().unresolved_alerts, 0);
}

pub(crate) async fn one_alert_of_a_kind_is_open_at_most(world: &World) {
    let (org, site, units) = world.units(3).await;
    let opening = |index: usize, expected, ordinal| {
        let alert = open_alert(units[index].id, AlertKind::DoorOpen, ordinal);
        let events = vec![event(AlertEventKind::Opened, &alert)];
        UnitCommit {
            transition: with_events(expected, events),
            ..commit(org, site, units[index].id)
        }
    };
    world.store.commit(opening(1, 0, 0)).await.unwrap();
    let pending = [opening(0, 0, 1), opening(1, 1, 1), opening(2, 0, 1)]
        .map(|commit| world.store.submit(commit));
    let mut outcomes = Vec::new();
    for outcome in pending {
        outcomes.push(outcome.await);
    }
    assert!(
        matches!(outcomes[1], Err(CommitError::Conflict(unit)) if unit == units[1].id),
        "{outcomes:?}"
    );
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    let open = all_pages(|page| world.store.alerts(org, AlertFilter::default(), page)).await;
    assert_eq!(open.len(), 3);
}

pub(crate) async fn an_alert_opened_and_resolved_in_one_commit_is_kept(world: &World) {
    let (org, site, units) = world.units(1).await;
    let alert = open_alert(units[0].id, AlertKind::TemperatureLow, 0);
    let events =
        vec![event(AlertEventKind::Opened, &alert), event(AlertEventKind::Resolved, &alert)];
    let both = UnitCommit { transition: with_events(0, events), ..commit(org, site, units[0].id) };
    world.store.commit(both).await.unwrap();
    let stored = world.store.alert(org, alert.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.resolved_at), (AlertStatus::Resolved, Some(NOON)));
    assert_eq!(
        events_of(world, &stored).await,
        [(0, AlertEventKind::Opened), (1, AlertEventKind::Resolved)]
    );
}

pub(crate) async fn a_kind_resolved_and_opened_again_in_one_commit_is_two_alerts(world: &World) {
    let (org, site, units) = world.units(1).await;
    let [first, second] =
        [0, 1].map(|ordinal| open_alert(units[0].id, AlertKind::TemperatureLow, ordinal));
    let opened = with_events(0, vec![event(AlertEventKind::Opened, &first)]);
    world
        .store
        .commit(UnitCommit { transition: opened, ..commit(org, site, units[0].id) })
        .await
        .unwrap();
    let events =
        vec![event(AlertEventKind::Resolved, &first), event(AlertEventKind::Opened, &second)];
    let again = UnitCommit { transition: with_events(1, events), ..commit(org, site, units[0].id) };
    world.store.commit(again).await.unwrap();
    let status = async |id| world.store.alert(org, id).await.unwrap().unwrap().status;
    assert_eq!(
        [status(first.id).await, status(second.id).await],
        [AlertStatus::Resolved, AlertStatus::Active]
    );
}

pub(crate) async fn an_event_of_an_alert_that_is_not_there_is_a_conflict(world: &World) {
    let (org, site, units) = world.units(2).await;
    let events = |index: usize, kind| {
        let alert = open_alert(units[index].id, AlertKind::LowBattery, 0);
        let transition = with_events(0, vec![event(kind, &alert)]);
        UnitCommit { transition, ..commit(org, site, units[index].id) }
    };
    let lost = world.store.submit(events(0, AlertEventKind::Escalated));
    let good = world.store.submit(events(1, AlertEventKind::Opened));
    assert!(matches!(lost.await, Err(CommitError::Conflict(unit)) if unit == units[0].id));
    good.await.unwrap();
}

pub(crate) async fn alerts_are_filtered_and_paged_newest_first(world: &World) {
    let (org, site, units) = world.units(3).await;
    for (index, unit) in units.iter().enumerate() {
        let kinds = [AlertKind::DoorOpen, AlertKind::LowBattery];
        let ordinal = |n: usize| u32::try_from(index * 2 + n).unwrap();
        let alerts: Vec<_> = (0..2).map(|n| open_alert(unit.id, kinds[n], ordinal(n))).collect();
        let mut events: Vec<_> =
            alerts.iter().map(|alert| event(AlertEventKind::Opened, alert)).collect();
        if index == 0 {
            events.push(event(AlertEventKind::Resolved, &alerts[0]));
        }
        world
            .store
            .commit(UnitCommit { transition: with_events(0, events), ..commit(org, site, unit.id) })
            .await
            .unwrap();
    }
    let find = async |filter: AlertFilter| {
        let found = all_pages(|page| world.store.alerts(org, filter.clone(), page)).await;
        found.iter().map(|alert| alert.opened_at.millis_since(NOON) / 1_000).collect::<Vec<_>>()
    };
    let none = AlertFilter::default();
    assert_eq!(find(none.clone()).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(find(AlertFilter { unit: Some(units[1].id), ..none.clone() }).await, [3, 2]);
    assert_eq!(
        find(AlertFilter { kind: Some(AlertKind::LowBattery), ..none.clone() }).await,
        [5, 3, 1]
    );
    assert_eq!(find(AlertFilter { site: Some(site), ..none.clone() }).await.len(), 6);
    assert_eq!(
        find(AlertFilter { site: Some(world.site(org).await), ..none.clone() }).await.len(),
        0
    );
    let resolved = AlertFilter { statuses: vec![AlertStatus::Resolved], ..none.clone() };
    assert_eq!(find(resolved).await, [0]);
    let live =
        AlertFilter { statuses: vec![AlertStatus::Active, AlertStatus::Acknowledged], ..none };
    assert_eq!(find(live).await, [5, 4, 3, 2, 1]);
}

pub(crate) async fn ten_thousand_alerts_open_at_once(world: &World) {
    // few units, each with several kinds again and again: what is counted are alerts, events and none lost
    let (org, site, units) = world.units(20).await;
    let kinds = [
        AlertKind::DoorOpen,
        AlertKind::LowBattery,
        AlertKind::SensorFault,
        AlertKind::TemperatureHigh,
    ];
    let mut pending = Vec::new();
    for version in 0..125_u32 {
        for unit in &units {
            let alerts = kinds.map(|kind| open_alert(unit.id, kind, version));
            let before = kinds.map(|kind| open_alert(unit.id, kind, version.saturating_sub(1)));
            let resolved = before
                .iter()
                .filter(|_| version > 0)
                .map(|alert| event(AlertEventKind::Resolved, alert));
            let opened = alerts.iter().map(|alert| event(AlertEventKind::Opened, alert));
            let transition = with_events(version.into(), resolved.chain(opened).collect());
            pending
                .push(world.store.submit(UnitCommit { transition, ..commit(org, site, unit.id) }));
        }
    }
    for outcome in pending {
        outcome.await.unwrap();
    }
    assert_eq!(world.store.counts().await.unwrap().unresolved_alerts, 80);
    let mut count = 0;
    let mut cursor = None;
    loop {
        let page = hub_store::records::PageQuery { limit: 1_000, cursor };
        let page = world.store.alerts(org, AlertFilter::default(), page).await.unwrap();
        count += page.items.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(count, 10_000);
}
