//! Build receipts: what one runner did in one step, signed by its supervisor outside the sandbox. Format:
//! `docs/formats/receipt.md`.
//!
//! Invariant: exactly one runner's key signs, one that the trust root names. A receipt names every input
//! and output by digest, so that receipts chain from the source to the artifact without the server's word.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::link;
use crate::machine::{MachineKeyError, MachineSigner};
use crate::tree_list::{below_a_file, is_tree_path};
use crate::trust_root::TrustRoot;
use crate::{CommitId, Digest, Id, Moment, Name};

/// DSSE payload type of a receipt.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.receipt+json";
/// Most outputs in one receipt.
pub const OUTPUTS_MAX: usize = 4_096;

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The runner, by its name in the trust root.
    pub runner: Name,
    /// Version of the trust root that the runner has pinned.
    pub root: u32,
    /// Random; drawn by the server for this run of the step, so that a receipt counts for one run.
    pub nonce: Id,
    /// The project.
    pub project: Name,
    /// The commit that was fetched and verified.
    pub commit: CommitId,
    /// Digest of the commit's tree list.
    pub tree: Digest,
    /// Digest of the pipeline file as it lies in that tree.
    pub pipeline: Digest,
    /// What was done.
    pub work: Work,
    /// Outputs of other steps that lay in the workspace: path and content.
    pub inputs: BTreeMap<String, Output>,
    /// What the step left: path and content.
    pub outputs: BTreeMap<String, Output>,
    /// How it ended: 0 to 255, or what ended it.
    pub exit: Ending,
    /// What it ran on.
    pub sandbox: SandboxLevel,
    /// Hosts that it reached through the proxy.
    pub network: Vec<Reached>,
    /// Digest of the log.
    pub log: Digest,
    /// When it started.
    pub started: Moment,
    /// When it ended.
    pub ended: Moment,
    /// Whether a forge was there to name pusher and merger.
    pub forge: Forge,
}

/// What a runner did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Ran this step of the pipeline.
    Step(Name),
    /// Put this artifact of the pipeline together: `inputs` are the files by their paths in the artifact,
    /// `outputs` are `manifest.json` and `layer.tar`.
    Artifact(Name),
}

/// A file, link or empty directory that a step left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Digest of the content; of a link, of its target; of a directory, of nothing.
    pub sha256: Digest,
    /// Size of the same in bytes.
    pub size: u64,
    /// Whether it can be run.
    pub executable: bool,
    /// What it is; omitted for a file, as every output was at first.
    #[serde(default, skip_serializing_if = "OutputKind::is_file")]
    pub kind: OutputKind,
}

/// What an output is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// A file.
    #[default]
    File,
    /// A directory with nothing in it. Other directories follow from the paths below them.
    Directory,
    /// A symbolic link with its target.
    Link(String),
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// At its time limit.
    TimedOut,
    /// At its memory limit.
    MemoryExceeded,
}

/// What a step ran on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxLevel {
    /// `range` or `own`: whose user ids the step had.
    pub user: String,
    /// Landlock ABI in force.
    pub landlock: u32,
    /// How memory was held.
    pub memory: String,
    /// Digest of the manifest of what was bound from the host.
    pub toolchain: Digest,
}

/// A host that a step reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// Name as the step asked for it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

/// Whether a forge was there to name pusher and merger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forge {
    /// The commit came from a repository without one.
    None,
}

/// Why a receipt is not one, or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The envelope is malformed.
    #[error("receipt: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature does not count.
    #[error("receipt: {0}")]
    Signature(#[from] MachineKeyError),
    /// A rule of the format is broken.
    #[error("receipt: {0}")]
    Rule(&'static str),
}

impl Output {
    /// A file with its content.
    #[must_use]
    pub fn file(bytes: &[u8], executable: bool) -> Self {
        Self { sha256: Digest::of(bytes), size: bytes.len() as u64, executable, kind: OutputKind::File }
    }

    /// A link with its target.
    #[must_use]
    pub fn link(target: &str) -> Self {
        Self { kind: OutputKind::Link(target.to_owned()), ..Self::file(target.as_bytes(), false) }
    }

    /// An empty directory.
    #[must_use]
    pub fn directory() -> Self {
        Self { kind: OutputKind::Directory, ..Self::file(b"", false) }
    }

    /// Whether digest, size and mode are those that its kind has.
    fn is_consistent(&self) -> bool {
        match &self.kind {
            OutputKind::File => true,
            OutputKind::Directory => *self == Self::directory(),
            OutputKind::Link(target) => *self == Self::link(target),
        }
    }
}

impl OutputKind {
    /// Whether it is a file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::File)
    }
}

impl Receipt {
    /// Signs the receipt.
    ///
    /// # Errors
    /// `ReceiptError` when a rule of the format is broken, or the key did not sign.
    pub fn sign(&self, signer: &MachineSigner) -> Result<Envelope, ReceiptError> {
        self.check()?;
        let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("receipt", self)?);
        signer.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Reads a receipt and checks that the runner that it names signed it, as the root knows that runner.
    ///
    /// # Errors
    /// `ReceiptError` names what is wrong.
    pub fn open(envelope: &Envelope, root: &TrustRoot) -> Result<Self, ReceiptError> {
        let receipt: Self = canonical::decode("receipt", envelope.payload(PAYLOAD_TYPE)?, PAYLOAD_BYTES_MAX)?;
        receipt.check()?;
        if receipt.installation != root.installation {
            return Err(ReceiptError::Rule("it is of another installation"));
        }
        let runner = root.runners.iter().find(|runner| runner.name == receipt.runner);
        let runner = runner.ok_or(ReceiptError::Rule("the trust root names no such runner"))?;
        runner.key.verify(envelope)?;
        Ok(receipt)
    }

    /// Whether the step passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.exit == Ending::Code(0)
    }

    fn check(&self) -> Result<(), ReceiptError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ReceiptError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.started <= self.ended, "it ended before it started")?;
        let mut paths = self.inputs.keys().chain(self.outputs.keys());
        rule(paths.all(|path| is_tree_path(path)), "a path leaves the workspace")?;
        rule(self.outputs.len() <= OUTPUTS_MAX, "more than 4096 outputs")?;
        is_tree(&self.inputs)?;
        is_tree(&self.outputs)?;
        rule(self.network.is_sorted(), "`network` is not sorted")
    }
}

/// Whether such files can lie in one directory: links stay in it, and nothing lies below a file or link.
fn is_tree(files: &BTreeMap<String, Output>) -> Result<(), ReceiptError> {
    let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ReceiptError::Rule(text)) };
    for (path, output) in files {
        rule(output.is_consistent(), "an output's digest or size is not that of its kind")?;
        if let OutputKind::Link(target) = &output.kind {
            rule(link::fault("", path, target).is_none(), "a link leaves the workspace")?;
        }
    }
    rule(
        below_a_file(files, |output| output.kind == OutputKind::Directory).is_none(),
        "a path lies below a file",
    )
}
