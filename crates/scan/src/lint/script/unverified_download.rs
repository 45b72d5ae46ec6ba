//! `script-unverified-download`.

use evidence::document::findings::Severity;

use super::Source;
use crate::lint::download::unverified;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-unverified-download",
        severity: Severity::Medium,
        title: "a downloaded program is started without a check",
        why: "Anybody who can change the file on the server, or publish under its name, runs any command here.",
        remedy: "compare the file with a checksum or signature that stands in the repository: `sha256sum --check`",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    for (line, command) in unverified(&source.script) {
        hits.at(line, command);
    }
}
