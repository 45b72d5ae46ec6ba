//! `github-input-in-code`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::event_in_code::insertions;
use super::origin::Origin;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-input-in-code",
        severity: Severity::Medium,
        title: "text of a caller becomes part of a script",
        why: "An input or the name of a branch or tag can hold a command, and its writer need not have the rights that the job has.",
        remedy: "give it to the step by `env`, and let the script read the variable in quotes",
        same: &["zizmor/template-injection"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    insertions(workflow, Origin::Caller, hits);
}
