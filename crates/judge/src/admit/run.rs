//! The action `run`.

use std::collections::{BTreeMap, BTreeSet};

use domain::source::{RecordSource, Signature};
use domain::{Command, build, gate};
use evidence::environment::Environment;
use evidence::git::{Commit, CommitError};
use evidence::pipeline::{self, Pipeline};
use evidence::release_file::{self, ReleaseFile, Service};
use evidence::source_pack::SourcePack;
use evidence::ssh;
use evidence::{Digest, Name};

use super::chosen;
use super::form::{AdmitError, Admitted, Known, Sent, arguments, malformed, refuse};
use crate::arguments::RunArguments;

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let arguments: RunArguments = arguments(sent.request)?;
    let [bytes] = sent.attachments else { return Err(malformed("one source pack is needed")) };
    let pack = SourcePack::decode(bytes).map_err(malformed)?;
    if pack.commit != arguments.commit {
        return Err(malformed("the source pack is of another commit"));
    }
    let checked = pack.check().map_err(malformed)?;
    let commit = checked.commit().ok_or_else(|| malformed("the commit itself is missing"))?;
    let file = checked.files.get(pipeline::PATH);
    let file = file.ok_or_else(|| malformed(format!("the pack has no {}", pipeline::PATH)))?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let asked = Digest::of(&envelope);
    let blobs = vec![bytes.clone(), envelope];
    let project = Some(arguments.project.clone());
    let kept = |command| Ok(Admitted { command, project: project.clone(), blobs: blobs.clone() });
    if let Some(fault) = arguments.fault() {
        return Err(malformed(fault));
    }
    let (parsed, releases) = match (Pipeline::parse(file), services(&checked.files)) {
        (Ok(parsed), Ok(releases)) => (parsed, releases),
        (Err(error), _) => return kept(refuse("pipeline-unsound", &error, COMMIT_AGAIN)),
        (_, Err(error)) => return kept(refuse("release-file-unsound", &error, COMMIT_AGAIN)),
    };
    let services = releases.map(|file| file.services).unwrap_or_default();
    let checks = services.iter().filter(|(_, service)| !service.checks.is_empty());
    let checks = checks.map(|(name, service)| (name.clone(), checks_of(service))).collect();
    if let Some(what) = without_artifact(&services, &parsed) {
        return kept(refuse("release-file-unsound", &what, COMMIT_AGAIN));
    }
    let choice = arguments.choice(sent.request.nonce);
    let runners = match chosen::runners(known, &arguments.project, arguments.root, &choice)? {
        Ok(runners) => runners,
        Err(reason) => return kept(Command::Refuse(reason.into())),
    };
    let preview = match arguments.preview.as_ref().map(|_| Environment::open(sent.envelope, known.root)) {
        None => None,
        Some(Ok(made)) => Some(gate::EnvironmentSet::of(&made, asked, known.root.version)),
        Some(Err(error)) => return kept(refuse("preview-unsound", &error, PREVIEW_AGAIN)),
    };
    let command = build::Run {
        take: RecordSource {
            run: sent.request.nonce.into(),
            project: arguments.project.clone(),
            commit: arguments.commit,
            signature: signature(commit),
            requester: sent.request.person.into(),
            pack: Digest::of(bytes),
            request: asked,
        },
        pipeline: Pipeline::digest(file),
        steps: step_plans(&parsed),
        artifacts: parsed.artifacts.keys().cloned().collect::<BTreeSet<_>>(),
        services: services.into_iter().map(|(name, service)| (name, service.artifact)).collect(),
        checks,
        runners: runners.build,
        pool: runners.pool,
        checkers: runners.checkers,
        seed: build::seed(sent.request.idempotency()),
        again: arguments.again,
        preview: preview.as_ref().map(|preview| preview.place.clone()),
    };
    kept(match preview {
        Some(preview) => Command::MakePreview(Box::new(gate::MakePreview { run: command, preview })),
        None => Command::Run(Box::new(command)),
    })
}

/// The service whose artifact the pipeline does not make, as a sentence.
fn without_artifact(services: &BTreeMap<Name, Service>, pipeline: &Pipeline) -> Option<String> {
    let is_made = |service: &Service| pipeline.artifacts.contains_key(&service.artifact);
    let (service, described) = services.iter().find(|(_, service)| !is_made(service))?;
    Some(format!(
        "{}: services.{service}.artifact: the pipeline makes no artifact `{}`",
        release_file::PATH,
        described.artifact
    ))
}

fn services(
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Option<ReleaseFile>, release_file::ReleaseFileError> {
    files.get(release_file::PATH).map(|bytes| ReleaseFile::parse(bytes)).transpose()
}

fn checks_of(service: &Service) -> BTreeMap<Name, BTreeSet<Name>> {
    service.checks.iter().map(|(name, check)| (name.clone(), check.environments.clone())).collect()
}

fn step_plans(pipeline: &Pipeline) -> BTreeMap<Name, build::StepPlan> {
    let apart = pipeline.held_apart();
    let plan = |(name, step): (&Name, &pipeline::Step)| {
        let approval = step.approval.as_ref();
        let plan = build::StepPlan {
            needs: step.needs.clone(),
            approval: approval.map(|node| build::Agreement { role: node.role.clone(), count: node.count }),
            apart: apart.contains(name),
        };
        (name.clone(), plan)
    };
    pipeline.steps.iter().map(plan).collect()
}

/// Verifies the commit's signature with the key that it names. The decision finds out whose key that is.
fn signature(commit: &Commit) -> Signature {
    let embedded = commit.signature.as_ref().and_then(|signature| signature.blob());
    let key = embedded.and_then(|blob| ssh::embedded_key(&blob));
    let verified = match &key {
        Some(key) => commit.signer(&[key]).map(|key| key.fingerprint().to_owned()),
        None if commit.signature.is_some() => Err(CommitError::Format),
        None => Err(CommitError::Unsigned),
    };
    match verified {
        Ok(key) => Signature::By(key),
        Err(error) => Signature::None(error.to_string()),
    }
}

const PREVIEW_AGAIN: &str =
    "ask for it again; `countersign preview list` shows the templates and their previews";
const COMMIT_AGAIN: &str = "mend the file, commit and run again";
