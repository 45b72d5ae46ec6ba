//! `image-shell`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-shell",
        severity: Severity::Low,
        title: "the image has a shell",
        why: "An attacker who can start one program can then start any, by a line of text.",
        remedy: "copy the service into an image without a shell, such as one that begins with `FROM scratch`",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    let names = ["sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "tcsh", "csh", "busybox", "toybox"];
    judged.programs(hits, |name| names.contains(&name));
}
