//! The queue and its workers, on both databases, with workers in this process and in others that are killed, stopped
//! and cut off. Each test closes one way in which jobs were seen to get lost.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod attempts;
mod deeds;
mod diary;
mod letters;
mod losses;
mod process;
mod tables;
mod world;

/// Makes each scenario a test on both databases.
macro_rules! on_both_databases {
    ($($file:ident: $($scenario:ident),+ $(,)?;)+) => {
        mod on_sqlite {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
                async fn $scenario() {
                    crate::$file::$scenario(&crate::world::World::on_sqlite().await).await;
                })+
            })+
        }
        mod on_postgres {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
                async fn $scenario() {
                    crate::$file::$scenario(&crate::world::World::on_postgres().await).await;
                })+
            })+
        }
    };
}

on_both_databases! {
    deeds:
        a_job_is_done_once_and_soon,
        a_worker_is_never_deaf,
        a_job_waits_for_its_time,
        a_nudge_is_quicker_than_a_look,
        a_queue_keeps_to_its_rate,
        no_more_run_at_once_than_the_queue_says;
    attempts:
        failures_are_tried_again_after_pauses_that_grow_and_end_as_a_dead_letter,
        a_pause_that_a_provider_asks_for_is_kept,
        what_is_given_up_is_a_dead_letter_at_once,
        a_panic_is_a_failure_and_its_worker_lives,
        an_attempt_that_takes_too_long_is_ended,
        a_job_that_nobody_can_read_is_given_up_and_its_worker_lives,
        a_job_whose_worker_died_in_every_attempt_is_given_up;
    losses:
        a_worker_that_blocks_keeps_its_job,
        jobs_that_wait_behind_slow_ones_are_not_taken_over,
        a_worker_that_ends_is_started_again,
        a_worker_that_stops_finishes_what_runs_and_gives_back_the_rest,
        a_killed_processs_job_is_taken_over_within_20_s,
        a_process_that_comes_back_after_a_kill_takes_its_own_job_over,
        a_process_that_slept_does_nothing_with_what_was_taken_over,
        a_process_that_slept_does_not_begin_what_it_had_fetched,
        a_database_that_goes_away_stops_no_worker;
    letters:
        dead_letters_are_listed_and_tried_again_by_hand,
        queues_are_counted_by_what_they_have,
        who_answers_people_may_promise_a_job_and_see_none;
    tables:
        a_key_is_one_job_and_a_second_one_spoils_nothing,
        a_job_is_there_when_its_transaction_is_and_not_else,
        what_is_over_is_purged_and_its_key_is_free_again,
        three_thousand_jobs_take_seconds,
        migrating_again_changes_nothing;
}
