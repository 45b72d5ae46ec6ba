//! Acceptance lines of releases step by step.

use super::line::Line;
use crate::command::TaskResult;
use crate::run;

fn figures() -> TaskResult {
    run::bench(&["splitter", "rollout-judgement"])?;
    run::bench(&["drift"])?;
    run::bench(&["rollback"])
}

pub const LINES: &[Line] = &[
    Line {
        claim: "killing agent, splitter or server at random in 200 rollouts in `sim` and 20 real ones leaves exactly the versions of the step in force",
        shown_by: &[
            "seeds_",
            "two_hundred_rollouts_with_kills_end_as_they_should",
            "an_agent_that_is_killed_at_any_write_goes_on_where_its_memory_says",
            "attack_a_killed_installation_goes_on_with_the_step_in_force",
            "kills_at_random_leave_the_versions_of_the_step_in_force",
            "a_full_or_broken_disk_ends_nothing_and_loses_no_end",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "the window table passes at server, agent and CLI in four zones; a server that lies about windows gets nothing deployed",
        shown_by: &[
            "the_table_of_windows_holds",
            "the_table_holds_at_agent_server_and_verifier",
            "attack_a_server_hands_out_a_release_outside_its_windows",
            "a_release_outside_its_windows_is_held_and_goes_when_they_are_open",
            "a_release_under_way_widens_only_inside_its_windows",
            "an_override_lasts_four_hours_at_one_place",
            "a_release_soaks_until_its_time_has_ended_or_people_lift_it",
            "cron_rules_hold_in_each_minute",
            "recurrence_rules_hold_on_each_day",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "a hand-edited file, variable, binary, extra process and changed kernel setting are seen, named and corrected or frozen by policy",
        shown_by: &[
            "a_hand_edited_place_is_corrected_as_root",
            "a_hand_edited_place_is_only_told_as_root",
            "a_hand_edited_place_is_frozen_as_root",
            "a_hand_edited_file_that_comes_again_is_left",
            "a_hand_edited_setting_is_corrected_or_frozen_in_a_network_of_its_own",
            "a_hand_edited_variable_of_one_of_two_processes_as_root",
            "a_hand_edited_file_is_put_back_without_a_release",
            "a_hand_edited_file_waits_for_its_layer_as_root",
            "a_hand_edited_file_is_put_back_from_a_layer_that_was_missing",
            "rules_of_a_firewall_are_compared_in_a_network_of_its_own",
            "a_process_in_the_agents_control_group_is_ended_or_told",
            "a_stranger_at_the_places_port_is_told_as_root",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "a rollback is not undone by the next run, the next promotion or a restart; lifting the bar is a statement by somebody not behind the change",
        shown_by: &[
            "a_canary_gets_everything_by_its_numbers_and_a_bad_one_goes_back",
            "a_failed_rollout_bars_its_artifact_until_it_runs_again",
            "a_failed_release_comes_again_only_after_a_lift_of_its_own_failure",
            "release::bars::",
            "release::rollbacks::",
            "release::by_hand::",
            "it_ends_what_was_due_and_no_run_brings_back_what_it_took_away",
            "every_forgery_is_refused_by_name",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "everything that the demo's installation has in force is reproduced by `apply` from files into an empty one",
        shown_by: &[
            "an_empty_installation_gets_everything_and_a_second_run_nothing",
            "what_is_exported_declares_what_is_in_force",
            "files_come_into_force_once_and_what_is_in_no_file_stays_until_it_is_pruned",
            "attack_bad_files_are_faults_with_line_and_remedy",
            "the_rehearsal_tells_its_story_and_leaves_a_ledger_that_anyone_can_check",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "from `replace` to a canary with an error budget in five lines of YAML, by the docs alone",
        shown_by: &["five_lines_make_a_canary_with_an_error_budget", "a_rollout_holds_in_its_environments"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "bad input: numbers that flap, clocks that jump, kills at every step, an older plan that arrives late, a service that ignores SIGTERM, taken ports, a full disk, bombs of calendars, windows that never open",
        shown_by: &[
            "attack_numbers_that_flap_end_in_a_known_state",
            "attack_a_clock_that_jumps_skips_no_pause_and_ends_no_rollout",
            "a_clock_that_is_set_back_makes_no_window_longer",
            "without_requests_nothing_is_widened_and_the_limit_ends_it",
            "a_release_that_arrives_again_changes_nothing_during_its_rollout_and_after_it",
            "a_disk_that_does_not_take_the_evidence_begins_nothing",
            "attack_bombs_of_calendars_and_rules_end",
            "a_release_is_tried_again_when_its_windows_open_and_not_before",
            "attack_a_stranger_on_the_port_of_a_rollout",
            "numbers_stop_a_rollout_as_root",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "a preview is made by one request from a signed template, is evidence for no other place, and is removed on time with everything that it left: on request, after a kill of its agent, without its template, and after keys have changed",
        shown_by: &[
            "release::previews::",
            "slots_names_and_templates_of_previews_are_kept_apart",
            "a_preview_ends_by_request_and_is_forgotten_once_its_agent_removed_it",
            "nothing_that_stays_comes_after_a_preview_or_shares_its_agent",
            "a_preview_ends_on_time_and_clocks_that_jump_neither_end_nor_revive_it",
            "everything_goes_but_the_memory_and_the_outbox_and_links_are_not_followed",
            "each_preview_is_told_with_its_state_its_owner_and_its_end",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "figures: the splitter beside HAProxy, the judgement of rollouts, the time to a rollback, drift of 10,000 files",
        shown_by: &[],
        done_by: Some(figures),
        lacks: None,
    },
];
