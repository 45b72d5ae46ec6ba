//! `dockerfile-ssh-port`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-ssh-port",
        severity: Severity::Low,
        title: "the image offers SSH",
        why: "A container with a login of its own is one more way in, past every control of the platform.",
        remedy: "remove the port and the SSH server; use what the platform has for a shell in a container",
        same: &["CKV_DOCKER_1", "AVD-DS-0004"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for instruction in file.named("EXPOSE") {
        for port in instruction.words() {
            let (range, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let holds = |from: u32, to: u32| from <= 22 && 22 <= to;
            let is_ssh = from.parse().ok().zip(to.parse().ok()).is_some_and(|(from, to)| holds(from, to));
            if is_ssh && protocol.eq_ignore_ascii_case("tcp") {
                hits.at(instruction.line, format!("EXPOSE {port}"));
            }
        }
    }
}
