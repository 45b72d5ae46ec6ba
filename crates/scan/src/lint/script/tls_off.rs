//! `script-tls-off`.

use evidence::document::findings::Severity;

use super::Source;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::unchecked_servers;

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-tls-off",
        severity: Severity::High,
        title: "a command does not check which server it talks to",
        why: "Anybody between this machine and the server can answer in its place, read what is sent and give other files.",
        remedy: "remove the option, and add the certificate of your authority or the key of the host to those that are trusted",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    for (line, command) in unchecked_servers(&source.script) {
        hits.at(line, command);
    }
}
