//! People are told: from a reading to an SMS and an e-mail, and back by an answer, through HTTP and real partners' stands.

mod away;
mod losses;
mod several;
mod story;
mod world;

pub(crate) use story::webhook_path;
pub(crate) use world::World;

/// Makes each scenario a test, on SQLite and on PostgreSQL at once: most of their time they wait.
macro_rules! on_both_databases {
    ($($file:ident::$scenario:ident),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $scenario() {
            let on_sqlite = tokio::spawn(async {
                let Some(mut world) = World::on_sqlite().await else { return };
                $file::$scenario(&mut world).await;
            });
            let on_postgres = tokio::spawn(async {
                let Some(mut world) = World::on_postgres().await else { return };
                $file::$scenario(&mut world).await;
            });
            on_sqlite.await.expect("on SQLite");
            on_postgres.await.expect("on PostgreSQL");
        })+
    };
}

on_both_databases! {
    story::an_alarm_is_told_and_an_answer_acknowledges_it,
    story::who_is_not_told_stands_in_the_ledger_with_the_reason,
    story::what_telnyx_does_not_sign_moves_nothing,
    losses::an_answer_that_was_lost_is_waited_for,
    losses::a_provider_that_is_down_is_asked_again,
    losses::who_cannot_be_reached_by_sms_gets_an_e_mail,
    several::an_answer_to_a_message_of_several_acknowledges_all_of_them,
    several::everybody_has_a_sentence,
    several::whom_a_policy_names_later_is_told_at_once,
    away::what_is_silent_after_the_hub_was_away_is_told_once_and_not_at_once,
}
