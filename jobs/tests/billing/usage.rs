//! Usage: counted, told, told again, corrected.

use std::collections::BTreeMap;

use hub_domain::{Bill, Clock as _, Meter, Plan, UtcDay};
use hub_jobs::billing::{Span, Told, report_usage, sync_subscription, tell_usage};
use hub_testkit::contract_mock::{ContractMock, Fault};

use crate::world::{Customer, NOON, World, stripe};

/// An organization that subscribed at noon, and Stripe.
async fn subscribed(world: &World) -> Option<(Customer, ContractMock, hub_billing::Billing)> {
    let customer = world.customer().await;
    let (mock, billing) = stripe(customer.org, "active").await?;
    sync_subscription(&world.store, &billing, "sub_1", &*world.clock).await.unwrap();
    Some((customer, mock, billing))
}

/// What Stripe has of a meter: by identifier, value and instant in seconds.
async fn has(mock: &ContractMock, meter: Meter) -> BTreeMap<String, (u64, i64)> {
    let mut known = BTreeMap::new();
    for entry in mock.accepted("POST", "/v1/billing/meter_events").await {
        let body = &entry.body;
        if body["event_name"] != meter.name() {
            continue;
        }
        assert_eq!(body["payload"]["stripe_customer_id"], "cus_1");
        let value = body["payload"]["value"].as_str().unwrap().parse().unwrap();
        let at = format!("{:.0}", body["timestamp"].as_f64().unwrap()).parse().unwrap();
        let before = known.insert(body["identifier"].as_str().unwrap().to_owned(), (value, at));
        assert_eq!(before, None, "an identifier was taken twice");
    }
    known
}

fn values(known: &BTreeMap<String, (u64, i64)>) -> Vec<u64> {
    known.values().map(|(value, _)| *value).collect()
}

/// The clock is an hour and a minute past the end of that day.
fn settle(world: &World, day: UtcDay) {
    world.clock.set(day.ends_at().plus_secs(3_660));
}

pub(crate) async fn each_day_is_told_once_whatever_is_lost(world: &World) {
    let Some((customer, mock, billing)) = subscribed(world).await else { return };
    let (store, clock) = (&world.store, &*world.clock);
    let first = world.today();
    world.readings(customer, first, "a", 0..30).await;
    world.readings(customer, first, "b", 0..10).await;
    let told = report_usage(store, &billing, Span::Recent, clock).await.unwrap();
    assert_eq!((told.counted, told.told), (2, 0), "the day is not over");
    assert_eq!(report_usage(store, &billing, Span::Recent, clock).await.unwrap(), Told::default());

    // Stripe is away as the day ends, then loses one answer, says that it is busy, and is well again
    settle(world, first);
    mock.faults(Fault::accept_then_drop("POST /v1/billing/meter_events")).await;
    mock.faults(Fault::status("POST /v1/billing/meter_events", 503).times(2)).await;
    mock.faults(Fault::garbage("POST /v1/billing/meter_events")).await;
    let mut rounds = 0;
    let is_left = async || {
        let due = store.due_usage(clock.now().plus_secs(86_400), 10).await.unwrap();
        due.iter().any(|line| line.key.day == first)
    };
    while is_left().await {
        report_usage(store, &billing, Span::Recent, clock).await.unwrap();
        clock.forward(600);
        rounds += 1;
        assert!(rounds < 20, "it does not end");
    }
    let (sensors, readings) =
        (has(&mock, Meter::ActiveSensors).await, has(&mock, Meter::TemperatureReadings).await);
    // the day that runs by then is not told
    assert_eq!((values(&sensors), values(&readings)), (vec![2], vec![40]));
    let (name, (_, at)) = readings.first_key_value().unwrap();
    assert_eq!(*name, format!("{}:temperature_readings:2026-11-20", customer.org));
    assert_eq!(UtcDay::of(hub_domain::Timestamp::from_millis(at * 1_000)), first);
    mock.ensure_clean().await;
}

pub(crate) async fn late_readings_are_told_as_more_and_after_a_month_as_an_adjustment(
    world: &World,
) {
    let Some((customer, mock, billing)) = subscribed(world).await else { return };
    let (store, clock) = (&world.store, &*world.clock);
    let day = world.today();
    world.readings(customer, day, "a", 0..20).await;
    settle(world, day);
    report_usage(store, &billing, Span::Recent, clock).await.unwrap();

    // a gateway was offline for three days
    clock.set(day.plus(3).begins_at().plus_secs(43_200));
    world.readings(customer, day, "a", 20..25).await;
    world.readings(customer, day, "b", 0..5).await;
    report_usage(store, &billing, Span::Whole, clock).await.unwrap();
    // and a logger came back from a store room after forty
    clock.set(day.plus(40).begins_at().plus_secs(43_200));
    world.readings(customer, day, "c", 0..7).await;
    report_usage(store, &billing, Span::Whole, clock).await.unwrap();
    report_usage(store, &billing, Span::Whole, clock).await.unwrap();

    let of_day = |known: BTreeMap<String, (u64, i64)>| -> Vec<(u64, UtcDay)> {
        let of_day = known.into_iter().filter(|(name, _)| name.contains("2026-11-20"));
        of_day
            .map(|(_, (value, at))| {
                (value, UtcDay::of(hub_domain::Timestamp::from_millis(at * 1_000)))
            })
            .collect()
    };
    let readings = of_day(has(&mock, Meter::TemperatureReadings).await);
    assert_eq!(readings, [(20, day), (10, day), (7, day.plus(40))]);
    let sensors = has(&mock, Meter::ActiveSensors).await;
    assert_eq!(of_day(sensors.clone()), [(1, day), (2, day)], "a day so old changes no bill");
    let last: Vec<i64> = sensors
        .iter()
        .filter(|(name, _)| name.contains("2026-11-20"))
        .map(|(_, (_, at))| *at)
        .collect();
    assert!(last[0] < last[1], "the correction is the last word on its day");
    let silent = sensors.values().filter(|(value, _)| *value == 0).count();
    assert_eq!(silent, 2 + 34, "days without a sensor are told, as far back as Stripe takes them");
    mock.ensure_clean().await;
}

pub(crate) async fn two_that_tell_at_once_tell_the_same(world: &World) {
    let Some((customer, mock, billing)) = subscribed(world).await else { return };
    let day = world.today();
    for sensor in ["a", "b", "c"] {
        world.readings(customer, day, sensor, 0..4).await;
    }
    settle(world, day);
    let report = || report_usage(&world.store, &billing, Span::Recent, &*world.clock);
    let (one, other, third) = tokio::join!(report(), report(), report());
    for told in [one, other, third] {
        assert_eq!(told.unwrap().not_told, 0);
    }
    world.clock.forward(7_200); // one that met another at its work comes again
    tell_usage(&world.store, &billing, &*world.clock).await.unwrap();
    assert_eq!(values(&has(&mock, Meter::TemperatureReadings).await), [12]);
    assert_eq!(values(&has(&mock, Meter::ActiveSensors).await), [3]);
    assert_eq!(world.store.due_usage(world.clock.now(), 10).await.unwrap(), []);
    mock.ensure_clean().await;
}

pub(crate) async fn nothing_is_told_of_who_has_not_subscribed(world: &World) {
    let trying = world.customer().await;
    world.readings(trying, world.today(), "a", 0..9).await;
    let Some((_, mock, billing)) = subscribed(world).await else { return };
    settle(world, world.today());
    report_usage(&world.store, &billing, Span::Whole, &*world.clock).await.unwrap();
    let told = has(&mock, Meter::ActiveSensors).await;
    assert!(told.keys().all(|name| !name.starts_with(&trying.org.to_string())), "{told:?}");
    let month = UtcDay::of(NOON).month();
    let ledger = world.store.usage_of(trying.org, month.first(), month.end()).await.unwrap();
    let bill = Bill::of(month, &ledger);
    assert_eq!((bill.cents(), bill.usage[1].value), (0, 0), "a trial is free");
    assert!(ledger.iter().any(|line| line.line.value == 9), "and in the ledger all the same");
}

pub(crate) async fn a_day_has_the_plan_of_its_last_count(world: &World) {
    let customer = world.customer().await;
    let Some((_mock, billing)) = stripe(customer.org, "active").await else { return };
    let month = world.today().month();
    let billed = async || {
        world.store.count_usage(world.today(), world.clock.now()).await.unwrap();
        let ledger = world.store.usage_of(customer.org, month.first(), month.end()).await.unwrap();
        let plans = Bill::of(month, &ledger).plans;
        plans.iter().map(|plan| (plan.plan, plan.days)).collect::<Vec<_>>()
    };
    world.readings(customer, world.today(), "a", 0..5).await;
    assert_eq!(billed().await, [], "it is tried out");
    sync_subscription(&world.store, &billing, "sub_1", &*world.clock).await.unwrap();
    assert_eq!(billed().await, [(Plan::Pro, 1)], "and subscribed in the evening");
}

pub(crate) async fn a_bill_is_made_of_the_ledger_alone(world: &World) {
    let Some((customer, mock, billing)) = subscribed(world).await else { return };
    let first = world.today(); // the 20th: ten more days to the end of the month, and one after it
    for number in 0..11 {
        let day = first.plus(number);
        world.clock.set(day.begins_at().plus_secs(43_200));
        world.readings(customer, day, "a", 0..100).await;
        settle(world, day);
        report_usage(&world.store, &billing, Span::Recent, &*world.clock).await.unwrap();
    }
    let month = first.month();
    let ledger = world.store.usage_of(customer.org, month.first(), month.end()).await.unwrap();
    let bill = Bill::of(month, &ledger);
    let plans: Vec<_> = bill.plans.iter().map(|plan| (plan.plan, plan.days)).collect();
    assert_eq!(plans, [(Plan::Pro, 11)]);
    assert_eq!(bill.cents(), 7_900 * 11 / 30 + 1); // 2896.67
    let usage: Vec<_> = bill.usage.iter().map(|total| (total.value, total.told)).collect();
    assert_eq!(usage, [(1, 1), (1_100, 1_100)]);
    let told = has(&mock, Meter::TemperatureReadings).await;
    assert_eq!(told.values().map(|(value, _)| value).sum::<u64>(), 1_100, "Stripe has the same");
    mock.ensure_clean().await;
}
