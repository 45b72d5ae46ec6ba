//! `pipeline-server-unchecked`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::{switches_checks_off, unchecked_servers};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-server-unchecked",
        severity: Severity::High,
        title: "a step does not check which server answers",
        why: "Anybody on the way can give the step other files, and they end up in the artifact.",
        remedy: "remove the option, and add the missing certificate or host key instead",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (step, script) in &description.scripts {
        for (line, about) in unchecked_servers(script) {
            hits.at(line, format!("{step}: {about}"));
        }
    }
    for (holder, name, value) in description.variables() {
        if switches_checks_off(name, value.text().unwrap_or_default()) {
            hits.of(value, format!("{holder}: {name}"));
        }
    }
}
