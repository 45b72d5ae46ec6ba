//! `script-plain-fetch`.

use evidence::document::findings::Severity;

use super::Source;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::plain_fetches;

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-plain-fetch",
        severity: Severity::Medium,
        title: "a command fetches files over a connection that is not encrypted",
        why: "Anybody between this machine and the server can give other files.",
        remedy: "write `https://`",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    for (line, command) in plain_fetches(&source.script) {
        hits.at(line, command);
    }
}
