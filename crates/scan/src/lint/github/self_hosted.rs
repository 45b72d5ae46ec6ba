//! `github-self-hosted`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-self-hosted",
        severity: Severity::Medium,
        title: "strangers can run code on a runner of your own",
        why: "Code of a change can stay on such a machine, and wait for the secrets of later jobs or look around in your network.",
        remedy: "run changes of strangers on runners of GitHub, or on machines that live for one job",
        same: &["zizmor/self-hosted-runner"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    if !workflow.is_public() {
        return;
    }
    for job in workflow.jobs() {
        let Some(node) = job.node.get("runs-on") else { continue };
        let labels = node.get("labels").unwrap_or(node);
        let is_own =
            |label: &Marked| label.text().is_some_and(|text| text.eq_ignore_ascii_case("self-hosted"));
        if labels.one_or_more().iter().any(is_own) {
            hits.of(node, job.about());
        }
    }
}
