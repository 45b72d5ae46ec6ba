//! Admission of people's submissions: verifies all signatures and makes a command of the request.
//!
//! Invariant: a submission that cannot be read is an error and leaves no entry. A readable submission of a known person
//! that is invalid becomes a command that refuses it, so that the refusal is recorded. Replay calls the same function
//! with the bytes from the ledger.

use std::collections::BTreeSet;

use domain::identity::{Enrol, Enrolled, Rooted, SetRoot, SetStatus, StatusSet};
use domain::source::{RecordSource, Signature};
use domain::{Command, Event, Reason, RunId, State, approval, build, gate, release};
use evidence::approval::Signed;
use evidence::canonical::CanonicalError;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, EnrolmentError, Purpose};
use evidence::environment::Environment;
use evidence::git::{Commit, CommitError};
use evidence::pipeline::{self, Pipeline};
use evidence::policy_files::PolicyFiles;
use evidence::release_file::{self, ReleaseFile};
use evidence::request::Request;
use evidence::source_pack::SourcePack;
use evidence::ssh;
use evidence::status::{StatusFile, StatusInForce};
use evidence::trust_root::{Mode, QuorumError, TrustRoot, TrustRootError};
use evidence::{Digest, Name};
use serde::de::DeserializeOwned;

use crate::arguments::{
    AgreeArguments, CancelArguments, PromoteArguments, RollbackArguments, RunArguments, StatementArguments,
};
use crate::store::{Store, Unavailable};

/// A person's submission. The signature and time of its request were verified before.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The request.
    pub request: &'a Request,
    /// The signed envelope of the request.
    pub envelope: &'a Envelope,
    /// Statements that the request names by the digests of their payloads.
    pub statements: &'a [Envelope],
    /// Bytes that the request or a statement names by their digests.
    pub attachments: &'a [Vec<u8>],
}

/// A command with the bytes to record.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The command.
    pub command: Command,
    /// Project of the entry.
    pub project: Option<Name>,
    /// Blobs that must be durable before the command is decided.
    pub blobs: Vec<Vec<u8>>,
}

/// Reasons why a submission cannot become a command.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The submission cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Bytes of the ledger are unavailable.
    #[error(transparent)]
    Store(#[from] Unavailable),
}

/// Makes a command of a submission.
///
/// # Errors
/// `AdmitError` when the submission cannot be read. A refusal is not an error but a command.
pub fn admit(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    sent: &Sent<'_>,
) -> Result<Admitted, AdmitError> {
    match sent.request.action.as_str() {
        "enrol" => enrol(root, sent),
        "set-root" => set_root(root, sent),
        "set-status" => set_status(root, sent),
        "set-environment" => set_environment(root, sent),
        "run" => run(root, sent),
        "agree" => agree(state, root, sent),
        "cancel" => cancel(state, sent),
        "approve" => approve(state, root, store, sent),
        "promote" => promote(sent),
        "rollback" => rollback(sent),
        other => Err(malformed(format!("`{other}` is no action; known are {}", ACTIONS.join(", ")))),
    }
}

fn enrol(root: &TrustRoot, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    Ok(bare(match Enrolment::open(envelope, root) {
        Ok(enrolment) => {
            let facts = Enrolled::of(&enrolment, root.version).map_err(malformed)?;
            Command::Enrol(Enrol { enrolment: facts, issued: enrolment.issued })
        }
        Err(error @ EnrolmentError::Quorum(QuorumError::Threshold { .. })) => {
            refuse("registrars-missing", &error, MORE_SIGN)
        }
        Err(error) => refuse("enrolment-unsound", &error, SIGN_AGAIN),
    }))
}

/// Names of the runners in a root.
#[must_use]
pub fn runner_names(root: &TrustRoot) -> BTreeSet<Name> {
    root.runners.iter().map(|runner| runner.name.clone()).collect()
}

fn set_root(root: &TrustRoot, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    match root.next(envelope) {
        Ok(next) => {
            let bytes = envelope.encode().map_err(malformed)?;
            let facts = Rooted::of(&next, Digest::of(&bytes)).map_err(malformed)?;
            let command =
                Command::SetRoot(SetRoot { root: facts, runners: runner_names(&next), issued: next.issued });
            Ok(Admitted { command, project: None, blobs: vec![bytes] })
        }
        Err(error @ TrustRootError::Threshold { .. }) => {
            Ok(bare(refuse("holders-missing", &error, MORE_SIGN)))
        }
        Err(error @ TrustRootError::Succession { .. }) => {
            Ok(bare(refuse("root-out-of-order", &error, "amend the root in force and sign again")))
        }
        Err(error) => Ok(bare(refuse("root-unsound", &error, SIGN_AGAIN))),
    }
}

fn set_status(root: &TrustRoot, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (base, tightening) = named(sent)?;
    let file = StatusFile { base: base.clone(), tightening: tightening.cloned() };
    match file.open(root) {
        Ok(opened) => {
            let bytes = file.encode().map_err(malformed)?;
            let command = status_command(opened, Digest::of(&bytes), root.version);
            Ok(Admitted { command, project: None, blobs: vec![bytes] })
        }
        Err(error) => Ok(bare(refuse("status-unsound", &error, SIGN_AGAIN))),
    }
}

/// The command that brings a status into force. The signatures were verified before.
#[must_use]
pub fn status_command(opened: StatusInForce, file: Digest, root: u32) -> Command {
    let issued = opened.status.issued;
    Command::SetStatus(SetStatus { status: StatusSet::of(opened, file, root), issued })
}

fn set_environment(root: &TrustRoot, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    let statement = match Environment::open(envelope, root) {
        Ok(statement) => statement,
        Err(error) => return Ok(bare(refuse("environment-unsound", &error, SIGN_AGAIN))),
    };
    let find = |digest: &Digest, what: &str| {
        let found = sent.attachments.iter().find(|bytes| Digest::of(bytes) == *digest);
        found.ok_or_else(|| malformed(format!("{what} {digest} is named but was not sent")))
    };
    let policy = find(&statement.policy, "policy")?;
    let configuration = find(&statement.configuration, "configuration")?;
    let bytes = envelope.encode().map_err(malformed)?;
    let blobs = vec![bytes, policy.clone(), configuration.clone()];
    let kept =
        |command| Ok(Admitted { command, project: Some(statement.project.clone()), blobs: blobs.clone() });
    if let Err(error) = Configuration::decode(configuration) {
        return kept(refuse("configuration-unsound", &error, SIGN_AGAIN));
    }
    let files = PolicyFiles::decode(policy).map_err(malformed)?;
    let compiled = policy::Bundle::new(files.files)
        .map_err(|error| error.to_string())
        .and_then(|bundle| policy::Gate::compile(&bundle).map_err(|error| error.to_string()));
    if let Err(error) = compiled {
        return kept(refuse("policy-unsound", &error, "mend it; `countersign policy check DIR` tells"));
    }
    let envelope = blobs.first().map_or(statement.policy, |bytes| Digest::of(bytes));
    let facts = gate::EnvironmentSet::of(&statement, envelope, root.version);
    kept(Command::SetEnvironment(gate::SetEnvironment { environment: facts, issued: statement.issued }))
}

fn run(root: &TrustRoot, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
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
    let blobs = vec![bytes.clone(), envelope];
    let project = Some(arguments.project.clone());
    let kept = |command| Ok(Admitted { command, project: project.clone(), blobs: blobs.clone() });
    let (parsed, releases) = match (Pipeline::parse(file), services(&checked.files)) {
        (Ok(parsed), Ok(releases)) => (parsed, releases),
        (Err(error), _) => return kept(refuse("pipeline-unsound", &error, COMMIT_AGAIN)),
        (_, Err(error)) => return kept(refuse("release-file-unsound", &error, COMMIT_AGAIN)),
    };
    let services = releases.map(|file| file.services).unwrap_or_default();
    if let Some((service, described)) =
        services.iter().find(|(_, service)| !parsed.artifacts.contains_key(&service.artifact))
    {
        let what = format!(
            "{}: services.{service}.artifact: the pipeline makes no artifact `{}`",
            release_file::PATH,
            described.artifact
        );
        return kept(refuse("release-file-unsound", &what, COMMIT_AGAIN));
    }
    let command = build::Run {
        take: RecordSource {
            run: sent.request.nonce.into(),
            project: arguments.project.clone(),
            commit: arguments.commit,
            signature: signature(commit),
            requester: sent.request.person.into(),
            pack: Digest::of(bytes),
            request: blobs.last().map_or_else(|| Digest::of(bytes), |envelope| Digest::of(envelope)),
        },
        pipeline: Pipeline::digest(file),
        steps: parsed.steps.iter().map(|(name, step)| (name.clone(), step_plan(step))).collect(),
        artifacts: parsed.artifacts.keys().cloned().collect::<BTreeSet<_>>(),
        services: services.into_iter().map(|(name, service)| (name, service.artifact)).collect(),
        runners: root.runners.iter().map(|runner| runner.name.clone()).collect(),
        seed: build::seed(sent.request.idempotency()),
        again: arguments.again,
    };
    kept(Command::Run(Box::new(command)))
}

fn services(
    files: &std::collections::BTreeMap<String, Vec<u8>>,
) -> Result<Option<ReleaseFile>, release_file::ReleaseFileError> {
    files.get(release_file::PATH).map(|bytes| ReleaseFile::parse(bytes)).transpose()
}

fn step_plan(step: &pipeline::Step) -> build::StepPlan {
    let approval = step.approval.as_ref();
    build::StepPlan {
        needs: step.needs.clone(),
        approval: approval.map(|node| build::Agreement { role: node.role.clone(), count: node.count }),
    }
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

fn agree(state: &State, root: &TrustRoot, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let arguments: AgreeArguments = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let command = Command::Agree(build::Agree {
        run: arguments.run,
        step: arguments.step,
        commit: arguments.commit,
        person: sent.request.person.into(),
        request: Digest::of(&envelope),
        solo: root.mode == Mode::Solo,
    });
    Ok(Admitted { command, project: project_of(state, arguments.run), blobs: vec![envelope] })
}

/// The project of a run that has not ended.
fn project_of(state: &State, run: RunId) -> Option<Name> {
    state.build.run(run).map(|run| run.started.project.clone())
}

fn cancel(state: &State, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let CancelArguments { run, commit } = arguments(sent.request)?;
    let command = build::Cancel { run, commit, person: sent.request.person.into() };
    Ok(Admitted { project: project_of(state, run), ..bare(Command::Cancel(command)) })
}

fn approve(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    sent: &Sent<'_>,
) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    let signed = Signed::read(envelope).map_err(malformed)?;
    let unsound = |what: &str| Ok(bare(refuse("approval-unsound", &what, SIGN_AGAIN)));
    if signed.said.installation != root.installation {
        return unsound("it is of another installation");
    }
    if signed.said.person != sent.request.person {
        return unsound("it is signed in another person's name than the request");
    }
    let person = sent.request.person.into();
    let Some(known) = state.identity.enrolled(person) else {
        return unsound("its signer is not enrolled");
    };
    let enrolment = enrolment_at(store, known.entry)?;
    let keys: Vec<_> = enrolment.keys_for(Purpose::Approve).collect();
    let key = match signed.verify(envelope, &keys) {
        Ok(key) => key.fingerprint().to_owned(),
        Err(error) => return unsound(&error.to_string()),
    };
    let bytes = envelope.encode().map_err(malformed)?;
    let given = approval::Given {
        place: signed.said.place(),
        release: signed.said.release,
        person,
        decision: signed.decision,
        artifact: signed.artifact,
        plan: signed.plan,
        expires: signed.said.expires,
        envelope: Digest::of(&bytes),
    };
    let command = approval::SubmitApproval {
        given,
        key,
        not_before: signed.said.not_before,
        solo: root.mode == Mode::Solo,
    };
    let project = Some(signed.said.project);
    Ok(Admitted { command: Command::SubmitApproval(Box::new(command)), project, blobs: vec![bytes] })
}

fn promote(sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let arguments: PromoteArguments = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let project = Some(arguments.place.project.clone());
    let promoted = release::Promoted {
        place: arguments.place,
        release: arguments.release,
        person: sent.request.person.into(),
        request: Digest::of(&envelope),
    };
    let command = Command::Promote(release::Promote { promoted, artifact: arguments.artifact });
    Ok(Admitted { command, project, blobs: vec![envelope] })
}

fn rollback(sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let arguments: RollbackArguments = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let project = Some(arguments.place.project.clone());
    let command = Command::Rollback(release::Rollback {
        place: arguments.place,
        from: arguments.from,
        to: arguments.to,
        release: arguments.release,
        ends: arguments.ends,
        person: sent.request.person.into(),
        request: Digest::of(&envelope),
    });
    Ok(Admitted { command, project, blobs: vec![envelope] })
}

/// The enrolment that an entry records.
///
/// # Errors
/// `Unavailable` when the entry does not contain an enrolment.
pub fn enrolment_at(store: &dyn Store, entry: u64) -> Result<Enrolment, Unavailable> {
    enrolment_envelope_at(store, entry).map(|(_, enrolment)| enrolment)
}

/// Like [`enrolment_at`], with the envelope.
pub fn enrolment_envelope_at(store: &dyn Store, entry: u64) -> Result<(Envelope, Enrolment), Unavailable> {
    let recorded = store.entry(entry)?;
    let facts = Event::read("identity.enrolled", &recorded.facts).map_err(Unavailable::of)?;
    let particulars = recorded.particulars.ok_or_else(|| Unavailable(format!("erased in entry {entry}")))?;
    let value: serde_json::Value =
        particulars.decode("particulars").map_err(|error: CanonicalError| Unavailable::of(error))?;
    let statement = value.pointer("/statements/0").cloned().unwrap_or_default();
    let envelope: Envelope = serde_json::from_value(statement).map_err(Unavailable::of)?;
    let enrolment = Enrolment::read(&envelope).map_err(Unavailable::of)?;
    match facts {
        Event::Enrolled(facts) if enrolment.digest().is_ok_and(|digest| digest == facts.digest) => {
            Ok((envelope, enrolment))
        }
        _ => Err(Unavailable(format!("entry {entry} does not hold the enrolment that it records"))),
    }
}

/// The statement that the request is about and, for a status, its tightening.
fn named<'a>(sent: &Sent<'a>) -> Result<(&'a Envelope, Option<&'a Envelope>), AdmitError> {
    let named: StatementArguments = arguments(sent.request)?;
    let find = |digest: &Digest| {
        let found = sent.statements.iter().find(|envelope| envelope.payload_digest() == *digest);
        found.ok_or_else(|| malformed(format!("statement {digest} is named but was not sent")))
    };
    if named.tightening.is_some() && sent.request.action.as_str() != "set-status" {
        return Err(malformed(format!("`{}` takes no tightening", sent.request.action)));
    }
    let expected = 1 + usize::from(named.tightening.is_some());
    if sent.statements.len() != expected {
        let found = sent.statements.len();
        return Err(malformed(format!("{expected} statements are named, {found} were sent")));
    }
    Ok((find(&named.statement)?, named.tightening.as_ref().map(find).transpose()?))
}

fn arguments<T: DeserializeOwned>(request: &Request) -> Result<T, AdmitError> {
    let parsed = serde_json::from_value(request.arguments.clone());
    parsed.map_err(|error| malformed(format!("arguments of `{}`: {error}", request.action)))
}

fn bare(command: Command) -> Admitted {
    Admitted { command, project: None, blobs: Vec::new() }
}

fn refuse(code: &str, error: &dyn std::fmt::Display, remedy: &str) -> Command {
    Command::Refuse(Reason::new(code, error.to_string(), remedy).into())
}

fn malformed(error: impl std::fmt::Display) -> AdmitError {
    AdmitError::Malformed(error.to_string())
}

const ACTIONS: [&str; 10] = [
    "enrol",
    "set-root",
    "set-status",
    "set-environment",
    "run",
    "agree",
    "cancel",
    "approve",
    "promote",
    "rollback",
];
const MORE_SIGN: &str =
    "have the others sign the same file with `countersign trust sign FILE` and send it again";
const SIGN_AGAIN: &str = "mend the statement, have it signed and send it again";
const COMMIT_AGAIN: &str = "mend the file, commit and run again";
