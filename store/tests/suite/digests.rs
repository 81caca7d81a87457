//! Digests: each day once, whatever the clocks and however many look; what they count; and what becomes of each.

use std::collections::BTreeMap;

use hub_domain::{
    AlertEventKind, AlertKind, DoorState, LinkState, ManualLogState, OrgId, Severity, SiteId,
    Status, StatusChange, Timestamp, UnitId, Zone,
    digest::{AttentionReason, Rhythm, Schedule, Skip, SpanKind, Totals},
    notify::{IntentState, PersonId},
    thermal::Thermal,
    zone::{Day, day_after},
};
use hub_store::{
    ContactIn, Store, StoreError, TransitionCommit, UnitCommit,
    digests::{DIGEST_QUEUE, MOST_DIGESTS, SettledDigest},
    notify::LineFilter,
    records::{
        Actor, CountedDigest, DigestPlan, DigestSubscription, Life, Role, SiteDigest, UnitDigest,
    },
};
use uuid::Uuid;

use crate::{
    alerts::{event, open_alert},
    commits::{commit, transition},
    erasure::Database,
    world::{NOON, World, all_pages, page},
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn utc(text: &str) -> Timestamp {
    let at = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    Timestamp::from_millis(at.timestamp_millis())
}

fn at_minute(zone: &str, minute: u16) -> DigestPlan {
    let zone = Zone::parse(zone).unwrap();
    let schedule = Schedule { rhythm: Rhythm::Daily, minute, zone };
    DigestPlan { schedule, sites: Vec::new(), only_if_needed: false }
}

async fn contact(world: &World, org: OrgId) -> Uuid {
    let it = ContactIn {
        user: None,
        name: world.name("contact"),
        email: Some("anna@example.org".to_owned()),
        phone: None,
        language: "en".to_owned(),
        timezone: "UTC".to_owned(),
    };
    world.store.create_contact(org, it, Actor::Hub).await.unwrap().id
}

async fn subscribed(world: &World, org: OrgId, plan: DigestPlan) -> DigestSubscription {
    let reader = PersonId::Contact(contact(world, org).await);
    world.store.create_digest_subscription(org, reader, plan, Actor::Hub).await.unwrap()
}

async fn due(store: &Store, now: Timestamp) -> Vec<DigestSubscription> {
    store.due_digests(now).await.unwrap().into_iter().map(Result::unwrap).collect()
}

/// Day, beginning and end of each digest of a subscription, as they are stored.
async fn rows_of(db: &mut Database, subscription: Uuid) -> Vec<(Day, Timestamp, Timestamp)> {
    let id = db.id(subscription);
    let rows = format!(
        "SELECT day || ' ' || from_at || ' ' || to_at FROM digests WHERE subscription_id = {id} ORDER BY day"
    );
    let instant = |text: &str| Timestamp::from_millis(text.parse().unwrap());
    let row = |text: &String| {
        let parts: Vec<&str> = text.split(' ').collect();
        (parts[0].parse().unwrap(), instant(parts[1]), instant(parts[2]))
    };
    db.texts(&rows).await.iter().map(row).collect()
}

/// The id of a subscription's only digest.
async fn digest_of(db: &mut Database, subscription: Uuid) -> Uuid {
    let own = db.id(subscription);
    let id = match db {
        Database::Postgres(_) => "CAST(id AS TEXT)",
        Database::Sqlite(_) => "hex(id)",
    };
    let ids = db.texts(&format!("SELECT {id} FROM digests WHERE subscription_id = {own}")).await;
    assert_eq!(ids.len(), 1);
    ids[0].parse().unwrap()
}

async fn waiting_jobs(store: &Store) -> u64 {
    let counts = store.queue_counts().await.unwrap();
    counts.iter().filter(|count| count.queue == DIGEST_QUEUE).map(|count| count.waiting).sum()
}

/// Spans that hold the changes of the clocks of all the zones below.
const SPANS: [(&str, &str); 2] = [
    ("2026-03-06T00:00:00Z", "2026-04-09T00:00:00Z"),
    ("2026-10-01T00:00:00Z", "2026-11-05T00:00:00Z"),
];

/// Hours that are skipped, there twice, or usual.
const READERS: [(&str, u16); 5] = [
    ("Europe/Berlin", 150),
    ("America/New_York", 90),
    ("Australia/Lord_Howe", 135),
    ("Asia/Kathmandu", 405),
    ("Europe/Berlin", 0),
];

pub(crate) async fn each_day_has_one_over_both_changes_of_the_clocks(world: &World) {
    let (store, mut db) = (&world.store, Database::of(world).await);
    for (since, until) in SPANS.map(|(since, until)| (utc(since), utc(until))) {
        world.clock.set(since);
        let (org, _, _) = world.units(1).await;
        let mut readers = Vec::new();
        for (zone, minute) in READERS {
            readers.push(subscribed(world, org, at_minute(zone, minute)).await);
        }
        loop {
            let all = all_pages(|page| store.digest_subscriptions(org, Life::Present, page)).await;
            let next = all.iter().map(|it| it.due_at).min().unwrap();
            if next > until {
                break;
            }
            world.clock.set(next);
            assert!(due(store, next.plus_millis(-1)).await.is_empty(), "nothing before its time");
            for it in due(store, next).await {
                assert!(store.begin_digest(&it, next).await.unwrap(), "{it:?}");
                assert!(!store.begin_digest(&it, next).await.unwrap(), "never twice");
            }
            assert!(due(store, next).await.is_empty());
        }
        for it in readers {
            let Schedule { zone, minute, .. } = it.plan.schedule;
            let rows = rows_of(&mut db, it.id).await;
            let mut day = zone.wall(rows[0].2).day;
            let mut told_until = it.created_at;
            for (own, from, to) in &rows {
                assert_eq!((*own, *from), (day, told_until), "{}", zone.name());
                let wall = zone.wall(*to);
                assert_eq!(wall.day, day);
                assert!(wall.minute >= minute, "at its hour, or when that was skipped");
                (day, told_until) = (day_after(day), *to);
            }
            // one is due at least each 25 hours, so that the last days are there too
            assert!(until.millis_since(told_until) <= 25 * 60 * MINUTE, "{}", zone.name());
            assert!((33..=36).contains(&rows.len()), "{} of {}", rows.len(), zone.name());
            store.delete_digest_subscription(org, it.id, Actor::Hub).await.unwrap();
        }
    }
}

pub(crate) async fn of_many_that_look_one_begins_a_digest(world: &World) {
    let (org, _, _) = world.units(1).await;
    let it = subscribed(world, org, at_minute("UTC", 13 * 60)).await;
    let now = NOON.plus_millis(60 * MINUTE);
    world.clock.set(now);
    let mut stores = vec![world.store.clone()];
    for _ in 0..3 {
        stores.push(world.second_store().await);
    }
    let looks = stores.iter().map(async |store| {
        let mut begun = 0;
        for it in due(store, now).await {
            begun += usize::from(store.begin_digest(&it, now).await.unwrap());
        }
        begun
    });
    let begun: usize = futures_util::future::join_all(looks).await.into_iter().sum();
    assert_eq!(begun, 1);
    let mut db = Database::of(world).await;
    assert_eq!(rows_of(&mut db, it.id).await.len(), 1);
    assert_eq!(waiting_jobs(&world.store).await, 1);
}

pub(crate) async fn what_was_missed_is_made_up_by_one(world: &World) {
    let (org, _, _) = world.units(1).await;
    let it = subscribed(world, org, at_minute("UTC", 13 * 60)).await;
    let late = NOON.plus_millis(5 * DAY + 3 * 60 * MINUTE);
    world.clock.set(late);
    let found = due(&world.store, late).await;
    assert_eq!(found.len(), 1);
    assert!(world.store.begin_digest(&found[0], late).await.unwrap());
    assert!(due(&world.store, late).await.is_empty());
    let mut db = Database::of(world).await;
    let rows = rows_of(&mut db, it.id).await;
    let last = NOON.plus_millis(5 * DAY + 60 * MINUTE);
    assert_eq!(rows, [(it.plan.schedule.zone.wall(last).day, it.created_at, last)]);
    let after = world.store.digest_subscription(org, it.id).await.unwrap().unwrap();
    assert_eq!(after.due_at, last.plus_millis(DAY));
    assert_eq!(after.edition.version, 1, "a digest is no edit");
}

fn shown(at: Timestamp, status: Status, mode: &'static str) -> StatusChange {
    StatusChange {
        at,
        status,
        thermal: Thermal::Ok,
        link: LinkState::Online,
        door: DoorState::Unknown,
        manual_log: ManualLogState::NotDue,
        mode,
    }
}

async fn write(
    world: &World,
    (org, site, unit): (OrgId, SiteId, UnitId),
    statuses: Vec<StatusChange>,
    events: Vec<hub_domain::AlertEvent>,
) {
    let transition = Some(TransitionCommit { statuses, events, ..transition(0) });
    world.store.commit(UnitCommit { transition, ..commit(org, site, unit) }).await.unwrap();
}

/// Milliseconds by what they count as, of all units of a site, from what the store says of each unit's history.
async fn sums(
    store: &Store,
    org: OrgId,
    units: &[UnitId],
    (from, to): (Timestamp, Timestamp),
) -> BTreeMap<SpanKind, i64> {
    let mut sums = BTreeMap::new();
    for unit in units {
        let mut query = page(200);
        loop {
            let of_unit = store.unit_history(org, *unit, from, to, query).await.unwrap().unwrap();
            for interval in of_unit.items {
                let begin = interval.from.max(from);
                let end = interval.to.unwrap_or(to).min(to);
                let kind = SpanKind::of(interval.status, &interval.mode);
                *sums.entry(kind).or_default() += end.millis_since(begin);
            }
            let Some(next) = of_unit.next else { break };
            query = hub_store::records::PageQuery { limit: 200, cursor: Some(next) };
        }
    }
    sums
}

async fn counted(
    store: &Store,
    org: OrgId,
    site: SiteId,
    (from, to): (Timestamp, Timestamp),
) -> (Totals, Vec<UnitDigest>) {
    let (mut totals, mut attention, mut after) = (Totals::default(), Vec::new(), None);
    loop {
        let some = store.count_units(org, site, after, from, to).await.unwrap();
        totals = totals.and(some.totals);
        attention.extend(some.attention);
        after = some.next;
        if after.is_none() {
            return (totals, attention);
        }
    }
}

/// More units than are asked for at a time, one of them with more changes than are.
pub(crate) async fn a_digest_counts_what_the_histories_say(world: &World) {
    let (org, site, units) = world.units(103).await;
    let (store, ids) = (&world.store, units.iter().map(|unit| unit.id).collect::<Vec<_>>());
    let at = |minutes: i64| NOON.plus_millis(minutes * MINUTE);
    let kinds =
        [Status::Ok, Status::Excursion, Status::Late, Status::AlarmActive, Status::Restoring];
    let restless = (0..11_000)
        .zip(kinds.into_iter().cycle())
        .map(|(n, status)| shown(NOON.plus_millis(n * 7_919), status, "normal"));
    write(world, (org, site, ids[7]), restless.collect(), Vec::new()).await;
    let steady = vec![
        shown(at(1), Status::Ok, "commissioning"),
        shown(at(90), Status::Ok, "normal"),
        shown(at(200), Status::AlarmActive, "normal"),
        shown(at(200), Status::Restoring, "maintenance"),
        shown(at(300), Status::MonitoringInterrupted, "normal"),
    ];
    let warm = open_alert(ids[50], AlertKind::TemperatureHigh, 60 * 60);
    let missed = |ordinal: u32| open_alert(ids[50], AlertKind::MissedManualEntry, ordinal);
    let mut critical = warm.clone();
    critical.severity = Severity::Critical;
    let events = vec![
        event(AlertEventKind::Opened, &warm),
        event(AlertEventKind::Confirmed, &critical),
        event(AlertEventKind::Opened, &missed(61 * 60)),
    ];
    write(world, (org, site, ids[50]), steady, events).await;

    let spans = [(at(0), at(1_440)), (at(95), at(1_000)), (at(-300), at(100)), (at(250), at(251))];
    for span in spans {
        let (totals, attention) = counted(store, org, site, span).await;
        let sums = sums(store, org, &ids, span).await;
        let of = |kind| sums.get(&kind).copied().unwrap_or(0);
        assert_eq!(
            [
                totals.inside_millis,
                totals.outside_millis,
                totals.unknown_millis,
                totals.unused_millis
            ],
            [
                of(SpanKind::Inside),
                of(SpanKind::Outside),
                of(SpanKind::Unknown),
                of(SpanKind::Unused)
            ],
            "{span:?}"
        );
        assert_eq!(totals.units, 103);
        assert_eq!(attention.len(), totals.attention.len());
    }
    let (totals, attention) = counted(store, org, site, spans[0]).await;
    assert_eq!((totals.opened.critical, totals.opened.warning, totals.missed_logs), (1, 1, 1));
    let own = attention.iter().find(|unit| unit.name == units[50].name).unwrap();
    let expected = [
        AttentionReason::Critical,
        AttentionReason::Silent,
        AttentionReason::MissedLogs,
        AttentionReason::Warning,
    ];
    assert_eq!(own.reasons, expected);
    assert_eq!(own.open, [AlertKind::TemperatureHigh, AlertKind::MissedManualEntry]);
    let (before, _) = counted(store, org, site, (at(0), at(60))).await;
    assert_eq!(before.opened.critical, 0, "what opens at the end is the next one's");
}

/// A digest of one site that is begun and counted.
async fn begun(world: &World, db: &mut Database, org: OrgId) -> (DigestSubscription, Uuid) {
    let it = subscribed(world, org, at_minute("UTC", 13 * 60)).await;
    let now = it.due_at;
    let own = world.store.digest_subscription(org, it.id).await.unwrap().unwrap();
    assert!(world.store.begin_digest(&own, now).await.unwrap());
    let id = digest_of(db, it.id).await;
    (own, id)
}

fn all_well(skip: Option<Skip>) -> CountedDigest {
    let totals = Totals { units: 1, inside_millis: 5, ..Totals::default() };
    let site = SiteDigest { name: "Kitchen".to_owned(), totals, ..SiteDigest::default() };
    CountedDigest { sites: vec![site], skip }
}

pub(crate) async fn a_digest_is_told_or_its_line_says_why_not(world: &World) {
    let (store, mut db) = (&world.store, Database::of(world).await);
    let (org, _, _) = world.units(1).await;
    let contact_of = |it: &DigestSubscription| match it.reader {
        PersonId::Contact(contact) => contact,
        PersonId::User(user) => panic!("{user} is none"),
    };
    let mut lines = Vec::new();
    for case in ["told", "quiet", "gone", "unsubscribed", "ended"] {
        let (it, id) = begun(world, &mut db, org).await;
        let contact = contact_of(&it);
        match case {
            "gone" => store.delete_contact(org, contact, Actor::Hub).await.unwrap(),
            "unsubscribed" => {
                let contact = db.id(contact);
                let unsubscribe =
                    format!("UPDATE contacts SET email_opted_out_at = 1 WHERE id = {contact}");
                db.run(&unsubscribe).await;
            }
            "ended" => store.delete_digest_subscription(org, it.id, Actor::Hub).await.unwrap(),
            _ => {}
        }
        let open = store.open_digest(id).await.unwrap().unwrap();
        assert_eq!((open.from, open.to), (it.last.until, it.due_at));
        let skip = (case == "quiet").then_some(Skip::NothingToSay);
        let settled = store.settle_digest(id, &all_well(skip)).await.unwrap();
        let is_told = settled == SettledDigest::Queued;
        assert_eq!(is_told, case == "told", "{case}");
        assert_eq!(store.open_digest(id).await.unwrap(), None);
        let again = store.settle_digest(id, &all_well(None)).await.unwrap();
        assert_eq!(again, SettledDigest::Over, "{case}");
        let filter = LineFilter { person: Some(it.reader), ..LineFilter::default() };
        let of_reader = store.ledger(org, filter, page(9)).await.unwrap().items;
        assert_eq!(of_reader.len(), 1, "{case}");
        assert_eq!((of_reader[0].id, of_reader[0].stage.as_str()), (id, "digest"));
        let facts = store.message_facts(org, id).await.unwrap();
        assert_eq!(facts.digest.unwrap().sites, all_well(None).sites, "as it was counted");
        lines.push((of_reader[0].state, of_reader[0].reason_code.clone()));
    }
    let expected = [
        (IntentState::Queued, "digest"),
        (IntentState::Suppressed, "nothing_to_say"),
        (IntentState::Suppressed, "gone"),
        (IntentState::Suppressed, "opted_out"),
        (IntentState::Suppressed, "opted_out"),
    ];
    assert_eq!(lines, expected.map(|(state, code)| (state, code.to_owned())));
    let balance = store.balance(org, NOON, NOON.plus_millis(DAY)).await.unwrap();
    assert_eq!(balance.planned, 5);
    let counts = store.queue_counts().await.unwrap();
    let mails = counts.iter().find(|count| count.queue == "send_email").unwrap();
    assert_eq!(mails.waiting, 1);
}

pub(crate) async fn a_digest_that_the_queue_lost_is_given_to_it_again(world: &World) {
    let (store, mut db) = (&world.store, Database::of(world).await);
    let (org, _, _) = world.units(1).await;
    let (it, id) = begun(world, &mut db, org).await;
    world.clock.set(it.due_at.plus_millis(9 * MINUTE));
    assert_eq!(store.sweep_digests().await.unwrap(), 0, "its job may still be at it");
    world.clock.set(it.due_at.plus_millis(11 * MINUTE));
    assert_eq!((store.sweep_digests().await.unwrap(), waiting_jobs(store).await), (1, 2));
    assert_eq!(store.sweep_digests().await.unwrap(), 0);
    store.settle_digest(id, &all_well(None)).await.unwrap();
    world.clock.set(it.due_at.plus_millis(60 * MINUTE));
    assert_eq!(store.sweep_digests().await.unwrap(), 0);
}

pub(crate) async fn a_subscription_is_edited_ended_and_brought_back(world: &World) {
    let (store, by) = (&world.store, Actor::Hub);
    let (org, site, _) = world.units(1).await;
    let member = store.create_user("reader@example.test", "Reader", None).await.unwrap().id;
    let reader = PersonId::User(member);
    let plan = || at_minute("UTC", 13 * 60);
    let stranger = store.create_digest_subscription(org, reader, plan(), by).await;
    assert!(matches!(stranger, Err(StoreError::NotFound)), "{stranger:?}");
    store.set_membership(org, member, Role::Viewer).await.unwrap();
    let foreign = DigestPlan { sites: vec![world.site(world.org().await).await], ..plan() };
    let foreign = store.create_digest_subscription(org, reader, foreign, by).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");

    let chosen = DigestPlan { sites: vec![site], ..plan() };
    let it = store.create_digest_subscription(org, reader, chosen, by).await.unwrap();
    assert_eq!(it.due_at, NOON.plus_millis(60 * MINUTE));
    assert_eq!(store.digest_subscription(org, it.id).await.unwrap(), Some(it.clone()));
    // moved to an hour that is past: its next day, and none of today's since it was not wanted then
    let earlier = DigestPlan { sites: vec![site], ..at_minute("UTC", 11 * 60) };
    let edited = store.edit_digest_subscription(org, it.id, 1, earlier, by).await.unwrap();
    assert_eq!((edited.due_at, edited.edition.version), (NOON.plus_millis(23 * 60 * MINUTE), 2));
    assert!(!store.begin_digest(&it, NOON.plus_millis(DAY)).await.unwrap(), "it was edited since");
    let stale = store.edit_digest_subscription(org, it.id, 1, plan(), by).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");

    store.delete_digest_subscription(org, it.id, by).await.unwrap();
    let later = NOON.plus_millis(3 * DAY);
    assert!(due(store, later).await.is_empty(), "nobody wants it");
    world.clock.set(later);
    let back = store.restore_digest_subscription(org, it.id, by).await.unwrap();
    assert_eq!((back.last.until, back.due_at), (later, later.plus_millis(23 * 60 * MINUTE)));
    let now = back.due_at;
    world.clock.set(now);
    assert!(store.begin_digest(&back, now).await.unwrap());
    store.delete_digest_subscription(org, it.id, by).await.unwrap();
    store.purge_digest_subscription(org, it.id, by).await.unwrap();
    let mut db = Database::of(world).await;
    assert!(rows_of(&mut db, it.id).await.is_empty());

    let of_contact = subscribed(world, org, plan()).await;
    let PersonId::Contact(contact) = of_contact.reader else { panic!("it is a contact's") };
    store.delete_contact(org, contact, by).await.unwrap();
    store.purge_contact(org, contact, by).await.unwrap();
    assert_eq!(store.digest_subscription(org, of_contact.id).await.unwrap(), None);

    for _ in 0..MOST_DIGESTS {
        store.create_digest_subscription(org, reader, plan(), by).await.unwrap();
    }
    let full = store.create_digest_subscription(org, reader, plan(), by).await;
    assert!(matches!(full, Err(StoreError::InUse(_))), "{full:?}");
    assert_eq!(
        all_pages(|page| store.digest_subscriptions(org, Life::Present, page)).await.len(),
        10
    );
}
