//! Acceptance lines of secrets.

use super::line::Line;
use crate::command::TaskResult;
use crate::run;

fn figures() -> TaskResult {
    run::bench(&["masking", "held-step", "reads"])
}

pub const LINES: &[Line] = &[
    Line {
        claim: "a real migration has a minted PostgreSQL role, gone at once after success, failure and cancel, and soon after kill -9",
        shown_by: &[
            "a_migration_has_a_role_that_is_gone_after_success_and_failure",
            "attack_a_role_outlives_neither_a_freeze_nor_a_killed_agent",
            "a_role_that_cannot_be_revoked_is_revoked_later",
            "a_role_of_a_step_that_cannot_be_revoked_is_revoked_later",
            "a_step_has_a_role_that_is_gone_after_success_failure_and_cancel",
            "attack_a_role_outlives_no_runner_that_is_killed",
            "a_service_has_a_role_for_its_life_and_a_newer_release_its_own",
            "a_restarted_holder_revokes_what_its_journal_has",
            "attack_a_server_that_is_killed_while_a_secret_is_claimed",
            "attack_a_role_may_nothing_that_its_owner_may_not",
        ],
        done_by: None,
        lacks: Some(
            "killed at three points of a role's life, not at any; the tests wait for its end and measure no 10 s",
        ),
    },
    Line {
        claim: "without an agent's key no deploy secret opens, without the root key no build secret, after destroy neither; no file and no memory has a value",
        shown_by: &[
            "place_secrets::",
            "attack_all_data_directories_without_the_root_key",
            "attack_a_destroyed_value_and_everything_that_once_held_its_key",
            "a_destruction_is_done_after_a_crash",
            "attack_the_disk_is_searched_for_a_value",
            "attack_the_memory_of_a_runner",
            "attack_a_killed_runner_leaves_no_step_and_no_value",
            "attack_a_core_file_of_a_step_or_of_the_process_that_holds_its_secret",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "the masking corpus leaks nothing; what cannot be masked is documented",
        shown_by: &[
            "attack_a_value_in_every_encoding_and_split",
            "a_value_of_a_mebibyte_is_hidden_whole_in_every_encoding",
            "a_step_that_prints_its_secret_in_ten_encodings_shows_none",
            "a_step_prints_its_secret_in_ten_encodings_and_nobody_has_it",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "ways to get at somebody else's secret fail by name (docs/attacks-secrets.md)",
        shown_by: &[
            "attack_a_step_gets_no_secret_but_as_it_was_granted",
            "attack_another_step_asks",
            "attack_another_run_asks",
            "attack_another_runner_asks",
            "attack_a_grant_",
            "attack_the_run_is_",
            "attack_a_claim_is_replayed_",
            "attack_a_value_that_leaves_by_an_output",
            "attack_a_value_in_the_name_of_a_host",
            "attack_a_holder_that_is_killed",
            "attack_a_step_with_a_secret_",
            "attack_a_step_gets_no_role_that_nobody_granted",
            "attack_a_step_that_locks_its_own_role",
            "attack_a_listener_that_asks_for_the_credential",
            "attack_a_certificate_",
            "attack_a_version_",
            "attack_a_withdrawn_version_runs_on_at_a_place",
            "every_forgery_is_refused_by_name",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "stores elsewhere: the dialects of OpenBao and Vault pass one table of operations; steps and services read there",
        shown_by: &[
            "vault_by_its_documentation_passes_the_table",
            "openbao_passes_the_table",
            "a_step_reads_its_secret_in_openbao_and_nobody_else_has_it",
            "a_service_runs_with_a_secret_of_a_store",
            "openbao_makes_a_user_of_postgresql_that_is_gone_afterwards",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "rotation under load loses no read, goes on after kill -9, and two at once harm nothing",
        shown_by: &[
            "a_rotation_under_load_loses_no_read",
            "a_rotation_whose_process_is_killed_goes_on_where_it_was",
            "attack_two_rotations_of_one_secret_at_once",
            "an_incident_ends_the_former_password_before_anybody_switches",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "figures: reads, masking, revocation and the start of a step",
        shown_by: &[],
        done_by: Some(figures),
        lacks: None,
    },
];
