//! `dockerfile-plain-fetch`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::plain_fetches;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-plain-fetch",
        severity: Severity::Medium,
        title: "the build fetches over a connection without encryption",
        why: "Anybody on the way can change the file, and it ends up in the image.",
        remedy: "use an address that begins with `https:`",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for (line, about) in plain_fetches(&run.script) {
            hits.at(line, about);
        }
    }
}
