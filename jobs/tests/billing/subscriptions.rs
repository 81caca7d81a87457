//! Webhooks and what comes of them.

use hub_domain::{Clock as _, Feature, OrgId, Plan, SubscriptionState};
use hub_jobs::billing::{Worked, sync_subscription, sync_subscriptions, work_webhooks};
use hub_store::records::{Actor, NewestSubscription};
use hub_testkit::contract_mock::Fault;
use serde_json::json;

use crate::world::{NOON, World, stripe, subscription};

/// The life of a subscription, as Stripe tells it.
const LIFE: [(&str, &str); 4] = [
    ("customer.subscription.created", "active"),
    ("customer.subscription.updated", "past_due"),
    ("customer.subscription.updated", "active"),
    ("customer.subscription.deleted", "canceled"),
];

pub(crate) async fn webhooks_in_any_order_and_doubled_end_with_what_stripe_has(world: &World) {
    let org = world.customer().await.org;
    let Some((before, early)) = stripe(org, "active").await else { return };
    let Some((after, late)) = stripe(org, "canceled").await else { return };
    let (store, clock) = (&world.store, &*world.clock);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1], [3, 0, 2, 1]] {
        for worked_early in 0..=4 {
            let round = world.number();
            for (place, index) in order.into_iter().enumerate() {
                let (kind, status) = LIFE[index];
                let id = format!("evt_{round}_{index}");
                assert!(world.told(&id, kind, subscription(status)).await);
                assert!(!world.told(&id, kind, subscription(status)).await, "it is known");
                clock.forward(1);
                if place < worked_early {
                    work_webhooks(store, &early, clock).await.unwrap();
                    assert!(!world.told(&id, kind, subscription(status)).await, "it was worked");
                }
            }
            // whatever was worked before: Stripe has ended it by now, and tells so with the last event at the latest
            world.told(&format!("evt_{round}_x"), LIFE[3].0, subscription("canceled")).await;
            work_webhooks(store, &late, clock).await.unwrap();
            let account = store.billing_account(org).await.unwrap();
            assert_eq!(account.standing.state, SubscriptionState::Canceled, "{order:?}");
            assert_eq!(account.subscription.as_deref(), Some("sub_1"));
            clock.forward(1);
        }
    }
    assert_eq!(work_webhooks(store, &late, clock).await.unwrap(), Worked::default());
    before.ensure_clean().await;
    after.ensure_clean().await;
}

pub(crate) async fn stripe_away_for_an_hour_loses_nothing(world: &World) {
    let org = world.customer().await.org;
    let Some((mock, billing)) = stripe(org, "past_due").await else { return };
    let (store, clock) = (&world.store, &*world.clock);
    mock.faults(Fault::drop("* .*").times(9_999)).await;
    for index in [1, 0] {
        let (kind, status) = LIFE[index];
        world.told(&format!("evt_{index}"), kind, subscription(status)).await;
    }
    for _ in 0..60 {
        let worked = work_webhooks(store, &billing, clock).await.unwrap();
        assert_eq!(worked.settled, 0);
        clock.forward(60);
    }
    let asked = mock.ledger().await.len();
    assert!((2..=20).contains(&asked), "{asked} questions in an hour, for two events");
    let account = store.billing_account(org).await.unwrap();
    assert_eq!(account.standing.state, SubscriptionState::Trial, "nothing is known yet");
    mock.ensure_clean().await;
    mock.forget().await; // it is back

    clock.forward(3_600);
    let worked = work_webhooks(store, &billing, clock).await.unwrap();
    assert_eq!(worked, Worked { settled: 2, put_off: 0 });
    let account = store.billing_account(org).await.unwrap();
    assert_eq!(
        (account.standing.state, account.standing.plan),
        (SubscriptionState::PastDue, Plan::Pro)
    );
    for feature in [Feature::Readings, Feature::Alarms, Feature::AlarmSms] {
        assert!(
            account.standing.allows(feature, clock.now().plus_secs(90 * 86_400)),
            "{feature:?}"
        );
    }
    mock.ensure_clean().await;
}

pub(crate) async fn an_answer_to_an_older_question_changes_nothing(world: &World) {
    let org = world.customer().await.org;
    let newest = |state, asked: i64| NewestSubscription {
        id: "sub_1".to_owned(),
        customer: "cus_1".to_owned(),
        plan: Some(Plan::Haccp),
        state: Some(state),
        item: None,
        until: None,
        cancels_at: None,
        subscribed_at: NOON,
        asked_at: NOON.plus_millis(asked),
    };
    let note = async |state, asked| {
        world.store.note_subscription(org, &newest(state, asked), Actor::Hub).await.unwrap()
    };
    use SubscriptionState::{Active, Canceled, PastDue};
    assert!(note(Active, 10).await);
    assert!(note(PastDue, 30).await);
    assert!(!note(Active, 20).await, "that was asked before");
    assert!(!note(PastDue, 40).await, "nothing new");
    assert!(!note(Active, 35).await, "that was asked before, too");
    assert!(note(Active, 40).await, "of two at one instant the second");
    let account = world.store.billing_account(org).await.unwrap();
    assert_eq!((account.standing.state, account.version), (Active, 4));

    // another one gives way while this one lives, and takes its place once it has ended
    let other = |state, made: i64| NewestSubscription {
        id: "sub_2".to_owned(),
        subscribed_at: NOON.plus_millis(made),
        ..newest(state, 5)
    };
    assert!(!world.store.note_subscription(org, &other(Active, -1), Actor::Hub).await.unwrap());
    assert!(note(Canceled, 50).await);
    assert!(!world.store.note_subscription(org, &other(Canceled, 1), Actor::Hub).await.unwrap());
    assert!(world.store.note_subscription(org, &other(Active, 1), Actor::Hub).await.unwrap());
    let account = world.store.billing_account(org).await.unwrap();
    assert_eq!(account.subscription.as_deref(), Some("sub_2"));
    assert!(!note(Canceled, 60).await, "the old one says no more");
}

pub(crate) async fn what_speaks_of_nobody_is_settled(world: &World) {
    let nobody = OrgId(uuid_of_nobody());
    let Some((mock, billing)) = stripe(nobody, "active").await else { return };
    world.told("evt_1", LIFE[0].0, subscription("active")).await;
    world.told("evt_2", "payment_intent.succeeded", json!({ "id": "pi_1" })).await;
    world.told("evt_3", "invoice.paid", json!({ "object": "invoice", "customer": "cus_9" })).await;
    let worked = work_webhooks(&world.store, &billing, &*world.clock).await.unwrap();
    assert_eq!(worked, Worked { settled: 3, put_off: 0 });
    assert_eq!(mock.ledger().await.len(), 1, "of what is no subscription nothing is asked");
    mock.ensure_clean().await;

    // and after a month it is known no more
    world.clock.forward(30 * 86_400 + 1);
    assert_eq!(world.store.forget_webhooks(world.clock.now()).await.unwrap(), 3);
    assert!(world.told("evt_1", LIFE[0].0, subscription("active")).await);
}

fn uuid_of_nobody() -> uuid::Uuid {
    uuid::Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001)
}

pub(crate) async fn a_webhook_that_never_came_is_made_up_for(world: &World) {
    let org = world.customer().await.org;
    let Some((_active, early)) = stripe(org, "active").await else { return };
    let Some((ended, late)) = stripe(org, "canceled").await else { return };
    let (store, clock) = (&world.store, &*world.clock);
    assert_eq!(sync_subscription(store, &early, "sub_1", clock).await.unwrap(), org);
    clock.forward(86_399);
    assert_eq!(sync_subscriptions(store, &late, clock).await.unwrap(), 0, "it was asked today");
    clock.forward(2);
    assert_eq!(sync_subscriptions(store, &late, clock).await.unwrap(), 1);
    let account = store.billing_account(org).await.unwrap();
    assert_eq!(account.standing.state, SubscriptionState::Canceled);
    clock.forward(90_000);
    assert_eq!(sync_subscriptions(store, &late, clock).await.unwrap(), 0, "it has ended");
    ended.ensure_clean().await;
}
