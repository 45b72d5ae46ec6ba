//! `compose-security-off`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-security-off",
        severity: Severity::Medium,
        title: "a defence of the kernel is switched off for a service",
        why: "Without seccomp, AppArmor or SELinux a process reaches functions and files of the kernel whose faults lead out of the container.",
        remedy: "remove the line, or name a profile that allows the one thing that is needed",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for option in service.node.get("security_opt").map(Marked::items).unwrap_or_default() {
        let text = option.text().unwrap_or_default().replace('=', ":").to_ascii_lowercase();
        let text: String = text.split_whitespace().collect();
        if OFF.contains(&text.as_str()) {
            hits.of(option, format!("{}, {text}", service.name));
        }
    }
}

const OFF: &[&str] = &[
    "apparmor:unconfined",
    "label:disable",
    "no-new-privileges:false",
    "seccomp:unconfined",
    "systempaths:unconfined",
];
