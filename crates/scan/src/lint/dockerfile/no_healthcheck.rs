//! `dockerfile-no-healthcheck`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-no-healthcheck",
        severity: Severity::Low,
        title: "nothing says whether the service in the image works",
        why: "A service that hangs goes on to get requests, because nobody asks it.",
        remedy: "add HEALTHCHECK with a command that asks the service, or let the platform ask it",
        same: &["DL3057", "CKV_DOCKER_2", "AVD-DS-0026"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    let Some(last) = file.last() else { return };
    let lineage = file.lineage(file.stages.len().saturating_sub(1));
    let has = |names: &[&str]| {
        lineage
            .iter()
            .flat_map(|stage| &stage.instructions)
            .any(|instruction| names.contains(&instruction.name.as_str()))
    };
    // An image that starts nothing has nothing to be asked.
    if has(&["CMD", "ENTRYPOINT"]) && !has(&["HEALTHCHECK"]) {
        hits.at(last.line, "no HEALTHCHECK in the last stage");
    }
}
