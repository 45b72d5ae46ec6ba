//! `github-unlocked-install`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unlocked-install",
        severity: Severity::Low,
        title: "packages are installed without their lockfile",
        why: "Each run may get other versions than the ones that were reviewed, and nothing compares their checksums.",
        remedy: "run `npm ci`, and add tools to the `devDependencies` of a package with a lockfile",
        same: &["zizmor/adhoc-packages"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps() {
        let commands = step.script().into_iter().flat_map(|script| script.all());
        for command in commands.filter(|command| is_unlocked(command)) {
            hits.at(command.line, format!("{}: {}", step.about(), command.shown()));
        }
    }
}

/// `npm install` changes the lockfile where it does not fit; `npm ci` fails (<https://docs.npmjs.com/cli/commands/npm-ci>).
fn is_unlocked(command: &Command) -> bool {
    let mut operands = command.operands().map(|word| word.text.as_str());
    let is_install =
        command.program() == "npm" && matches!(operands.next(), Some("install" | "i" | "add" | "update"));
    // A package with its exact version is at least a choice.
    let is_exact = |name: &str| {
        let version = name.rsplit_once('@').map(|(_, version)| version).unwrap_or_default();
        version.split('.').count() >= 3 && version.starts_with(|first: char| first.is_ascii_digit())
            || name.starts_with(['.', '/', '$'])
    };
    let rest: Vec<&str> = operands.collect();
    is_install && (rest.is_empty() || !rest.iter().all(|name| is_exact(name)))
}
