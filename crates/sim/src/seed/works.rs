//! Runners' receipts for due work: outputs are a function of the commit, and every receipt is signed.

use std::collections::BTreeMap;

use domain::build::Due;
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::oci::{self, LayerEntry, LayerFile};
use evidence::receipt::{Ending, Forge, Output, Receipt, SandboxLevel, Work};
use evidence::{Digest, Moment, Name};

use super::change::Change;
use super::estate::Project;
use crate::machine;

/// A receipt, and the blobs that it names.
pub type Done = (Vec<Vec<u8>>, Envelope);

/// Does one piece of work.
pub fn done(project: &Project, change: &Change, due: &Due, signer: &MachineSigner, took_ms: u64) -> Done {
    let second = change.differs && due.runner == crate::installation::runner_name(1);
    let left = outputs(project, due.commit.as_str(), second);
    let mut blobs = vec![log(due, took_ms), change.list.encode().unwrap()];
    let (inputs, made) = match &due.work {
        Work::Step(step) => {
            let needs = &project.pipeline.steps[step].needs;
            let inputs =
                left.iter().filter(|(name, _)| needs.contains(*name)).flat_map(|(_, files)| files.clone());
            let inputs: BTreeMap<_, _> = inputs.collect();
            (described(&inputs), described(left.get(step).unwrap_or(&BTreeMap::new())))
        }
        Work::Artifact(name) => {
            let (inputs, manifest, layer) = artifact(project, name, &left, due);
            let made = [("manifest.json", &manifest), ("layer.tar", &layer)]
                .map(|(path, bytes)| (path.to_owned(), Output::file(bytes, false)));
            blobs.extend([manifest, layer]);
            (inputs, made.into())
        }
        Work::Check(_) => unreachable!("no project here has checks"),
    };
    let step = match &due.work {
        Work::Step(name) => project.pipeline.steps.get_key_value(name),
        Work::Artifact(_) | Work::Check(_) => None,
    };
    let fails = matches!(&due.work, Work::Step(name) if change.fails.as_ref() == Some(name));
    let reports = step.filter(|_| !fails).map(|(name, step)| {
        lab::documents::of_step(step, project.pipeline.producer(name).unwrap(), &change.documents)
    });
    blobs.extend(reports.iter().flatten().map(|(path, _)| change.documents[path].bytes.clone()));
    let receipt = Receipt {
        v: 1,
        installation: lab::id(1),
        runner: due.runner.clone(),
        root: 1,
        nonce: due.nonce,
        project: project.name.clone(),
        commit: due.commit.clone(),
        tree: change.list.digest().unwrap(),
        pipeline: due.pipeline,
        work: due.work.clone(),
        inputs,
        outputs: if fails { BTreeMap::new() } else { made },
        reports: reports.unwrap_or_default(),
        report_exits: step.map(|(_, step)| step.report_exits.clone()).unwrap_or_default(),
        exit: if fails { Ending::Code(101) } else { Ending::Code(0) },
        sandbox: SandboxLevel {
            user: "range".into(),
            landlock: 6,
            memory: "watched".into(),
            toolchain: Digest::of(b"toolchain"),
        },
        image: None,
        network: Vec::new(),
        log: Digest::of(&blobs[0]),
        started: before(took_ms),
        ended: machine::now(),
        forge: Forge::None,
        verified_ref: None,
    };
    (blobs, receipt.sign(signer).unwrap())
}

type Files = BTreeMap<String, Vec<u8>>;

/// The outputs of each step.
fn outputs(project: &Project, commit: &str, second: bool) -> BTreeMap<Name, Files> {
    let random = if second { "# at another time\n" } else { "" };
    let file = |service: &Name| {
        (
            format!("out/{service}"),
            format!("#!/bin/sh\n# {service} {commit}\n{random}exec serve\n").into_bytes(),
        )
    };
    [(lab::name("build"), project.services.iter().map(file).collect())].into()
}

fn described(files: &Files) -> BTreeMap<String, Output> {
    files.iter().map(|(path, bytes)| (path.clone(), Output::file(bytes, true))).collect()
}

/// Inputs, manifest and layer of an artifact.
fn artifact(
    project: &Project,
    name: &Name,
    left: &BTreeMap<Name, Files>,
    due: &Due,
) -> (BTreeMap<String, Output>, Vec<u8>, Vec<u8>) {
    let files = project.pipeline.artifacts[name].entering(left).unwrap();
    let inputs = files.iter().map(|(path, bytes)| (path.clone(), Output::file(bytes, true))).collect();
    let entry = |bytes: &Vec<u8>| LayerEntry::File(LayerFile { bytes: bytes.clone(), executable: true });
    let entries = files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
    let layer = oci::layer(&entries, 1_790_000_000).unwrap();
    let annotations = [("org.opencontainers.image.revision".to_owned(), due.commit.to_string())].into();
    let manifest =
        oci::manifest(&project.pipeline.artifacts[name].artifact_type, &layer, annotations).unwrap();
    (inputs, manifest, layer)
}

/// A log of a few dozen lines.
fn log(due: &Due, took_ms: u64) -> Vec<u8> {
    let mut text = format!("{:?} of commit {} on {}\n", due.work, due.commit, due.runner);
    for line in 1..40 {
        text += &format!("[{:>6} ms] unit {line} of 39 is done\n", took_ms * line / 40);
    }
    text.into_bytes()
}

fn before(millis: u64) -> Moment {
    Moment::from_millis(machine::now().millis() - millis).unwrap()
}
