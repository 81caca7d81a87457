//! One suite, every backend: memory, SQLite and a private PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod alerts;
mod commits;
mod crashes;
mod databases;
mod live;
mod loads;
mod radio;
mod rules;
mod tenants;
mod tree;
mod world;

/// Makes each scenario a test on every backend.
macro_rules! on_every_backend {
    ($($file:ident: $($scenario:ident),+ $(,)?;)+) => {
        mod memory {
            $(mod $file {
                $(#[tokio::test]
                async fn $scenario() {
                    crate::$file::$scenario(&crate::world::World::in_memory().await).await;
                })+
            })+
        }
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

on_every_backend! {
    tenants:
        people_and_their_roles,
        an_address_or_subject_is_one_persons,
        signing_keys_come_back_oldest_first,
        keys_are_revoked_once_and_touched_in_minutes,
        webhook_connections_are_found_by_their_id;
    tree:
        what_was_made_is_read_back_and_audited,
        nobody_reads_or_builds_on_what_is_anothers,
        lists_come_in_pages,
        a_cursor_of_nobodys_is_refused,
        sensors_are_one_of_their_radio_identity,
        many_sensors_are_resolved_at_once;
    rules:
        each_edit_is_a_version,
        a_rule_that_contradicts_a_unit_below_is_refused,
        a_unit_that_contradicts_the_rules_above_is_refused,
        equal_rules_share_one_value,
        a_rule_needs_a_scope_of_its_organization;
    radio:
        a_frame_is_kept_once_with_its_best_signal,
        frames_without_a_session_are_told_apart_by_their_payload,
        frames_of_a_unit_come_newest_first,
        unclaimed_sensors_are_counted_until_they_are_registered;
    commits:
        a_group_of_many_units_is_written_whole,
        a_unit_moved_by_another_is_left_out_alone,
        a_site_taken_over_takes_no_more_commits,
        a_reading_that_was_not_fresh_is_a_conflict_of_its_unit_alone,
        a_late_reading_that_is_judged_after_all_is_taken_over,
        a_reading_said_twice_as_fresh_is_a_conflict,
        late_readings_duplicates_and_contradictions_are_told_apart,
        nothing_of_a_conflicted_unit_is_written,
        what_builds_on_a_failed_commit_fails_too,
        commits_of_one_unit_are_done_in_order,
        readings_are_listed_in_order_of_their_time,
        every_field_of_a_reading_comes_back,
        an_empty_commit_changes_nothing;
    alerts:
        an_alert_lives_through_all_its_events,
        one_alert_of_a_kind_is_open_at_most,
        an_alert_opened_and_resolved_in_one_commit_is_kept,
        a_kind_resolved_and_opened_again_in_one_commit_is_two_alerts,
        an_event_of_an_alert_that_is_not_there_is_a_conflict,
        alerts_are_filtered_and_paged_newest_first,
        ten_thousand_alerts_open_at_once;
    loads:
        a_loaded_unit_folds_to_the_state_before,
        late_readings_are_not_judged_again,
        a_site_is_loaded_with_all_it_has,
        a_unit_is_loaded_under_the_present_epoch_only,
        sites_that_are_due_are_found,
        many_sites_are_loaded_at_once;
}
