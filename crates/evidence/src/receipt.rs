//! Build receipts: one runner's signed statement about one step. The supervisor signs it outside the sandbox. Format:
//! `docs/formats/receipt.md`.
//!
//! Invariant: exactly one key signs, the key of a runner that the trust root names. A receipt names every input and
//! output by digest, so receipts form a chain from the source to the artifact that needs no trust in the server.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::credentials::AccountId;
use crate::document::ReportRef;
use crate::domain_name::Domain;
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::git::RefName;
use crate::link;
use crate::machine::{MachineKeyError, MachineSigner};
use crate::pipeline::REPORTS_MAX;
use crate::release_check::ReleaseCheck;
use crate::tree_list::{below_a_file, is_tree_path};
use crate::trust_root::TrustRoot;
use crate::{CommitId, Digest, Id, Moment, Name};

/// DSSE payload type of a receipt.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.receipt+json";
/// Highest number of outputs in one receipt.
pub const OUTPUTS_MAX: usize = 4_096;

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// Name of the runner in the trust root.
    pub runner: Name,
    /// Version of the trust root that the runner has pinned.
    pub root: u32,
    /// Random number that the server drew for this run of the step. It makes the receipt count for one run only.
    pub nonce: Id,
    /// The project.
    pub project: Name,
    /// The commit that was fetched and verified.
    pub commit: CommitId,
    /// Digest of the commit's tree list.
    pub tree: Digest,
    /// Digest of the pipeline file in that tree.
    pub pipeline: Digest,
    /// The work of this receipt.
    pub work: Work,
    /// Outputs of other steps in the workspace, by path.
    pub inputs: BTreeMap<String, Output>,
    /// Outputs of the step, by path.
    pub outputs: BTreeMap<String, Output>,
    /// Reports that the runner read after the step, by path. Omitted when empty, as in receipts of the first programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reports: BTreeMap<String, ReportRef>,
    /// Exit codes with which the step passes if all its reports were read, as the pipeline declares them. Omitted when
    /// empty.
    #[serde(default, rename = "report-exits", skip_serializing_if = "BTreeSet::is_empty")]
    pub report_exits: BTreeSet<u8>,
    /// How the command ended.
    pub exit: Ending,
    /// The isolation that the step ran in.
    pub sandbox: SandboxLevel,
    /// Digest of the image in which the command ran, as the pipeline names it. Omitted without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Digest>,
    /// Hosts that the step reached through the proxy.
    pub network: Vec<Reached>,
    /// Digest of the log.
    pub log: Digest,
    /// Time of the start.
    pub started: Moment,
    /// Time of the end.
    pub ended: Moment,
    /// Whether a forge named pusher and merger.
    pub forge: Forge,
    /// A ref that contains the commit, as the runner's own fetch showed; absent for commits that were uploaded.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub verified_ref: Option<VerifiedRef>,
}

/// A ref that a runner fetched itself, and that contains the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifiedRef {
    /// Name of the ref.
    pub name: RefName,
    /// The commit that the ref named then.
    pub tip: CommitId,
}

/// The work of a runner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// The runner ran this step of the pipeline.
    Step(Name),
    /// The runner assembled this artifact of the pipeline. `inputs` are the files by their paths in the artifact;
    /// `outputs` are `manifest.json` and `layer.tar`.
    Artifact(Name),
    /// The runner did this check of a release that an agent has brought up.
    Check(ReleaseCheck),
}

/// An output of a step: a file, a link or an empty directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Digest of the content. For a link, of its target; for a directory, of no bytes.
    pub sha256: Digest,
    /// Size of the same in bytes.
    pub size: u64,
    /// Whether the file is executable.
    pub executable: bool,
    /// Kind of the output. Omitted for a file, as in receipts of the first programs.
    #[serde(default, skip_serializing_if = "OutputKind::is_file")]
    pub kind: OutputKind,
}

/// Kinds of outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// A file.
    #[default]
    File,
    /// An empty directory. Other directories follow from the paths below them.
    Directory,
    /// A symbolic link, with its target.
    Link(String),
}

/// Endings of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The command exited with this code, 0 to 255.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The time limit ended it.
    TimedOut,
    /// The memory limit ended it.
    MemoryExceeded,
    /// The runner could not do the work at all; the log says why. A command cannot end so, whatever its exit code.
    GaveUp,
}

/// The isolation that a step ran in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxLevel {
    /// `range` or `own`: whether the step had a range of user ids or the id of the runner's user.
    pub user: String,
    /// Version of the Landlock ABI in force.
    pub landlock: u32,
    /// Mechanism that limited memory.
    pub memory: String,
    /// Digest of the manifest of everything that was mounted from the host; of an image, its own digest.
    pub toolchain: Digest,
}

/// A host that a step reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// Host name in the step's request.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

/// Whether a forge named pusher and merger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forge {
    /// The commit came from a repository without a forge.
    None,
    /// The runner asked this forge.
    Asked(ForgeAnswer),
}

/// The accounts that brought a commit to its ref, as a forge answered the runner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeAnswer {
    /// Host of the forge.
    pub host: Domain,
    /// Account that pushed the commit; absent if the forge does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pusher: Option<AccountId>,
    /// Account that merged it; absent if it was not merged there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merger: Option<AccountId>,
}

/// Errors of reading and verifying a receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The envelope is malformed.
    #[error("receipt: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature is invalid.
    #[error("receipt: {0}")]
    Signature(#[from] MachineKeyError),
    /// A rule of the format is broken.
    #[error("receipt: {0}")]
    Rule(&'static str),
}

impl Work {
    /// Name of the kind of work.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Step(_) => "step",
            Self::Artifact(_) => "artifact",
            Self::Check(_) => "check",
        }
    }

    /// Name of the work in its run, unique among work of its kind.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Step(name) | Self::Artifact(name) => name.to_string(),
            Self::Check(ReleaseCheck { place, release, name, .. }) => {
                format!("{}.{}.{release}.{name}", place.service, place.environment)
            }
        }
    }
}

impl Output {
    /// A file with this content.
    #[must_use]
    pub fn file(bytes: &[u8], executable: bool) -> Self {
        Self { sha256: Digest::of(bytes), size: bytes.len() as u64, executable, kind: OutputKind::File }
    }

    /// A link with this target.
    #[must_use]
    pub fn link(target: &str) -> Self {
        Self { kind: OutputKind::Link(target.to_owned()), ..Self::file(target.as_bytes(), false) }
    }

    /// An empty directory.
    #[must_use]
    pub fn directory() -> Self {
        Self { kind: OutputKind::Directory, ..Self::file(b"", false) }
    }

    /// Whether digest, size and mode fit the kind.
    fn is_consistent(&self) -> bool {
        match &self.kind {
            OutputKind::File => true,
            OutputKind::Directory => *self == Self::directory(),
            OutputKind::Link(target) => *self == Self::link(target),
        }
    }
}

impl OutputKind {
    /// Whether the output is a file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::File)
    }
}

impl Receipt {
    /// Signs the receipt.
    ///
    /// # Errors
    /// `ReceiptError` when a rule of the format is broken, or the key could not sign.
    pub fn sign(&self, signer: &MachineSigner) -> Result<Envelope, ReceiptError> {
        self.check()?;
        let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("receipt", self)?);
        signer.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Reads a receipt and verifies the signature of the runner that it names, with the key in the root.
    ///
    /// # Errors
    /// `ReceiptError` names the fault.
    pub fn open(envelope: &Envelope, root: &TrustRoot) -> Result<Self, ReceiptError> {
        let receipt: Self = canonical::decode("receipt", envelope.payload(PAYLOAD_TYPE)?, PAYLOAD_BYTES_MAX)?;
        receipt.check()?;
        if receipt.installation != root.installation {
            return Err(ReceiptError::Rule("it is of another installation"));
        }
        let runner = root.runners.iter().find(|runner| runner.name == receipt.runner);
        let runner = runner.ok_or(ReceiptError::Rule("the trust root names no such runner"))?;
        runner.signed(envelope)?;
        Ok(receipt)
    }

    /// Whether the step passed: its command exited with 0, or with a code that the pipeline declares for reports.
    ///
    /// A receipt has either all reports of its step or, if one could not be read, none.
    #[must_use]
    pub fn passed(&self) -> bool {
        match self.exit {
            Ending::Code(0) => true,
            Ending::Code(code) => {
                let declared = u8::try_from(code).is_ok_and(|code| self.report_exits.contains(&code));
                declared && !self.reports.is_empty()
            }
            Ending::Signal(_) | Ending::TimedOut | Ending::MemoryExceeded | Ending::GaveUp => false,
        }
    }

    /// Fields that restrict what may happen and that this program does not apply: pusher and merger are barred from
    /// approving. A judge that meets one decides nothing.
    #[must_use]
    pub fn unapplied(&self) -> Vec<&'static str> {
        (self.forge != Forge::None).then_some("forge").into_iter().collect()
    }

    /// Whether the work was not done at all. The log says why.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.exit == Ending::GaveUp
    }

    fn check(&self) -> Result<(), ReceiptError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ReceiptError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.started <= self.ended, "it ended before it started")?;
        let mut paths = self.inputs.keys().chain(self.outputs.keys());
        rule(paths.all(|path| is_tree_path(path)), "a path leaves the workspace")?;
        rule(self.outputs.len() <= OUTPUTS_MAX, "more than 4096 outputs")?;
        rule(self.reports.keys().all(|path| is_tree_path(path)), "a report's path leaves the workspace")?;
        rule(self.reports.len() <= REPORTS_MAX, "more than 24 reports")?;
        rule(
            self.reports.values().all(ReportRef::is_sound),
            "a report has a text that is empty, long or not printable",
        )?;
        let is_empty = self.inputs.is_empty() && self.outputs.is_empty() && self.reports.is_empty();
        rule(!self.gave_up() || is_empty, "work that was given up has inputs, outputs or reports")?;
        if let Work::Check(check) = &self.work {
            rule(check.place.project == self.project, "it checks a place of another project")?;
            rule(self.inputs.is_empty() && self.outputs.is_empty(), "a check has inputs or outputs")?;
        }
        let in_step = matches!(self.work, Work::Step(_));
        rule(in_step || self.image.is_none(), "work that is no step has an image")?;
        is_tree(&self.inputs)?;
        is_tree(&self.outputs)?;
        rule(self.network.is_sorted(), "`network` is not sorted")
    }
}

/// Whether these outputs fit into one directory: links stay inside it, and nothing lies below a file or link.
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
