//! `pipeline-fetch-into-shell`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::fetched_and_run;

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-fetch-into-shell",
        severity: Severity::High,
        title: "a step runs a script straight from the network",
        why: "Whoever controls that server, or its name, decides what the step leaves, and no receipt names the script.",
        remedy: "put the script into the repository, or fetch it into a file and compare its checksum",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (step, script) in &description.scripts {
        for (line, about) in fetched_and_run(script) {
            hits.at(line, format!("{step}: {about}"));
        }
    }
}
