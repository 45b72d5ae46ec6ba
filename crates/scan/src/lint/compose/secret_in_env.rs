//! `compose-secret-in-env`.

use evidence::document::findings::Severity;

use super::Service;
use super::interpolation::is_known;
use crate::lint::plain_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-secret-in-env",
        severity: Severity::High,
        title: "a secret stands in the environment of a service",
        why: "Everybody who can read the file or inspect the container has it, and it stays in the history of the repository.",
        remedy: "revoke it, and take it from `secrets` or from a variable of the one who starts it",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for (name, value, line) in service.pairs(&["environment"]) {
        if is_known(&value) && plain_secret::is_secret(&name, &value) {
            hits.at(line, format!("{}, {name}", service.name));
        }
    }
}
