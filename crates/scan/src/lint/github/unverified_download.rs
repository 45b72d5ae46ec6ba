//! `github-unverified-download`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::download::{unverified, verifies};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unverified-download",
        severity: Severity::Medium,
        title: "a downloaded program is started without a check",
        why: "Anybody who can change the file on the server, or publish under its name, runs any command in the job.",
        remedy: "compare the file with a checksum or signature that stands in the repository: `sha256sum --check`",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        let steps = job.steps();
        // The check may be a separate step.
        if steps.iter().filter_map(|step| step.script()).any(|script| script.all().any(verifies)) {
            continue;
        }
        for step in &steps {
            for (line, command) in step.script().map(unverified).unwrap_or_default() {
                hits.at(line, format!("{}: {command}", step.about()));
            }
        }
    }
}
