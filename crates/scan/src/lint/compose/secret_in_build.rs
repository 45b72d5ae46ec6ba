//! `compose-secret-in-build`.

use evidence::document::findings::Severity;

use super::Service;
use super::interpolation::is_known;
use crate::lint::plain_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-secret-in-build",
        severity: Severity::High,
        title: "a secret is an argument of a build",
        why: "It stands in the file, and everybody who has the image reads it from the image's history.",
        remedy: "revoke it, and give it to the build with `build.secrets`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for (name, value, line) in service.pairs(&["build", "args"]) {
        if is_known(&value) && plain_secret::is_secret(&name, &value) {
            hits.at(line, format!("{}, {name}", service.name));
        }
    }
}
