//! `gitlab-fetch-into-shell`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::fetched_and_run;

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-fetch-into-shell",
        severity: Severity::High,
        title: "a job runs a script straight from the network",
        why: "Whoever controls that server, or its name, runs commands with the token and variables of the job.",
        remedy: "fetch a fixed version into a file, compare its checksum with one in this file, then run it",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for (job, script) in &pipeline.scripts {
        for (line, about) in fetched_and_run(script) {
            hits.at(line, format!("{job}: {about}"));
        }
    }
}
