//! The first entries of a ledger: trust root, status and enrolments, each a statement signed by people whom the root
//! itself names.
//!
//! Invariant: all or nothing. The ledger is made in a directory beside the final one, which is renamed when it is
//! complete. A crash here leaves behind only that directory, and the next attempt starts over.

use std::fs;
use std::path::{Path, PathBuf};

use domain::gate::{EnvironmentSet, SetEnvironment};
use domain::identity::{Enrol, Enrolled, Rooted, SetRoot};
use domain::{Command, Refusal};
use evidence::dsse::{Envelope, EnvelopeError};
use evidence::enrolment::{Enrolment, EnrolmentError};
use evidence::entry::{Actor, Auth};
use evidence::environment::{Environment, EnvironmentError};
use evidence::status::{StatusError, StatusFile};
use evidence::trust_root::{TrustRoot, TrustRootError};
use evidence::{Digest, Name, NameError};
use ledger::{BLOBS, BlobError, Blobs, Ledger, LedgerError};
use serde_json::json;
use tlog::{Checkpoint, NoteSigner};
use tracing::Span;

use crate::job::{Answer, CommandSource, IntakeError, Job};
use crate::world::World;
use crate::writer::Writer;
use crate::writer_error::WriterError;

/// Statements that found an installation.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Root version 1, signed by its own threshold.
    pub root: Envelope,
    /// First status.
    pub status: StatusFile,
    /// First enrolments.
    pub enrolments: Vec<Envelope>,
    /// First environment statements; a place that comes before others is listed before them.
    pub environments: Vec<FirstEnvironment>,
}

/// An environment statement with the payloads that it names.
#[derive(Clone, Debug)]
pub struct FirstEnvironment {
    /// The statement.
    pub statement: Envelope,
    /// The policy.
    pub policy: Vec<u8>,
    /// The configuration.
    pub configuration: Vec<u8>,
}

/// Why an installation could not be founded.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The directory did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The directory exists.
    #[error("`{0}` exists already; nothing was changed. Choose another with --data")]
    Exists(PathBuf),
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, std::io::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A blob could not be stored.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The writer failed.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// The writer did not accept a command.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// An envelope is malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The root is invalid.
    #[error(transparent)]
    Root(#[from] TrustRootError),
    /// The status is invalid.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// An environment statement is invalid.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// An enrolment is invalid.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// A name is invalid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The domain refused a statement.
    #[error("refused: {0}")]
    Refused(Refusal),
}

/// Founds an installation in a directory that does not exist yet.
///
/// # Errors
/// `GenesisError`; the directory then does not exist.
pub fn found(
    dir: &Path,
    signer: NoteSigner,
    genesis: &Genesis,
    world: World,
) -> Result<TrustRoot, GenesisError> {
    if dir.exists() {
        return Err(GenesisError::Exists(dir.to_path_buf()));
    }
    let new = beside(dir);
    if new.exists() {
        fs::remove_dir_all(&new).map_err(|error| GenesisError::Io("remove", new.clone(), error))?;
    }
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&new).map_err(|error| GenesisError::Io("create", new.clone(), error))?;
    let root = fill(&new, signer, genesis, world)?;
    disk::rename("ledger.found", &new, dir)?;
    Ok(root)
}

fn fill(dir: &Path, signer: NoteSigner, genesis: &Genesis, world: World) -> Result<TrustRoot, GenesisError> {
    let root = TrustRoot::open(&genesis.root)?;
    let ledger = Ledger::create(dir, signer)?;
    let blobs = Blobs::open(&dir.join(BLOBS))?;
    let mut writer = Writer::open(dir, ledger, world)?;

    let envelope = blobs.put(&genesis.root.encode()?)?;
    let facts = Rooted::of(&root, envelope)?;
    submit(
        &mut writer,
        "set-root",
        Command::SetRoot(SetRoot { root: facts, runners: judge::runner_names(&root), issued: root.issued }),
        vec![envelope],
        None,
    )?;

    let status = genesis.status.open(&root)?;
    let file = blobs.put(&genesis.status.encode()?)?;
    let command = judge::status_command(status, file, root.version);
    submit(&mut writer, "set-status", command, vec![file], None)?;

    for envelope in &genesis.enrolments {
        let enrolment = Enrolment::open(envelope, &root)?;
        let facts = Enrolled::of(&enrolment, root.version)?;
        let command = Command::Enrol(Enrol { enrolment: facts, issued: enrolment.issued });
        submit(&mut writer, "enrol", command, Vec::new(), Some(envelope))?;
    }
    for first in &genesis.environments {
        let statement = Environment::open(&first.statement, &root)?;
        let mut named = vec![
            blobs.put(&first.statement.encode()?)?,
            blobs.put(&first.policy)?,
            blobs.put(&first.configuration)?,
        ];
        let facts =
            EnvironmentSet::of(&statement, named.first().copied().unwrap_or(statement.policy), root.version);
        named.sort();
        named.dedup();
        let command =
            Command::SetEnvironment(SetEnvironment { environment: facts, issued: statement.issued });
        submit(&mut writer, "set-environment", command, named, None)?;
    }
    Ok(root)
}

/// Continues the ledger of a directory under the new origin that a root names, and records that root: after a lost ledger
/// key, or on a restored backup. After a crash, a second call continues where the first one stopped.
///
/// # Errors
/// `GenesisError` if the root does not follow the current one, or names another key or another end.
pub fn succeed(
    dir: &Path,
    signer: NoteSigner,
    envelope: &Envelope,
    world: World,
) -> Result<TrustRoot, GenesisError> {
    let blobs = Blobs::open(&dir.join(BLOBS))?;
    let (state, _) = crate::snapshots::state_of(dir, &ledger::Reader::open(dir)?)?;
    let digest = Digest::of(&envelope.encode()?);
    let on_record = state.identity.root().is_some_and(|root| root.envelope == digest);
    let next = match state.identity.root() {
        Some(_) if on_record => TrustRoot::open(envelope)?,
        Some(root) => {
            let bytes = blobs.read(&root.envelope, evidence::dsse::ENVELOPE_BYTES_MAX as u64)?;
            TrustRoot::read(&Envelope::decode(&bytes)?)?.next(envelope)?
        }
        None => {
            return Err(
                TrustRootError::Rule("the ledger has no earlier trust root that it could follow").into()
            );
        }
    };
    let end = next.ledger.replaces.as_ref().and_then(|text| text.parse::<Checkpoint>().ok());
    let end = end.ok_or(TrustRootError::Rule("`ledger.replaces` names no checkpoint"))?;
    if next.ledger_key()? != *signer.verifier() {
        return Err(TrustRootError::Rule(
            "`ledger.vkey` does not belong to the key that was made in this directory",
        )
        .into());
    }
    let mut writer = Writer::open(dir, Ledger::succeed(dir, &end, signer)?, world)?;
    if !on_record {
        let envelope = blobs.put(&envelope.encode()?)?;
        let (root, runners) = (Rooted::of(&next, envelope)?, judge::runner_names(&next));
        let command = Command::SetRoot(SetRoot { root, runners, issued: next.issued });
        submit(&mut writer, "set-root", command, vec![envelope], None)?;
    }
    Ok(next)
}

fn submit(
    writer: &mut Writer,
    action: &str,
    command: Command,
    blobs: Vec<Digest>,
    statement: Option<&Envelope>,
) -> Result<(), GenesisError> {
    let action: Name = action.parse()?;
    let particulars = statement.map(|envelope| json!({ "statements": [envelope] }));
    let origin = CommandSource {
        actor: Actor::System,
        auth: Auth::Statement,
        action,
        idempotency: None,
        project: None,
    };
    let job = Job { command, origin, particulars, blobs, bodies: Vec::new(), span: Span::none() };
    for answer in writer.take(std::iter::once(&job)) {
        if let Answer::Refused { refusal, .. } = answer? {
            return Err(GenesisError::Refused(refusal));
        }
    }
    Ok(())
}

/// `DIR.new`, beside `DIR`.
fn beside(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(".new");
    dir.with_file_name(name)
}
