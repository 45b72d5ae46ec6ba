//! `pipeline-no-secret-scan`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-no-secret-scan",
        severity: Severity::Low,
        title: "no step scans for secrets",
        why: "A key that somebody commits goes into the artifact, and no gate can refuse it.",
        remedy: "add a step with `scan: [secrets, components]`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    if !description.is_pipeline() {
        return;
    }
    let has_scan = description.scans().any(|scan| scan == "secrets");
    let is_scanned = description.scripts.iter().flat_map(|(_, script)| script.all());
    let mut is_scanned = is_scanned
        .map(|command| command.program())
        .filter(|program| matches!(*program, "gitleaks" | "trufflehog"));
    if let Some(node) = description.root.get("steps").filter(|_| !has_scan && is_scanned.next().is_none()) {
        hits.of(node, "steps");
    }
}
