//! Acceptance lines of several hosts.

use super::line::Line;
use crate::command::TaskResult;
use crate::{debian, run};

fn figures() -> TaskResult {
    run::bench(&["hosts"])
}

pub const LINES: &[Line] = &[
    Line {
        claim: "nine hosts as namespaces: found, join, run, approve, promote, lose hosts and links; nothing plain on the wire",
        shown_by: &[
            "nine_hosts_release_from_a_laptop",
            "everything_between_nine_hosts_is_tls_1_3",
            "a_freeze_from_the_laptop_holds",
            "links_of_runners_and_agents_are_cut",
            "links_of_witnesses_and_the_laptop_are_cut",
            "links_of_runners_to_their_remote_are_cut",
            "a_lost_server_and_a_lost_laptop_come_back",
            "lost_runners_agents_and_witnesses_are_replaced",
            "a_witness_renews_its_key_and_is_always_reached",
            "an_agent_renews_its_key_and_its_service_goes_on",
            "runners_agents_and_witnesses_tell_their_health",
            "a_revocation_reaches_a_runner",
            "machines_release_to_production_over_tls_and_nothing_is_plain",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "attacks on transport, joins and source, each a mutation of something that succeeds",
        shown_by: &[
            "attacks::attack_",
            "in_transit::attack_",
            "attack_a_request_behind_another",
            "attack_two_hosts_in_one_request",
            "attack_servers_that_pose_as_another",
            "attack_a_chain_that_carries_the_authority",
            "attack_clients_with_wrong_certificates",
            "attack_connections_that_do_not_shake_hands",
            "attack_a_server_with_another_authority",
            "attack_a_founding_that_was_changed",
            "attack_two_runners_on_one_host",
            "attack_a_former_key_counts_no_longer",
            "attack_a_server_that_was_rolled_back_gets_no_signature",
            "attack_numbers_of_a_pin_never_go_down",
            "attack_a_remote_that_",
            "attack_another_host_poses_as_the_remote",
            "attack_another_host_key_than_the_operators",
            "attack_a_host_that_asks_for_a_password",
            "attack_an_ssh_host_that_stays_silent",
            "attack_a_private_key_that_others_read",
            "attack_a_runners_user_whose_ssh_and_git_start_other_programs",
            "attack_host_keys_that_only_the_runners_user_knows",
            "attack_keys_of_a_runners_user_are_not_offered",
            "attack_a_pack_without_an_end",
            "attack_a_token_is_no_argument",
            "attack_a_fetched_repository_runs_nothing",
            "attack_passwords_of_a_runners_user_are_not_offered",
            "attack_a_ref_that_",
            "attack_no_upload_and_no_path_verifies_a_ref",
            "attack_an_upload_of_something_else",
            "attack_a_server_cannot_draw_other_runners",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "pools: the signed request and the root choose the runners; a person's signature takes one out",
        shown_by: &[
            "the_request_and_the_root_choose_the_runners_and_a_person_takes_one_out",
            "as_many_serve_as_the_strictest_environment_asks_for",
            "a_run_that_nobody_may_serve_is_refused",
            "every_forgery_is_refused_by_name",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "source: commits are fetched from the operator's remote or uploaded; each runner verifies the ref itself",
        shown_by: &[
            "commits_are_uploaded_or_fetched_and_refs_are_verified_by_every_runner",
            "a_commit_is_fetched_over_https_once",
            "a_commit_is_fetched_over_ssh_once",
            "a_copy_that_is_damaged_is_made_anew",
            "a_ref_that_contains_the_commit_is_verified_with_its_tip",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "toolchains: a step runs in the image that its pipeline names by digest; other bytes are refused",
        shown_by: &[
            "a_release_is_built_in_the_image_that_its_pipeline_names",
            "a_step_runs_in_the_image_that_its_pipeline_names",
            "attack_an_image_that_",
            "attack_a_blob_with_other_bytes_than_its_digest",
            "attack_a_layer_writes_outside_of_its_tree",
            "attack_a_runner_without_the_image_runs_nothing",
            "attack_a_registry_that_",
            "attack_a_pipeline_chooses_the_registry",
            "every_forgery_is_refused_by_name",
        ],
        done_by: None,
        lacks: Some("steps see images read-only, without an overlay for each step (decision 0060)"),
    },
    Line {
        claim: "figures: TLS costs a tenth at most, idle connections a second, renewal no request, a join one command on each side",
        shown_by: &[],
        done_by: Some(figures),
        lacks: None,
    },
    Line {
        claim: "a new user: docs/operating/hosts.md alone leads to a working installation",
        shown_by: &["the_page_leads_from_nothing_to_production"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "the same from the .deb, in team mode over TLS, on two plain Debian roots and a laptop",
        shown_by: &[],
        done_by: Some(debian::hosts),
        lacks: None,
    },
];
