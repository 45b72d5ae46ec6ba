//! `image-device`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::images::tree::NodeKind;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-device",
        severity: Severity::Medium,
        title: "the image has a device or a pipe",
        why: "A container with rights on devices reaches the disk or memory of its host through it.",
        remedy: "remove it: the runtime makes the devices that a container needs",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    for (path, node) in judged.image.pass.tree.nodes() {
        if node.kind == NodeKind::Special {
            hits.in_file(path, "device or pipe");
        }
    }
}
