//! `script-install-hook`.
//!
//! Scripts that run when a package is installed: <https://docs.npmjs.com/cli/using-npm/scripts#npm-install>.

use evidence::document::findings::Severity;

use super::Source;
use super::subject::Kind;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-install-hook",
        severity: Severity::Low,
        title: "a package runs a script when it is installed",
        why: "It runs on every machine that installs the package, with the rights of the person or job that does.",
        remedy: "build the package before it is published, or let its users start the script themselves",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    if source.kind != Kind::Package {
        return;
    }
    for (name, node) in &source.entries {
        let runs = node.text().is_some_and(|text| !text.trim().is_empty());
        if runs && matches!(name.as_str(), "preinstall" | "install" | "postinstall") {
            hits.of(node, name.as_str());
        }
    }
}
