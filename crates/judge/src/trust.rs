//! Root, status and environment statement in force: under which rules of the holders a release is judged.
//!
//! Invariant: an environment statement counts only if the root's signers made it for this place, and it is not older than
//! the newest that the judge has seen. An end or a freeze is a reason against the release.

use evidence::bundle::Bundle;
use evidence::environment::Environment;
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment};

use crate::context::VerificationContext;
use crate::reasons::{NEW_BUNDLE, RENEW_ROOT, Reasons, one_reason};

/// Statements of the holders of trust that are in force.
#[derive(Clone, Debug)]
pub struct TrustProof {
    /// The newest trust root.
    pub root: TrustRoot,
    /// All trust roots, from version 1 on.
    pub roots: Vec<TrustRoot>,
    /// Digest of the newest trust root.
    pub root_digest: Digest,
    /// The status in force.
    pub status: Status,
    /// The environment statement.
    pub environment: Environment,
}

/// Opens the environment statement of this place and the one directly before it.
pub fn environments(
    bundle: &Bundle,
    root: &TrustRoot,
    seen: &VerificationContext,
) -> Result<(Environment, Option<Environment>), Reasons> {
    let wrong = |what: String| one_reason("environment-unsound", what, NEW_BUNDLE);
    let mut opened = Vec::new();
    for envelope in &bundle.environments {
        let statement = Environment::open(envelope, root).map_err(|error| wrong(error.to_string()))?;
        if statement.project != bundle.project || statement.service != bundle.service {
            return Err(wrong("an environment statement is of another project or service".into()));
        }
        opened.push(statement);
    }
    let here = opened.pop().ok_or_else(|| wrong("there is no environment statement".into()))?;
    let before = opened.pop();
    if here.environment != bundle.environment || !opened.is_empty() {
        return Err(wrong("the environment statements are not those of this place".into()));
    }
    if here.after != before.as_ref().map(|before| before.environment.clone()) {
        return Err(wrong("the statement of the environment before is missing, or is another".into()));
    }
    leans_on_preview(&here, before.as_ref())?;
    if here.number < seen.statement {
        let what = format!("statement {} was seen before, this is {}", seen.statement, here.number);
        return Err(one_reason(
            "environment-rollback",
            what,
            "ask for the newest one; somebody withholds it",
        ));
    }
    let policy = bundle.policy.digest().map_err(|error| wrong(error.to_string()))?;
    if policy != here.policy {
        let what = "the policy is not the one that the environment statement names";
        return Err(one_reason("policy-differs", what, NEW_BUNDLE));
    }
    Ok((here, before))
}

/// Checks that no preview or template is evidence for a place, and that no release goes to a template.
fn leans_on_preview(here: &Environment, before: Option<&Environment>) -> Result<(), Reasons> {
    if let Some(before) = before.filter(|before| before.preview.is_some() || before.previews.is_some()) {
        let what =
            format!("{} is a preview or a template, which is evidence for no other place", before.place());
        return Err(one_reason(
            "preview-as-evidence",
            what,
            "name an environment that stays before this one",
        ));
    }
    if here.previews.is_some() {
        let what = format!("{} is a template, and releases go to its previews", here.place());
        return Err(one_reason(
            "release-to-template",
            what,
            "make a preview with `countersign run --preview`",
        ));
    }
    Ok(())
}

/// Collects authentic facts against a preview: its time is over, or its template is frozen.
fn preview_in_force(environment: &Environment, status: &Status, now: Moment, reasons: &mut Reasons) {
    let Some(preview) = &environment.preview else { return };
    if preview.until <= now {
        let what = format!("preview {} ended at {}", environment.place(), preview.until);
        reasons.against("preview-over", what, "make it again with `countersign run --preview`");
    }
    if status.freezes(&environment.project, &environment.service, &preview.template) {
        let what = format!("the template `{}` of {} is frozen", preview.template, environment.place());
        reasons.against("frozen", what, "wait, or have the status signers lift the freeze");
    }
}

/// Collects authentic facts against the release: expired, frozen, barred.
pub fn in_force(
    (bundle, environment): (&Bundle, &Environment),
    root: &TrustRoot,
    status: &Status,
    now: Moment,
    reasons: &mut Reasons,
) {
    preview_in_force(environment, status, now, reasons);
    if root.expires <= now {
        reasons.against("root-expired", format!("the trust root ended at {}", root.expires), RENEW_ROOT);
    }
    if status.expires <= now {
        let what = format!("status {} ended at {}", status.number, status.expires);
        reasons.against("status-expired", what, "renew it with `countersign trust status --renew`");
    }
    if status.freezes(&bundle.project, &bundle.service, &bundle.environment) {
        let what = format!("{}/{}/{} is frozen", bundle.project, bundle.service, bundle.environment);
        reasons.against("frozen", what, "wait, or have the status signers lift the freeze");
    }
    if status.barred.contains(&bundle.artifact()) {
        reasons.against("artifact-barred", "the artifact is barred everywhere", "build another one");
    }
}
