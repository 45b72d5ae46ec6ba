//! Acceptance lines of what ships beside code, of regulations, and of what is judged again.

use super::line::Line;
use crate::command::TaskResult;
use crate::run;

/// 5,000 decisions beside brute force, which a debug build would not end in time.
fn dry_run() -> TaskResult {
    run::bench(&["dry-run"])
}

pub const LINES: &[Line] = &[
    Line {
        claim: "every rule has its good and bad file; verdicts agree with other tools on real files",
        shown_by: &[
            "each_rule_is_broken_by_its_bad_tree_alone",
            "each_directory_is_of_a_rule",
            "ids_are_unique_and_sentences_have_one_form",
            "each_rule_is_broken_by_its_bad_image_alone",
            "pages_list_every_rule",
            "the_page_lists_every_rule",
            "published_plans_are_read_or_undecided_for_a_reason",
        ],
        done_by: None,
        lacks: Some(
            "the comparison with checkov, hadolint and zizmor was made once, and its tables stand in docs/conformance.md; no command makes it anew",
        ),
    },
    Line {
        claim: "each pack's fixtures pass and fail as named; OPA gives the same verdict on 100 generated inputs per rule",
        shown_by: &[
            "the_tests_of_every_pack_hold",
            "each_regulation_has_rules_with_a_passing_and_a_failing_release",
            "controls_of_the_tables_are_those_of_the_rules",
            "both_evaluators_agree_about_generated_releases",
            "opa_decides_about_generated_releases_as_both_evaluators_do",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "an advisory published after a release alerts its owner, blocks its promotion and names its fix, from `osv sync` to page, in the demo",
        shown_by: &[
            "an_advisory_after_a_release_alerts_its_owner_blocks_its_promotion_and_names_its_fix",
            "the_end_of_a_waiver_alerts_and_another_waiver_closes_it",
            "the_rehearsal_tells_its_story_and_leaves_a_ledger_that_anyone_can_check",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "`policy dry-run` over a ledger with 5,000 decisions names exactly the releases that change (compared with a brute-force replay)",
        shown_by: &[
            "a_policy_is_tried_on_the_past_before_it_is_signed",
            "a_dry_run_that_cannot_know_says_so",
            "attack_a_policy_that_is_tried_reads_and_writes_nothing",
            "a_dry_run_names_exactly_the_releases_that_change",
            "a_dry_run_takes_the_newest_decisions",
            "a_policy_that_reads_the_same_decides_as_the_judge_itself",
            "a_policy_that_reads_less_decides_as_if_it_had_been_in_force",
            "what_is_not_carried_is_unknown_and_never_a_pass",
            "a_decision_whose_bytes_are_lost_is_unknown",
            "decisions_of_older_rules_count_by_their_input_alone",
        ],
        done_by: Some(dry_run),
        lacks: None,
    },
    Line {
        claim: "a Terraform plan with an open security group is blocked, explained and mended by the docs alone",
        shown_by: &["release::infrastructure::"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "toolchain images are judged before a step uses them, and a change of pipeline files is named at the gate",
        shown_by: &[
            "images_of_steps_are_judged_before_a_step_runs_in_one",
            "images_are_scanned_before_a_step_runs_in_one",
            "release::pipeline_files::",
            "release::residency::",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "bad input: hostile images (path escape, links, devices, bombs, whiteouts) and plans (UTF-16, nested modules, unknown versions)",
        shown_by: &[
            "attack_entries_that_lead_out_of_the_tree_are_refused",
            "attack_links_in_a_circle_lead_nowhere",
            "attack_two_entries_of_one_path_are_told",
            "attack_bombs_are_refused",
            "attack_digests_lengths_and_media_types_are_checked",
            "attack_the_unpacked_layer_is_the_one_that_the_configuration_names",
            "attack_archives_with_links_and_doubles_lead_nowhere_else",
            "attack_every_changed_byte_is_an_error_or_the_same_tree",
            "attack_a_cut_archive_is_known_as_one",
            "whiteouts_remove_what_lower_layers_left_and_nothing_of_their_own_layer",
            "attack_plans_that_cannot_be_read_are_undecided",
            "attack_other_encodings_and_forms_hide_nothing",
            "what_exists_after_the_plan_is_judged_wherever_it_stands",
            "attack_what_cannot_be_read_is_undecided_and_never_nothing",
        ],
        done_by: None,
        lacks: None,
    },
];
