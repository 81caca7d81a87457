//! Digests: from what units were shown as to a mail at somebody's hour, through HTTP, workers and a real mail server.

mod api;
mod losses;
mod truth;
mod world;

pub(crate) use world::World;

/// Makes each scenario a test on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($file:ident::$scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$file::$scenario(&mut super::World::on_sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$file::$scenario(&mut super::World::on_postgres().await).await;
            })+
        }
    };
}

on_both_databases! {
    api::everybody_has_digests_of_their_own_and_admins_those_of_contacts,
    api::what_is_wrong_is_named,
    truth::a_digest_tells_what_was_and_once,
    truth::who_is_not_told_has_a_line_that_says_why,
    losses::of_many_workers_one_tells,
    losses::a_hub_that_is_killed_on_the_way_tells_once,
    losses::the_days_of_an_absence_are_made_up_by_one,
}
