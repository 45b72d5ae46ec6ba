//! Previews: nothing of one is evidence for a place that stays, and no release goes to a template.

use evidence::environment::{Class, Environment};
use evidence::preview::{PreviewWish, Previews};
use serde_json::json;

use super::row::{Forgery, forged};
use crate::parts::Parts;
use crate::world::{Lab, name};

pub(super) fn rows() -> Vec<Forgery> {
    const EVIDENCE: &str = "preview-as-evidence";
    vec![
        forged("an artifact of a run that was asked for as a preview", "run-of-a-preview", |lab, parts| {
            let wish = json!(wish(lab, parts));
            super::unapplied::run(lab, parts, "preview", wish);
        }),
        forged("a preview as the environment before", EVIDENCE, |lab, parts| {
            let wish = json!(wish(lab, parts));
            let arguments = super::unapplied::beside(lab.run(parts).arguments, "preview", wish);
            parts.environments[0] = lab.request(&lab.ada, "run", arguments, 71).1;
            after(lab, parts, "pr-1");
        }),
        forged("a template as the environment before", EVIDENCE, |lab, parts| {
            let template = template(lab, parts);
            parts.environments[0] = lab.signed_environment(&template, &[0, 1]);
            after(lab, parts, "preview");
        }),
        forged("a release to a template", "release-to-template", |lab, parts| {
            let template = Environment { environment: name("production"), ..template(lab, parts) };
            parts.environments = vec![lab.signed_environment(&template, &[0, 1])];
            parts.reports.remove(0);
            lab.approve(parts);
        }),
    ]
}

/// Production comes after another environment.
fn after(lab: &Lab, parts: &mut Parts, before: &str) {
    let mut statement = lab.environment("production", &parts.replaces.1);
    statement.after = Some(name(before));
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    lab.approve(parts);
}

fn template(lab: &Lab, parts: &Parts) -> Environment {
    let previews = Previews { pattern: "pr-*".parse().unwrap(), count: 3, ttl_ms: 3_600_000 };
    Environment {
        environment: name("preview"),
        class: Some(Class::Preview),
        previews: Some(previews),
        ..lab.environment("staging", &parts.replaces.1)
    }
}

fn wish(lab: &Lab, parts: &Parts) -> PreviewWish {
    let template = lab.signed_environment(&template(lab, parts), &[0, 1]);
    PreviewWish { name: name("pr-1"), slot: 1, template }
}
