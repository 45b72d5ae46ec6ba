//! `compose-host-device`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-host-device",
        severity: Severity::High,
        title: "a service is given a disk or the memory of its host",
        why: "It reads and writes every file of the host past all rights.",
        remedy: "remove the device, and mount the directory that it needs",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for device in service.node.get("devices").map(Marked::items).unwrap_or_default() {
        let source = device.text_at("source").or_else(|| device.text()?.split(':').next());
        if source.is_some_and(is_whole_host) {
            hits.of(device, format!("{}, {}", service.name, source.unwrap_or_default()));
        }
    }
    for rule in service.node.get("device_cgroup_rules").map(Marked::items).unwrap_or_default() {
        let text = rule.text().unwrap_or_default().trim_start();
        if text.starts_with("a ") || text.starts_with("b *") || text == "a" {
            hits.of(rule, format!("{}, {text}", service.name));
        }
    }
}

/// Whether a device holds the files or the memory of the host.
fn is_whole_host(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let Some(name) = path.strip_prefix("/dev") else { return false };
    let name = name.trim_start_matches('/');
    let is_disk = |start: &&str| {
        name.strip_prefix(*start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    ["", "mem", "kmem", "port"].contains(&name) || DISKS.iter().any(is_disk) || name.starts_with("mapper/")
}

const DISKS: &[&str] = &["sd", "vd", "xvd", "nvme", "mmcblk", "dm-"];
