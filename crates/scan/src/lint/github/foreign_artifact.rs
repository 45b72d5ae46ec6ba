//! `github-foreign-artifact`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::known::takes_artifact_of_another_run;
use super::subject::Step;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-foreign-artifact",
        severity: Severity::High,
        title: "a privileged job runs files that another run made",
        why: "The other run may be that of a stranger, whose files replace your own or are started with all that this job has.",
        remedy: "unpack it into a separate directory below `runner.temp`, and read it as data only",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    if !workflow.is_started_by(&["workflow_run", "issue_comment", "pull_request_target"]) {
        return;
    }
    for job in workflow.jobs() {
        let steps = job.steps();
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| takes_artifact_of_another_run(step)) {
            // Apart from the files of the repository nothing is started by chance.
            let is_apart = step
                .with("path")
                .and_then(|path| path.text())
                .is_some_and(|path| path.contains("runner.temp") || path.starts_with("/tmp"));
            let later = steps.get(at + 1..).unwrap_or_default();
            if !is_apart && later.iter().any(runs_files) {
                hits.of(step.node.get("uses").or_else(|| step.run()).unwrap_or(step.node), step.about());
            }
        }
    }
}

/// Whether a step starts something that stands in the working directory.
fn runs_files(step: &Step<'_>) -> bool {
    let is_local = step.node.text_at("uses").is_some_and(|uses| uses.starts_with("./"));
    is_local
        || step.script().is_some_and(|script| {
            script.all().any(|command| {
                let first = command.words.first().map(|word| word.text.as_str()).unwrap_or_default();
                first.starts_with("./") || RUNNERS.contains(&command.program())
            })
        })
}

/// Programs that run what the working directory says.
const RUNNERS: &[&str] = &[
    "bash", "bundle", "cargo", "go", "gradle", "make", "mvn", "node", "npm", "npx", "pip", "pnpm", "python",
    "python3", "sh", "source", "tox", "yarn",
];
