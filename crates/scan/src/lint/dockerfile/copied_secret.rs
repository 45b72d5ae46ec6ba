//! `dockerfile-copied-secret`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::secrets::file_rule;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-copied-secret",
        severity: Severity::High,
        title: "a file that holds secrets is copied into the image",
        why: "It stays in a layer, even if a later step deletes it, where everybody who can pull the image reads it.",
        remedy: "give it to the step that needs it with `RUN --mount=type=secret`",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for instruction in file.named("COPY").chain(file.named("ADD")) {
        // What comes from another image is not in the tree.
        if instruction.flag("from").is_some() {
            continue;
        }
        let words = instruction.words();
        let sources = words.get(..words.len().saturating_sub(1)).unwrap_or_default();
        for source in sources.iter().filter(|source| is_secret(source)) {
            hits.at(instruction.line, source.clone());
        }
    }
}

fn is_secret(source: &str) -> bool {
    let name = source.rsplit('/').next().unwrap_or(source);
    let is_sample = ["example", "sample", "template", "dist", "test"].iter().any(|word| name.contains(word));
    !is_sample
        && (file_rule(source).is_some()
            || matches!(name, ".npmrc" | ".ssh" | ".aws" | ".kube" | ".gnupg" | "kubeconfig"))
}
