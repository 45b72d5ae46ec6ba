//! `github-unpinned-image`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unpinned-image",
        severity: Severity::Medium,
        title: "a container is started from an image without a digest",
        why: "Another image can be pushed under the same tag, and it runs beside your code and its secrets.",
        remedy: "write the digest behind the tag: `name:tag@sha256:...`",
        same: &["zizmor/unpinned-images"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        if let Some(container) = job.node.get("container") {
            look(container.get("image").unwrap_or(container), "", &job.about(), hits);
        }
        for (name, service) in job.node.get("services").into_iter().flat_map(Marked::entries) {
            if let Some(image) = service.get("image") {
                look(image, "", &format!("{}, service {name}", job.about()), hits);
            }
        }
        if let Some(image) = job.node.get("image").filter(|_| workflow.is_action) {
            look(image, SCHEME, &job.about(), hits);
        }
        for step in job.steps() {
            if let Some(uses) = step.node.get("uses") {
                look(uses, SCHEME, &step.about(), hits);
            }
        }
    }
}

/// A name that an expression gives says nothing here.
fn look(node: &Marked, scheme: &str, about: &str, hits: &mut Hits) {
    let Some(image) = node.text().map(str::trim).filter(|_| !node.is_null()) else { return };
    let is_image = if scheme.is_empty() { !image.is_empty() } else { image.starts_with(scheme) };
    if is_image && !image.contains("${{") && !image.contains("@sha256:") {
        let name = image.strip_prefix(SCHEME).unwrap_or(image);
        hits.of(node, format!("{about}: {name}"));
    }
}

const SCHEME: &str = "docker://";
