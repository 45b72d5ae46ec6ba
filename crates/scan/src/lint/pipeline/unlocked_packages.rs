//! `pipeline-unlocked-packages`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-unlocked-packages",
        severity: Severity::Low,
        title: "packages are installed without a lockfile",
        why: "Runners get different versions, and each build can bring software that nobody has seen.",
        remedy: "use the command that keeps to the lockfile: `npm ci`, `cargo build --locked`, `pip install --require-hashes`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (step, script) in &description.scripts {
        for command in script.all().filter(|command| is_unlocked(command)) {
            hits.at(command.line, format!("{step}: {}", command.shown()));
        }
    }
}

fn is_unlocked(command: &Command) -> bool {
    let first = command.operands().next().map(|word| word.text.as_str()).unwrap_or_default();
    let is_cargo =
        matches!(first, "build" | "b" | "test" | "t" | "run" | "install" | "bench" | "nextest" | "check");
    match command.program() {
        "npm" => matches!(first, "install" | "i"),
        "cargo" => is_cargo && !command.has(&["--locked", "--frozen"]),
        "pip" | "pip3" => first == "install" && !command.has(&["--require-hashes", "--no-index", "."]),
        "yarn" => {
            matches!(first, "install" | "")
                && !command.has(&["--immutable", "--frozen-lockfile", "--version"])
        }
        "uv" => matches!(first, "sync" | "run") && !command.has(&["--locked", "--frozen"]),
        "go" => first == "get",
        _ => false,
    }
}
