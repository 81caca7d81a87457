//! One suite, every backend: memory, SQLite and a private PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod accounts;
mod alerts;
mod audit;
mod commits;
mod crashes;
mod data;
mod databases;
mod digests;
mod erasure;
mod live;
mod loads;
mod nodes;
mod radio;
mod redis;
mod requests;
mod rules;
mod sensors;
mod tenancy;
mod tenants;
mod tree;
mod tree_lives;
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

/// Makes each scenario a test on both databases: of what the memory backend does not keep.
macro_rules! on_both_databases {
    ($($file:ident: $($scenario:ident),+ $(,)?;)+) => {
        mod on_sqlite {
            $(mod $file {
                $(#[tokio::test]
                async fn $scenario() {
                    crate::$file::$scenario(&crate::world::World::on_sqlite().await).await;
                })+
            })+
        }
        mod on_postgres {
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
    accounts:
        a_session_ends_when_nobody_renews_it,
        a_token_used_again_ends_its_session_and_no_other,
        tokens_that_are_over_are_forgotten,
        links_end_and_are_few,
        a_step_and_a_recovery_code_are_taken_once,
        an_invitation_ends_and_leaves_nothing_half_done,
        a_stay_ends_by_itself_and_is_on_record,
        who_is_no_operator_any_more_stays_nowhere,
        a_stay_that_begins_as_its_operator_goes_is_over,
        a_reset_leaves_one_way_into_an_unproven_account;
    sensors:
        assignments_follow_each_other_and_never_overlap,
        a_change_is_noted_until_it_is_carried_through,
        a_unit_that_was_left_at_once_is_told,
        what_failed_is_looked_at_after_the_others,
        what_is_left_to_do_of_a_deleted_organization_waits,
        what_is_claimed_is_noted_as_nobodys_no_more,
        the_earliest_of_the_newest_calibrations_is_owed,
        a_gateway_is_noted_once_a_minute,
        a_sensor_is_claimed_once_with_its_frames,
        nobody_touches_sensors_of_another;
    digests:
        each_day_has_one_over_both_changes_of_the_clocks,
        of_many_that_look_one_begins_a_digest,
        what_was_missed_is_made_up_by_one,
        a_digest_counts_what_the_histories_say,
        a_digest_is_told_or_its_line_says_why_not,
        a_digest_that_the_queue_lost_is_given_to_it_again,
        a_subscription_is_edited_ended_and_brought_back;
    erasure:
        an_erasure_leaves_nothing_and_touches_nothing_of_others,
        an_erasure_that_was_cut_goes_on,
        the_audit_log_of_nobody_else_can_be_erased;
    tenancy:
        members_are_edited_within_the_editors_reach,
        one_owner_stays_however_many_go_at_once,
        an_address_is_invited_once_at_a_time,
        a_link_shows_the_sites_it_was_made_for,
        a_deleted_organization_is_as_none_until_its_owner_restores_it;
    audit:
        each_change_is_one_entry_with_before_and_after,
        what_was_and_what_is_are_in_each_entry_of_people_sensors_and_windows,
        two_who_rename_a_person_at_once_tell_one_story,
        entries_are_narrowed_newest_first,
        a_contact_is_kept_while_a_policy_names_them;
    requests:
        a_key_tells_what_was_made_and_holds_a_day;
    rules:
        a_rule_is_edited_taken_away_and_brought_back,
        a_rule_whose_end_would_leave_a_contradiction_stays;
    data:
        pages_of_readings_are_all_of_them_in_either_order,
        a_cursor_of_readings_stays_where_it_is_under_inserts,
        buckets_say_what_the_readings_say,
        a_month_of_one_unit_in_buckets_is_quick,
        a_history_is_whole_without_gaps_and_does_not_go_back,
        an_export_has_every_table_and_nothing_of_others;
    tree_lives:
        an_edit_is_of_the_edition_it_was_made_for,
        what_holds_something_is_not_deleted,
        a_unit_is_deleted_only_as_its_actor_left_it,
        a_unit_comes_back_only_to_what_is_there,
        a_unit_that_comes_back_is_told_what_it_missed,
        a_preset_is_held_against_the_rules,
        a_purged_unit_leaves_nothing_but_its_audit,
        a_unit_whose_purge_was_broken_off_does_not_come_back,
        a_purge_takes_a_site_with_its_rules,
        units_are_found_by_their_names;
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
        the_newest_judged_reading_of_a_point_is_found,
        a_site_is_loaded_with_all_it_has,
        what_is_peeked_at_stays_with_whoever_has_it,
        a_unit_is_loaded_under_the_present_epoch_only,
        sites_that_are_due_are_found,
        many_sites_are_loaded_at_once;
}
