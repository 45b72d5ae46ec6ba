//! Acceptance lines: each runs for real and prints `ok` or `falls short`.
//!
//! Invariant: a line is `ok` only when every test that shows it passes and nothing of it is known to lack;
//! nothing is counted by hand.

use crate::run::{self, Done};

/// One line of an area.
struct Line {
    /// What it claims.
    claim: &'static str,
    /// Filters of the tests that show it, or parts of it.
    shown_by: &'static [&'static str],
    /// What of it is not built or not shown yet.
    lacks: Option<&'static str>,
}

/// Runs the lines of an area.
pub fn accept(area: &str) -> Done {
    let lines = match area {
        "ship" => SHIP,
        _ => return Err(format!("`{area}` is no area; known: ship")),
    };
    let mut report = Vec::new();
    for line in lines {
        let failed: Vec<_> = line.shown_by.iter().filter(|filter| run::test(&[filter]).is_err()).collect();
        let verdict = match (failed.is_empty(), line.lacks) {
            (true, None) => "ok".to_owned(),
            (true, Some(lacks)) => format!("falls short: {lacks}"),
            (false, _) => format!("falls short: tests fail: {failed:?}"),
        };
        report.push((line.claim, verdict));
    }
    println!();
    for (claim, verdict) in &report {
        println!("{claim}\n    {verdict}");
    }
    let short = report.iter().filter(|(_, verdict)| verdict != "ok").count();
    if short == 0 { Ok(()) } else { Err(format!("{short} of {} lines fall short", lines.len())) }
}

const SHIP: &[Line] = &[
    Line {
        claim: "fresh machine: README's first and second command work in a bare Debian 12 root",
        shown_by: &[],
        lacks: Some("there is no rehearsal command yet, and no root is made by mmdebstrap"),
    },
    Line {
        claim: "verify: a bundle passes in empty namespaces, every flipped byte is named",
        shown_by: &[],
        lacks: Some("the evidence bundle is not built"),
    },
    Line {
        claim: "audit verify: any changed row or blob is named, views are mended",
        shown_by: &["audit_verify"],
        lacks: Some("there are no views yet"),
    },
    Line {
        claim: "audit replay: every decision agrees, what was changed is named",
        shown_by: &[],
        lacks: Some("replay is not built"),
    },
    Line {
        claim: "the controls: each one disabled breaks its story line",
        shown_by: &[],
        lacks: Some("the story is not built"),
    },
    Line {
        claim: "every sandbox probe is stopped inside a step, as root and as an ordinary user",
        shown_by: &["every_attack_is_stopped"],
        lacks: None,
    },
    Line {
        claim: "same commit, two data directories, a minute apart: same artifact digest",
        shown_by: &["artifacts_come_out_the_same"],
        lacks: Some("shown for two clones by the runner's library, not for two data directories"),
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
        lacks: None,
    },
    Line {
        claim: "one SSH key, six commands: a public repository reaches production",
        shown_by: &[],
        lacks: Some("only `init` and `up` of the six exist"),
    },
    Line {
        claim: "three newcomers place a gate, a verb and a context in ten minutes",
        shown_by: &[],
        lacks: Some("nobody has been asked yet"),
    },
];
