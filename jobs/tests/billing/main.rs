//! Billing on real parts: both databases, and Stripe as its own documents describe it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod subscriptions;
mod usage;
mod world;

/// Makes each scenario a test on both databases.
macro_rules! on_both_databases {
    ($($file:ident: $($scenario:ident),+ $(,)?;)+) => {
        mod sqlite {
            $(mod $file {
                $(#[tokio::test]
                async fn $scenario() {
                    crate::$file::$scenario(&crate::world::World::on_sqlite().await).await;
                })+
            })+
        }
        mod postgres {
            $(mod $file {
                $(#[tokio::test]
                async fn $scenario() {
                    crate::$file::$scenario(&crate::world::World::on_postgres().await).await;
                })+
            })+
        }
    };
}

on_both_databases! {
    subscriptions:
        webhooks_in_any_order_and_doubled_end_with_what_stripe_has,
        stripe_away_for_an_hour_loses_nothing,
        an_answer_to_an_older_question_changes_nothing,
        what_speaks_of_nobody_is_settled,
        a_webhook_that_never_came_is_made_up_for;
    usage:
        each_day_is_told_once_whatever_is_lost,
        late_readings_are_told_as_more_and_after_a_month_as_an_adjustment,
        two_that_tell_at_once_tell_the_same,
        nothing_is_told_of_who_has_not_subscribed,
        a_day_has_the_plan_of_its_last_count,
        a_bill_is_made_of_the_ledger_alone;
}
