//! A rebuild on the approver's own machine: the same steps and the same assembly, from this machine's clone.

use std::collections::BTreeMap;

use client::project;
use evidence::bundle::Bundle;
use evidence::pipeline::Step;
use evidence::{Digest, Name};
use judge::Checked;
use runner::{Budget, Repository, Source, assemble};

use crate::failure::Failure;
use crate::local_build::LocalBuild;
use crate::operator::Reach;
use crate::output;

/// Rebuilds an artifact and returns the digests of `manifest.json` and `layer.tar`.
pub fn rebuild(
    bundle: &Bundle,
    checked: &Checked<'_>,
    reach: &Reach,
) -> Result<BTreeMap<String, Digest>, Failure> {
    let path = project::repository(None)?;
    let source = Source::fetch(&mut Repository::open(&path, Budget::default())?, &bundle.source.commit)?;
    let pipeline = &checked.build.pipeline;
    let identity = (bundle.installation, bundle.project.clone(), checked.trust.root.version);
    let mut build = LocalBuild::new(&source, pipeline, identity, reach)?;
    // A scan leaves nothing that an artifact is made of, and an approver may have no advisories. Nor does a step that gets secrets
    // or needs one that does, and an approver has no secrets.
    let makes = |step: &Step| step.is_work() && step.scan.is_empty();
    let apart = pipeline.held_apart();
    let making = |name: &&Name| !apart.contains(*name) && pipeline.steps.get(*name).is_some_and(makes);
    for name in pipeline.order().into_iter().filter(making) {
        output::say(&format!("rebuilding: step {name}"));
        if let Some(done) = build.step(name, &|_, _| {})?.filter(|done| !done.facts.passed()) {
            let log = String::from_utf8_lossy(&done.log).into_owned();
            return Err(Failure::error(format!("your rebuild of step {name} failed; its log:\n{log}")));
        }
    }
    let built = assemble(pipeline, &bundle.plan.artifact, &build.left, &source.id, source.time_seconds())?;
    Ok(BTreeMap::from([
        ("manifest.json".to_owned(), built.digest()),
        ("layer.tar".to_owned(), Digest::of(&built.layer)),
    ]))
}
