//! `dockerfile-remote-add`.
//!
//! <https://docs.docker.com/reference/dockerfile/#add---checksum>.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-remote-add",
        severity: Severity::Medium,
        title: "a file is fetched by ADD without a checksum",
        why: "The server, or anybody on the way, decides what the image holds, and each build can get another file.",
        remedy: "write `ADD --checksum=sha256:...`, or of a repository the commit: `#COMMIT`",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for instruction in file.named("ADD").filter(|instruction| instruction.flag("checksum").is_none()) {
        let words = instruction.words();
        let sources = words.get(..words.len().saturating_sub(1)).unwrap_or_default();
        for source in sources.iter().filter(|source| is_remote(source) && !is_commit(source)) {
            hits.at(instruction.line, source.clone());
        }
    }
}

fn is_remote(source: &str) -> bool {
    let source = source.to_ascii_lowercase();
    ["http://", "https://", "ftp://", "git@", "git://", "ssh://"]
        .iter()
        .any(|scheme| source.starts_with(scheme))
}

/// Whether a repository is named with a whole commit.
fn is_commit(source: &str) -> bool {
    let commit = source.split_once('#').map(|(_, rest)| rest.split(':').next().unwrap_or(rest));
    commit.is_some_and(|commit| commit.len() == 40 && commit.chars().all(|letter| letter.is_ascii_hexdigit()))
}
