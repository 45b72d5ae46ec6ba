//! `compose-no-process-limit`. There is none unless the daemon has one (<https://docs.docker.com/reference/compose-file/services/#pids_limit>).

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-no-process-limit",
        severity: Severity::Low,
        title: "a service may start any number of processes",
        why: "A program that starts itself again and again stops the whole host.",
        remedy: "write `pids_limit`, or `deploy.resources.limits.pids`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    let limits =
        [service.node.get("pids_limit"), service.node.at(&["deploy", "resources", "limits", "pids"])];
    let is_limited = limits
        .into_iter()
        .flatten()
        .any(|node| !node.is_null() && node.number().is_none_or(|count| count > 0));
    if service.is_whole() && !is_limited {
        hits.of(&service.node, &service.name);
    }
}
