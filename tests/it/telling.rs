//! People are told: from a reading to an SMS and an e-mail, and back by an answer, through HTTP and real partners' stands.

mod accounts;
mod away;
mod canary;
mod losses;
mod mails;
mod setup;
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
    losses::answers_that_are_lost_are_waited_for,
    losses::a_provider_that_is_down_is_asked_again,
    mails::a_link_acknowledges_once_and_by_a_button,
    mails::links_that_are_not_good_are_all_alike,
    mails::a_link_is_good_for_the_round_that_it_told_of,
    mails::one_click_ends_mails_and_alarms_find_another_way,
    mails::owners_and_tests_have_no_link_that_ends_mails,
    accounts::an_invitation_comes_by_mail_and_its_end_is_known,
    accounts::links_of_accounts_work_in_a_browser,
    accounts::a_first_owner_is_invited_by_mail,
    accounts::a_mail_that_may_have_arrived_has_the_link_of_the_next,
    accounts::a_forgotten_password_is_set_by_a_mail_alone,
    accounts::a_mail_of_an_account_is_not_lost,
    accounts::a_colleague_has_a_link_mailed_and_does_not_see_it,
    setup::members_test_the_way_to_themselves,
    setup::owners_are_told_once_that_sms_cannot_be_sent,
    setup::owners_are_told_by_sms_that_mails_cannot_be_sent,
    losses::who_cannot_be_reached_by_sms_gets_an_e_mail,
    several::an_answer_to_a_message_of_several_acknowledges_all_of_them,
    several::everybody_has_a_sentence,
    several::whom_a_policy_names_later_is_told_at_once,
    away::what_is_silent_after_the_hub_was_away_is_told_once_and_not_at_once,
}
