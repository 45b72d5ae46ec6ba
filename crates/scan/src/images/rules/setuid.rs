//! `image-setuid`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::images::read::is_program;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-setuid",
        severity: Severity::Medium,
        title: "a program gets the rights of its owner or group, or privileges of the kernel, when it is run",
        why: "A process without rights becomes root through it, if the program has a flaw.",
        remedy: "remove the bits by `chmod a-s` or the program itself, and start the container with `no-new-privileges`",
        same: &["CIS-DI-0008"],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    for (path, node) in judged.image.pass.tree.nodes().filter(|(_, node)| is_program(node)) {
        let names = [
            (node.mode & 0o4000 != 0, "setuid"),
            (node.mode & 0o2000 != 0, "setgid"),
            (node.has_capabilities, "capabilities"),
        ];
        let names: Vec<&str> = names.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        if !names.is_empty() {
            hits.in_file(path, names.join(", "));
        }
    }
}
