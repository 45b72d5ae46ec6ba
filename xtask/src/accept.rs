//! Acceptance lines: each runs for real and prints `ok` or `falls short`.
//!
//! Invariant: a line is `ok` only if every test that proves it passes and no part of it is known to be missing; nothing is
//! counted by hand.

mod hosts;
mod line;
mod release;
mod scan;
mod secrets;

use std::time::Instant;

use line::Line;

use crate::command::{self, TaskResult};
use crate::run;
use crate::{browser, cases, drill, fresh, fuzz, mutants, public};

/// Runs the lines of an area, or only those whose claim contains a text.
pub fn accept(area: &str, only: Option<&str>) -> TaskResult {
    let lines = match area {
        "ship" => SHIP,
        "hold" => HOLD,
        "sound" => SOUND,
        "plain" => PLAIN,
        "findings" => FINDINGS,
        "console" => CONSOLE,
        "hosts" => hosts::LINES,
        "secrets" => secrets::LINES,
        "release" => release::LINES,
        "scan" => scan::LINES,
        _ => {
            return Err(format!(
                "`{area}` is no area; known: ship, hold, sound, plain, findings, console, hosts, secrets, release, scan"
            ));
        }
    };
    let build = if ["secrets", "release", "scan"].contains(&area) {
        run::Build::Tested
    } else {
        run::Build::Released
    };
    let mut report = Vec::new();
    for line in lines.iter().filter(|line| only.is_none_or(|text| line.claim.contains(text))) {
        let started = Instant::now();
        let mut failed = Vec::new();
        for filter in line.shown_by {
            if let Err(what) = run::test_for_real(build, &[filter]) {
                failed.push(format!("{filter}: {what}"));
            }
        }
        if let Some(Err(what)) = line.done_by.map(|done_by| done_by()) {
            failed.push(what);
        }
        let nothing = line.shown_by.is_empty() && line.done_by.is_none();
        let verdict = match (failed.is_empty(), line.lacks, nothing) {
            (true, None, false) => "ok".to_owned(),
            (true, Some(lacks), _) => format!("falls short: {lacks}"),
            (true, None, true) => "falls short: no test proves it".to_owned(),
            (false, ..) => format!("falls short: {}", failed.join("; ")),
        };
        report.push((line.claim, format!("{verdict} ({} s)", started.elapsed().as_secs())));
    }
    println!();
    for (claim, verdict) in &report {
        println!("{claim}\n    {verdict}");
    }
    let short = report.iter().filter(|(_, verdict)| !verdict.starts_with("ok")).count();
    if short == 0 { Ok(()) } else { Err(format!("{short} of {} lines fall short", lines.len())) }
}

/// Every figure that is measured.
fn figures() -> TaskResult {
    run::bench(&[])
}

/// Figures of the console's pages, on a large installation.
fn figures_of_pages() -> TaskResult {
    run::bench(&["pages"])
}

/// Every fault at every write, in a build with fault injection; then a thousand seeds.
fn faults() -> TaskResult {
    run::sim(&["--seed", "0", "--hours", "10", "--count", "1000"])?;
    command::cargo(&[
        "nextest",
        "run",
        "--workspace",
        "--exclude",
        "browser",
        "--release",
        // The build has other features than the usual one, so it gets a separate target directory.
        "--target-dir",
        "target/faults",
        "--features",
        "countersign/faults",
        "--no-capture",
        "-E",
        "test(faults::)",
    ])
}

const SHIP: &[Line] = &[
    Line {
        claim: "fresh machine: README's first and second command work in a bare Debian 12 root",
        shown_by: &[],
        done_by: Some(fresh::machine),
        lacks: None,
    },
    Line {
        claim: "verify: a bundle passes in empty namespaces, every flipped byte is named",
        shown_by: &[
            "a_bundle_is_verified_with_nothing_else_around",
            "every_flipped_byte_of_a_bundle_is_named",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "audit verify: any changed row or blob is named, views are rebuilt",
        shown_by: &["audit_verify"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "audit replay: every decision agrees, a changed one is named",
        shown_by: &["audit_replay_names_what_was_changed", "the_rehearsal_tells_its_story"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "the controls: each one disabled breaks its story line",
        shown_by: &[],
        done_by: Some(drill::controls),
        lacks: None,
    },
    Line {
        claim: "every sandbox probe is stopped inside a step, as root and as an ordinary user",
        shown_by: &["attack_from_inside"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "same commit, two data directories, a minute apart: same artifact digest",
        shown_by: &["the_same_commit_in_two_data_directories", "artifacts_come_out_the_same"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "vectors pass: Merkle, signed-note, DSSE, Wycheproof, in-toto; tiles are read both ways",
        shown_by: &[
            "merkle_",
            "signed_note_example",
            "dsse_example",
            "wycheproof_",
            "in_toto_examples",
            "tessera_log",
            "an_independent_client_reads_our_tiles",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "one SSH key, six commands: a public repository reaches production",
        shown_by: &["one_person_takes_a_commit_to_production"],
        done_by: Some(public::project),
        lacks: None,
    },
    Line {
        claim: "three newcomers place a gate, a verb and a context in ten minutes",
        shown_by: &[],
        done_by: None,
        lacks: Some("no newcomer has been asked yet"),
    },
];

const HOLD: &[Line] = &[
    Line {
        claim: "hostile server: every forgery is refused by name, and no condition of the judge is idle",
        shown_by: &["what_is_honest_passes_everywhere", "every_forgery_is_refused_by_name"],
        done_by: Some(mutants::run),
        lacks: None,
    },
    Line {
        claim: "faults: a row for each write, power cuts, 1,000 times kill -9, 1,000 simulated seeds",
        shown_by: &[
            "what_was_promised_survives_a_power_cut",
            "a_disk_that_ignores_syncs_is_found_out",
            "a_file_is_replaced_whole",
            "each_kind_leaves_the_old_file_or_the_new_one",
            "a_full_disk_stops_the_writer_and_lets_people_stop_things",
            "nothing_is_lost_when_roles_are_killed_at_random",
        ],
        done_by: Some(faults),
        lacks: None,
    },
    Line {
        claim: "fuzz: one hour a target on record, one minute each now",
        shown_by: &["parser_of", "every_parser_is_tested"],
        done_by: Some(fuzz::accept),
        lacks: None,
    },
    Line {
        claim: "growth: 1 million entries start in 3 s and cost no memory",
        shown_by: &["a_start_goes_on_from_a_snapshot", "memory_and_start_do_not_grow"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "figures: every one printed with its floor or peer from the same run",
        shown_by: &[],
        done_by: Some(figures),
        lacks: None,
    },
];

const SOUND: &[Line] = &[
    Line {
        claim: "cases: other people's bug reports, each with the right answer",
        shown_by: &[],
        done_by: Some(cases::run),
        lacks: None,
    },
    Line {
        claim: "attacks: each stopped by name, as root and as an ordinary user; five minutes of a hostile project",
        shown_by: &["attack_", "hostile_project"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "flows: A then B, a hanging release then a fix, the same commit twice",
        shown_by: &["flow_"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "five real projects: from clone to production with no file written by hand",
        shown_by: &[],
        done_by: Some(public::projects),
        lacks: None,
    },
    Line {
        claim: "no idle check: every forgery is refused, each check is needed, the corpus replays",
        shown_by: &["every_forgery_is_refused_by_name", "ledgers_of_every_release_replay"],
        done_by: Some(mutants::run),
        lacks: None,
    },
];

const PLAIN: &[Line] = &[
    Line {
        claim: "words: the list of idioms finds nothing in docs, help and comments",
        shown_by: &[],
        done_by: Some(run::no_idiom),
        lacks: None,
    },
    Line {
        claim: "pages: links, documented commands, codes and names of the glossary are true",
        shown_by: &["the_cli_page_is_the_help_of_the_program"],
        done_by: Some(run::docs),
        lacks: None,
    },
    Line {
        claim: "formats: the old corpus replays unchanged, and no signed format changed",
        shown_by: &["ledgers_of_every_release_replay", "_example", "every_page_is_checked"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "structure: no circle between files without a reason, no text as an error of a public function",
        shown_by: &[],
        done_by: Some(run::tidy),
        lacks: None,
    },
];

const FINDINGS: &[Line] = &[
    Line {
        claim: "fixtures: published reports are read as counted, at most 5 % differ, none with findings reads as empty",
        shown_by: &[
            "published::",
            "purls::",
            "junit::",
            "scanners::",
            "real::",
            "vex::",
            "incomplete::",
            "coverage::",
            "rustsec::",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "components and advisories equal an independent parser and matcher",
        shown_by: &[
            "components_are_those_of_an_independent_parser",
            "the_graph_of_one_project_is_the_same_by_every_package_manager",
            "bills_of_materials_are_the_validated_ones",
            "an_independent_matcher_agrees",
            "cargo_audit_agrees",
            "nodes_matcher_agrees",
            "mavens_order_agrees",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "secrets: precision and recall per kind on the labelled set, none in real code",
        shown_by: &[
            "precision_and_recall_per_kind",
            "real_code_has_no_secrets",
            "near_misses_are_no_secrets",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "hostile reports, lockfiles, advisories: a clear error, 10,000 mutations of each",
        shown_by: &["mutations", "hostile::", "damage::", "records::", "foreign_lockfiles"],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "forgeries: each kind refused by name, no check idle, the corpus replays",
        shown_by: &["every_forgery_is_refused_by_name", "ledgers_of_every_release_replay"],
        done_by: Some(mutants::run),
        lacks: None,
    },
    Line {
        claim: "a waiver blocks again at its second, and a second person alone makes one",
        shown_by: &[
            "a_statement_counts_until_just_before_its_end_and_from_then_on_nowhere",
            "a_waiver_blocks_again_at_its_second_in_what_the_server_collects_and_always_in_the_hook",
            "a_second_person_waives_a_finding_until_a_date",
            "a_second_person_waives_what_a_check_found",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "a developer who empties, drops, suppresses or points a scan elsewhere does not get through",
        shown_by: &[
            "suppressed_results_are_findings",
            "semgrep_that_scanned_no_file",
            "comments_of_other_tools_suppress_nothing",
            "files_of_other_tools_suppress_nothing",
            "a_developer_who_bends_a_scan_does_not_reach_production",
            "something_critical_reaches_staging_and_not_production",
            "release::scans",
            "hiding_tests::",
            "drift_tests::",
            "only_files_and_lines_of_the_tree_count",
        ],
        done_by: None,
        lacks: None,
    },
    Line {
        claim: "three real projects as a new user, by README alone, within ten minutes",
        shown_by: &["the_examples_of_the_scan_page_run"],
        done_by: None,
        lacks: Some(
            "a new user took 6 minutes for Python, 8 for Node and 17 for Rust, of which 14 were builds; nobody has tried since",
        ),
    },
];

const CONSOLE: &[Line] = &[
    Line {
        claim: "journeys: in Chromium, by keyboard alone, and without script where they read",
        shown_by: &[],
        done_by: Some(browser::journeys),
        lacks: None,
    },
    Line {
        claim: "axe: nothing serious on any page, light and dark, 360 and 1600 px; one policy, one origin",
        shown_by: &[],
        done_by: Some(browser::every_page),
        lacks: None,
    },
    Line {
        claim: "texts from outside are inert on every page, and no slow or broken reader harms another one",
        shown_by: &[
            "attack_texts_change_no_page",
            "attack_addresses_lead_nowhere_else",
            "attack_a_stream_that_nobody_reads",
        ],
        done_by: Some(browser::hostile_texts),
        lacks: None,
    },
    Line {
        claim: "figures: p99 of each page, bytes, an event on screen, 1,000 streams",
        shown_by: &[],
        done_by: Some(figures_of_pages),
        lacks: None,
    },
    Line {
        claim: "docs/screens: each page at both widths, light and dark, by one command from the demo",
        shown_by: &[],
        done_by: Some(browser::screens),
        lacks: None,
    },
    Line {
        claim: "a visitor with only README is on the demo's release page within a minute",
        shown_by: &[],
        done_by: None,
        lacks: Some("a visitor was there after 51 s; no command repeats that"),
    },
];
