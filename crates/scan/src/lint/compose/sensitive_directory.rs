//! `compose-sensitive-directory`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::host_path::{is_runtime_socket, is_sensitive};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-sensitive-directory",
        severity: Severity::High,
        title: "a service is given a directory that controls its host",
        why: "With the host's root, its processes or its configuration a container reads every secret of the host or takes it over.",
        remedy: "remove the volume, or mount only the one file below it that the program reads",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for volume in service.volumes() {
        if is_sensitive(&volume.source) && !is_runtime_socket(&volume.source) {
            hits.at(volume.line, format!("{}, {}", service.name, volume.source));
        }
    }
}
