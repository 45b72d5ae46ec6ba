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
            "a_restarted_holder_revokes_what_its_journal_has",
            "attack_a_role_may_nothing_that_its_owner_may_not",
        ],
        done_by: None,
        lacks: Some("build steps get no role yet, so only agents mint"),
    },
    Line {
        claim: "without an agent's key no deploy secret opens, without the root key no build secret, after destroy neither; no file and no memory has a value",
        shown_by: &[
            "place_secrets::",
            "attack_all_data_directories_without_the_root_key",
            "a_destroyed_value_opens_from_no_later_ring",
            "a_destruction_is_done_after_a_crash",
            "attack_the_disk_is_searched_for_a_value",
            "attack_the_memory_of_a_runner",
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
            "attack_a_version_",
            "every_forgery_is_refused_by_name",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "stores elsewhere: the dialects of OpenBao and Vault pass one table of operations",
        shown_by: &["vault_by_its_documentation_passes_the_table", "openbao_passes_the_table"],
        done_by: None,
        lacks: Some("no step and no release reads from a store yet; rotation in two phases is not built"),
    },
    Line {
        claim: "figures: reads, masking, revocation and the start of a step",
        shown_by: &[],
        done_by: Some(figures),
        lacks: None,
    },
];
