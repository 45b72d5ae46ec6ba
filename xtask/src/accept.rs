//! Acceptance lines: each runs for real and prints `ok` or `falls short`.
//!
//! Invariant: a line whose command does not exist yet falls short; nothing is counted by hand.

use crate::run::{self, Done};

/// One line of an area: what it claims, and the test filter that shows it, where there is one.
struct Line {
    claim: &'static str,
    shown_by: Option<&'static str>,
}

/// Runs the lines of an area.
pub fn accept(area: &str) -> Done {
    let lines = match area {
        "ship" => SHIP,
        _ => return Err(format!("`{area}` is no area; known: ship")),
    };
    let mut short = 0;
    for line in lines {
        let shown = line.shown_by.map(|filter| run::test(&["--quiet", filter]));
        let verdict = match shown {
            Some(Ok(())) => "ok",
            Some(Err(_)) | None => "falls short",
        };
        short += usize::from(verdict != "ok");
        println!("{verdict:12} {}", line.claim);
    }
    if short == 0 { Ok(()) } else { Err(format!("{short} of {} lines fall short", lines.len())) }
}

const SHIP: &[Line] = &[
    Line {
        claim: "fresh machine: README's first and second command work in a bare Debian 12 root",
        shown_by: None,
    },
    Line {
        claim: "verify: a bundle passes in empty namespaces, every flipped byte is named",
        shown_by: None,
    },
    Line {
        claim: "audit verify: any changed row or blob is named, views are mended",
        shown_by: Some("audit_verify"),
    },
    Line { claim: "audit replay: every decision agrees, what was changed is named", shown_by: None },
    Line { claim: "the demo's controls: each one disabled breaks its story line", shown_by: None },
    Line {
        claim: "every sandbox probe is stopped inside a step, as root and as an ordinary user",
        shown_by: Some("every_attack_is_stopped"),
    },
    Line { claim: "same commit, two data directories, a minute apart: same artifact digest", shown_by: None },
    Line {
        claim: "vectors pass: Merkle, signed-note, DSSE, Wycheproof, in-toto, tiles both ways",
        shown_by: Some("vectors"),
    },
    Line { claim: "one SSH key, six commands: a public repository reaches production", shown_by: None },
    Line { claim: "three newcomers place a gate, a verb and a context in ten minutes", shown_by: None },
];
