//! `dockerfile-relative-workdir`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-relative-workdir",
        severity: Severity::Low,
        title: "the working directory is relative",
        why: "The directory then depends on the base image, and changes with it.",
        remedy: "write the whole path, such as `/app`",
        same: &["DL3000", "CKV_DOCKER_10", "AVD-DS-0009"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for stage in &file.stages {
        let mut is_known = false;
        for instruction in stage.instructions.iter().filter(|instruction| instruction.name == "WORKDIR") {
            let path = instruction.text.trim_matches(['"', '\'']);
            let has_drive = path.chars().nth(1) == Some(':') || path.starts_with('\\');
            let is_whole = path.starts_with(['/', '$']) || has_drive;
            // Behind a whole path it is relative to that.
            if !is_whole && !is_known {
                hits.at(instruction.line, format!("WORKDIR {path}"));
            }
            is_known = is_known || is_whole;
        }
    }
}
