//! `dockerfile-sudo`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Word;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-sudo",
        severity: Severity::Low,
        title: "the build uses sudo",
        why: "Steps run as root already unless USER says otherwise, and sudo in the image gives its account root.",
        remedy: "use `USER root` around the steps that need it, and leave sudo out of the image",
        same: &["DL3004", "CKV2_DOCKER_1", "AVD-DS-0010"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for command in run.script.all() {
            let is_sudo = |word: &Word| word.text == "sudo" || word.text.ends_with("/sudo");
            if command.starters().iter().any(is_sudo) || command.program() == "sudo" {
                hits.at(command.line, command.shown());
            }
        }
    }
}
