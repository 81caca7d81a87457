//! People are told: from a reading to an SMS and an e-mail, and back by an answer, through HTTP and real partners' stands.

mod losses;
mod story;
mod world;

pub(crate) use world::World;

/// Makes each scenario a test on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($file:ident::$scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let Some(world) = super::World::on_sqlite().await else { return };
                super::$file::$scenario(&world).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let Some(world) = super::World::on_postgres().await else { return };
                super::$file::$scenario(&world).await;
            })+
        }
    };
}

on_both_databases! {
    story::an_alarm_is_told_and_an_answer_acknowledges_it,
    story::who_is_not_told_stands_in_the_ledger_with_the_reason,
    story::what_telnyx_does_not_sign_moves_nothing,
    losses::an_answer_that_was_lost_is_waited_for,
    losses::a_provider_that_is_down_is_asked_again,
    losses::who_cannot_be_reached_by_sms_gets_an_e_mail,
}
