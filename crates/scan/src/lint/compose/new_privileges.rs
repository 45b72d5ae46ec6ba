//! `compose-new-privileges`. A daemon may have it as its default, but few do.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-new-privileges",
        severity: Severity::Low,
        title: "a process of a service may gain privileges",
        why: "A program with the setuid bit, such as `sudo`, makes a process root that was not.",
        remedy: "write `security_opt: [\"no-new-privileges:true\"]`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    let options = service.node.get("security_opt").map(Marked::items).unwrap_or_default();
    let is_off = |option: &Marked| {
        let text = option.text().unwrap_or_default().replace('=', ":");
        text == "no-new-privileges" || text == "no-new-privileges:true"
    };
    if service.is_whole() && !options.iter().any(is_off) {
        hits.of(&service.node, &service.name);
    }
}
