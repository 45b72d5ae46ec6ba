//! `image-writable-by-all`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::images::tree::NodeKind;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-writable-by-all",
        severity: Severity::Medium,
        title: "everybody may write to a file or directory",
        why: "A process without rights changes what others run or read.",
        remedy: "set the mode to 755 or 644, or for a directory of temporary files to 1777",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    for (path, node) in judged.image.pass.tree.nodes() {
        let is_open = match node.kind {
            NodeKind::File(_) => node.mode & 0o002 != 0,
            // With the sticky bit, nobody removes what another one wrote.
            NodeKind::Directory => node.mode & 0o1002 == 0o002,
            NodeKind::Link(_) | NodeKind::Special => false,
        };
        if is_open {
            hits.in_file(path, format!("mode {:o}", node.mode));
        }
    }
}
