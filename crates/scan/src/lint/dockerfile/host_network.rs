//! `dockerfile-host-network`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-host-network",
        severity: Severity::Medium,
        title: "a step of the build is in the network of its host",
        why: "Its commands, and all that they fetch, reach services of the host that listen only there.",
        remedy: "remove `--network=host`",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for instruction in file.named("RUN").filter(|run| run.flag("network") == Some("host")) {
        hits.at(instruction.line, "RUN --network=host");
    }
}
