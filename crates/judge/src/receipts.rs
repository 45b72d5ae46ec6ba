//! The build's part of a bundle: receipts that form a chain from the source to the artifact, for each runner.
//!
//! Invariant: every receipt is needed, and every receipt passed. A runner counts only if its chain is complete.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::Bundle;
use evidence::oci::Manifest;
use evidence::pipeline::{self, Image, Pipeline, Step};
use evidence::receipt::{Output, Receipt, Work};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Name, canonical};

use crate::reasons::Flaw;
use crate::records::{Records, Revoked};

/// Facts that the receipts prove.
#[derive(Clone, Debug)]
pub struct BuildProof {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Receipts with the digests of their payloads, sorted.
    pub receipts: Vec<(Digest, Receipt)>,
    /// Runners whose chains are complete.
    pub runners: BTreeSet<Name>,
    /// The runner that did the steps that are held apart; `None` if the pipeline has no such step.
    pub apart: Option<Name>,
    /// Digest of the layer.
    pub layer: Digest,
}

/// Proves that the receipts lead from the source to the artifact.
pub fn prove(
    bundle: &Bundle,
    root: &TrustRoot,
    records: &Records,
    revoked: &Revoked,
) -> Result<BuildProof, Flaw> {
    let file = bundle.source.files.get(pipeline::PATH);
    let file = file.ok_or_else(|| Flaw::new("pipeline-missing", "the source has no pipeline file"))?;
    let pipeline =
        Pipeline::parse(&file.0).map_err(|error| Flaw::new("pipeline-unsound", error.to_string()))?;
    let receipts = open(bundle, root, records, revoked)?;
    agree(bundle, &Pipeline::digest(&file.0), &receipts)?;
    in_images(&pipeline, &receipts)?;
    let manifest: Manifest = canonical::decode("manifest", &bundle.manifest.0, MANIFEST_MAX)
        .map_err(|error| Flaw::new("manifest-unsound", error.to_string()))?;
    let [layer] = manifest.layers.as_slice() else {
        return Err(Flaw::new("manifest-unsound", "the artifact has not exactly one layer"));
    };
    let held = Held::of(&pipeline, &receipts)?;
    let names: BTreeSet<_> = receipts.iter().map(|(_, receipt)| receipt.runner.clone()).collect();
    let mut runners = BTreeSet::new();
    for runner in names {
        let own: Vec<_> =
            receipts.iter().map(|(_, receipt)| receipt).filter(|receipt| receipt.runner == runner).collect();
        chain(bundle, &pipeline, &held.required(&pipeline, &runner), &own, layer.digest)?;
        runners.insert(runner);
    }
    let apart = held.by;
    Ok(BuildProof { pipeline, receipts, runners, apart, layer: layer.digest })
}

/// The steps that are held apart, because they or steps before them got secrets, and the runner that did them.
struct Held {
    steps: BTreeSet<Name>,
    by: Option<Name>,
}

impl Held {
    /// Finds the one runner of these steps.
    fn of(pipeline: &Pipeline, receipts: &[(Digest, Receipt)]) -> Result<Self, Flaw> {
        let apart: BTreeSet<Name> = pipeline.held_apart().into_iter().cloned().collect();
        let is_apart = |receipt: &&Receipt| matches!(&receipt.work, Work::Step(step) if apart.contains(step));
        let of_apart = receipts.iter().map(|(_, receipt)| receipt).filter(is_apart);
        // If another runner did one of them too, its chain has a step that is not for it.
        let by = of_apart.map(|receipt| receipt.runner.clone()).min();
        if let Some(step) = apart.iter().find(|step| by.is_none() && is_work(pipeline, step)) {
            return Err(Flaw::new("receipt-chain-broken", format!("step `{step}` has no receipt")));
        }
        Ok(Self { steps: apart, by })
    }

    /// The steps of which a runner has to have a receipt.
    fn required(&self, pipeline: &Pipeline, runner: &Name) -> BTreeSet<Name> {
        let does = |step: &&Name| self.by.as_ref() == Some(runner) || !self.steps.contains(*step);
        pipeline.steps.keys().filter(|step| is_work(pipeline, step)).filter(does).cloned().collect()
    }
}

fn is_work(pipeline: &Pipeline, step: &Name) -> bool {
    pipeline.steps.get(step).is_some_and(Step::is_work)
}

fn open(
    bundle: &Bundle,
    root: &TrustRoot,
    records: &Records,
    revoked: &Revoked,
) -> Result<Vec<(Digest, Receipt)>, Flaw> {
    let mut receipts: Vec<(Digest, Receipt)> = Vec::new();
    for (envelope, record) in bundle.receipts.iter().zip(&records.receipts) {
        let digest = envelope.payload_digest();
        let receipt =
            Receipt::open(envelope, root).map_err(|error| Flaw::new("receipt-unsound", error.to_string()))?;
        if receipts.last().is_some_and(|(last, _)| *last >= digest) {
            return Err(Flaw::new("receipts-unsorted", "receipts are not sorted, or one stands twice"));
        }
        if !revoked.counts_signer(envelope, record) {
            return Err(Flaw::new("runner-revoked", format!("the key of {} is revoked", receipt.runner)));
        }
        if !receipt.passed() {
            let what = format!("{:?} on {} did not pass", receipt.work, receipt.runner);
            return Err(Flaw::new("step-failed", what));
        }
        receipts.push((digest, receipt));
    }
    if receipts.is_empty() {
        return Err(Flaw::new("receipts-missing", "nothing proves how the artifact was built"));
    }
    Ok(receipts)
}

/// Checks that all receipts name the bundle's project, commit, tree and pipeline.
fn agree(bundle: &Bundle, pipeline: &Digest, receipts: &[(Digest, Receipt)]) -> Result<(), Flaw> {
    let tree = bundle.tree.digest().map_err(|error| Flaw::new("tree-unsound", error.to_string()))?;
    for (_, receipt) in receipts {
        let differs = |what: &str| {
            Err(Flaw::new("receipt-differs", format!("a receipt of {} names another {what}", receipt.runner)))
        };
        if receipt.project != bundle.project {
            return differs("project");
        }
        if receipt.commit != bundle.source.commit {
            return differs("commit");
        }
        if receipt.tree != tree {
            return differs("tree");
        }
        if receipt.pipeline != *pipeline {
            return differs("pipeline");
        }
    }
    // The pack proves files by git's ids, and the runners list them by SHA-256. The files must be the same.
    for (path, bytes) in &bundle.source.files {
        if bundle.tree.file(path).map(|file| file.sha256) != Some(Digest::of(&bytes.0)) {
            return Err(Flaw::new("tree-differs", format!("`{path}` is another file in the tree list")));
        }
    }
    Ok(())
}

/// Checks that each command ran in the image that the pipeline names for its step, and in none where it names none.
fn in_images(pipeline: &Pipeline, receipts: &[(Digest, Receipt)]) -> Result<(), Flaw> {
    for (_, receipt) in receipts {
        let named = match &receipt.work {
            Work::Step(step) => pipeline.steps.get(step).and_then(|step| pipeline.image_of(step)),
            Work::Artifact(_) | Work::Check(_) => None,
        };
        if receipt.image != named.map(Image::digest) {
            let what = format!("a receipt of {} names another image", receipt.runner);
            return Err(Flaw::new("receipt-differs", what));
        }
    }
    Ok(())
}

/// Checks one runner's receipts: each required step once, inputs equal to the outputs of earlier steps, and the artifact made of
/// them.
fn chain(
    bundle: &Bundle,
    pipeline: &Pipeline,
    required: &BTreeSet<Name>,
    receipts: &[&Receipt],
    layer: Digest,
) -> Result<(), Flaw> {
    let runner = receipts.first().map(|receipt| receipt.runner.to_string()).unwrap_or_default();
    let broken = |what: String| Err(Flaw::new("receipt-chain-broken", format!("{runner}: {what}")));
    let mut left: BTreeMap<Name, BTreeMap<String, Output>> = BTreeMap::new();
    for receipt in receipts {
        if let Work::Step(step) = &receipt.work
            && left.insert(step.clone(), receipt.outputs.clone()).is_some()
        {
            return broken(format!("step `{step}` was reported twice"));
        }
    }
    let reported: BTreeSet<_> = left.keys().cloned().collect();
    if let Some(missing) = required.difference(&reported).next() {
        return broken(format!("step `{missing}` has no receipt"));
    }
    if let Some(stray) = reported.difference(required).next() {
        return broken(format!("the pipeline has no step `{stray}` for this runner"));
    }
    let mut assembled = 0;
    for receipt in receipts {
        let expected = match &receipt.work {
            Work::Step(step) => inputs_of(pipeline, step, &left),
            Work::Artifact(name) => {
                assembled += 1;
                artifact(bundle, name, receipt, layer)
                    .map_err(|what| Flaw::new("receipt-chain-broken", format!("{runner}: {what}")))?;
                entering(pipeline, name, &left)
            }
            Work::Check(_) => return broken("a check of a release is no part of a build".into()),
        };
        if Some(&receipt.inputs) != expected.as_ref() {
            return broken(format!("the inputs of {:?} are not what the steps before it left", receipt.work));
        }
    }
    if assembled == 1 { Ok(()) } else { broken(format!("{assembled} receipts put the artifact together")) }
}

fn inputs_of(
    pipeline: &Pipeline,
    step: &Name,
    left: &BTreeMap<Name, BTreeMap<String, Output>>,
) -> Option<BTreeMap<String, Output>> {
    let needs = &pipeline.steps.get(step)?.needs;
    let outputs = needs.iter().filter_map(|need| left.get(need)).flatten();
    Some(outputs.map(|(path, output)| (path.clone(), output.clone())).collect())
}

fn entering(
    pipeline: &Pipeline,
    name: &Name,
    left: &BTreeMap<Name, BTreeMap<String, Output>>,
) -> Option<BTreeMap<String, Output>> {
    let files = pipeline.artifacts.get(name)?.entering(left).ok()?;
    Some(files.into_iter().map(|(path, output)| (path, output.clone())).collect())
}

/// Checks that the receipt of the artifact names the bundle's manifest and its layer.
fn artifact(bundle: &Bundle, name: &Name, receipt: &Receipt, layer: Digest) -> Result<(), String> {
    if *name != bundle.plan.artifact {
        return Err(format!("artifact `{name}` is not the one of the plan"));
    }
    let output = |path: &str| receipt.outputs.get(path).map(|output| output.sha256);
    if output("manifest.json") != Some(bundle.artifact()) {
        return Err("it put another artifact together".into());
    }
    if output("layer.tar") != Some(layer) || receipt.outputs.len() != 2 {
        return Err("its layer is another one than the manifest's".into());
    }
    Ok(())
}

const MANIFEST_MAX: usize = 1024 * 1024;
