//! Why an operation of a person's program fails.
//!
//! Invariant: a decision, an interruption and an ambiguous name have variants, so that a program can act on them. The
//! words of each variant are for a person and name the remedy.

use domain::Reason;
use domain::gate::GateOutcome;

use crate::pkcs11::DeviceError;
use crate::secret::SecretError;

/// Why an operation fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, a setting or an answer is missing or invalid; the words name it and the remedy.
    #[error("{0}")]
    Unusable(String),
    /// More than one thing fits a name; the words list them.
    #[error("{0}")]
    Ambiguous(String),
    /// The person ended the operation.
    #[error("{0}")]
    Interrupted(&'static str),
    /// The server decided against the request, and recorded the decision.
    #[error("refused by a decision, recorded as entry {entry}")]
    Refused {
        /// Number of the entry.
        entry: u64,
        /// Every reason.
        reasons: Vec<Reason>,
    },
    /// The server decided against the request, and only the number of such decisions is recorded.
    #[error("{message}")]
    Counted {
        /// The server's words.
        message: String,
        /// Every reason.
        reasons: Vec<Reason>,
    },
    /// This program decided against the release or the evidence, or could not decide.
    #[error("{message}")]
    Decided {
        /// The decision.
        outcome: GateOutcome,
        /// The decision in words.
        message: String,
        /// Every reason.
        reasons: Vec<policy::Reason>,
    },
    /// The server cannot be reached, or answers with a problem.
    #[error(transparent)]
    Server(#[from] wire::ClientError),
    /// The file system or a process failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file cannot be written.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The clock stands before the Epoch.
    #[error(transparent)]
    Clock(#[from] std::time::SystemTimeError),
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] runner::RepositoryError),
    /// A tree of the repository is invalid.
    #[error(transparent)]
    Tree(#[from] evidence::git::TreeObjectError),
    /// A source pack is invalid.
    #[error(transparent)]
    SourcePack(#[from] evidence::source_pack::SourcePackError),
    /// A commit id is invalid.
    #[error(transparent)]
    Commit(#[from] evidence::CommitIdError),
    /// A name is invalid.
    #[error(transparent)]
    Name(#[from] evidence::NameError),
    /// A text is not the JSON that it should be.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Advisories cannot be read, or are damaged.
    #[error(transparent)]
    Advisories(#[from] scan::advisories::AdvisoriesError),
    /// Bytes are not the canonical JSON of their format.
    #[error(transparent)]
    Canonical(#[from] evidence::canonical::CanonicalError),
    /// An envelope is invalid.
    #[error(transparent)]
    Envelope(#[from] evidence::dsse::EnvelopeError),
    /// A request is invalid.
    #[error(transparent)]
    Request(#[from] evidence::request::RequestError),
    /// An approval is invalid.
    #[error(transparent)]
    Approval(#[from] evidence::approval::ApprovalError),
    /// A key or certificate of the transport is unusable.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// A trust root is invalid.
    #[error(transparent)]
    Root(#[from] evidence::trust_root::TrustRootError),
    /// An enrolment is invalid.
    #[error(transparent)]
    Enrolment(#[from] evidence::enrolment::EnrolmentError),
    /// A status is invalid.
    #[error(transparent)]
    Status(#[from] evidence::status::StatusError),
    /// An environment statement is invalid.
    #[error(transparent)]
    Environment(#[from] evidence::environment::EnvironmentError),
    /// A configuration is invalid.
    #[error(transparent)]
    Configuration(#[from] evidence::configuration::ConfigurationError),
    /// Windows are invalid.
    #[error(transparent)]
    Windows(#[from] evidence::windows::WindowsError),
    /// The checkpoint in a pin is invalid.
    #[error(transparent)]
    Pin(#[from] evidence::pin::PinError),
    /// A policy is invalid.
    #[error(transparent)]
    PolicyBundle(#[from] policy::BundleError),
    /// A policy has a rule that the gate never evaluates.
    #[error(transparent)]
    PolicyRule(#[from] policy::Unasked),
    /// A person's signature is invalid.
    #[error(transparent)]
    Signature(#[from] evidence::ssh::SshSigError),
    /// `ssh-keygen` printed a signature that is not Base64.
    #[error(transparent)]
    Base64(#[from] base64::DecodeError),
    /// A machine's key is invalid.
    #[error(transparent)]
    MachineKey(#[from] evidence::machine::MachineKeyError),
    /// A ledger's or witness's key is invalid.
    #[error(transparent)]
    NoteKey(#[from] tlog::KeyError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A key in a device cannot be opened.
    #[error("key `{uri}`: {source}")]
    DeviceKey {
        /// The key.
        uri: String,
        /// The device's error.
        source: DeviceError,
    },
    /// A key in a device does not sign.
    #[error(transparent)]
    Device(#[from] tlog::SigningError),
}

impl Error {
    /// Something is missing or invalid.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self::Unusable(message.into())
    }

    /// More than one thing fits.
    pub(crate) fn ambiguous(message: impl Into<String>) -> Self {
        Self::Ambiguous(message.into())
    }

    /// A decision of this program.
    pub(crate) fn decided(
        outcome: GateOutcome,
        message: impl Into<String>,
        reasons: Vec<policy::Reason>,
    ) -> Self {
        Self::Decided { outcome, message: message.into(), reasons }
    }
}
