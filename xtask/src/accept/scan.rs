//! Acceptance lines of what ships beside code, and of policies on the past.

use super::line::Line;
use crate::command::TaskResult;
use crate::run;

fn dry_run() -> TaskResult {
    run::bench(&["dry-run"])
}

pub const LINES: &[Line] = &[Line {
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
}];
