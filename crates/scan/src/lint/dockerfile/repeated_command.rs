//! `dockerfile-repeated-command`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::subject::Instruction;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-repeated-command",
        severity: Severity::Low,
        title: "a stage says twice what it starts",
        why: "Only the last one counts, so what the others were meant to do is not done.",
        remedy: "keep one, and put its steps into a script if there are several",
        same: &["DL3012", "DL4003", "DL4004", "AVD-DS-0007", "AVD-DS-0016", "AVD-DS-0023"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for stage in &file.stages {
        for name in ["CMD", "ENTRYPOINT", "HEALTHCHECK"] {
            let named = |instruction: &&Instruction| instruction.name == name && !instruction.is_onbuild;
            let mut all: Vec<&Instruction> = stage.instructions.iter().filter(named).collect();
            all.pop();
            for instruction in all {
                hits.at(instruction.line, name);
            }
        }
    }
}
