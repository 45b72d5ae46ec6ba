//! Reasons why replay cannot make a decision again from recorded bytes.
//!
//! Invariant: each text is the one that replay reports, so errors of other modules pass through it unchanged.

use std::sync::Arc;

use domain::{EventError, Refusal};
use evidence::canonical::CanonicalError;
use evidence::claim::ClaimError;
use evidence::dsse::EnvelopeError;
use evidence::enrolment::EnrolmentError;
use evidence::entry::EntryError;
use evidence::environment::EnvironmentError;
use evidence::machine::MachineKeyError;
use evidence::plan::PlanError;
use evidence::request::RequestError;
use evidence::status::StatusError;
use evidence::trust_root::TrustRootError;

use crate::admit::AdmitError;
use crate::prepare::RecordedRequestError;
use crate::store::Unavailable;
use crate::verdict::NoTrustRoot;

/// Reasons why a decision cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The entry contradicts the ledger before it, or does not contain what it must contain.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The command is refused in the state before it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The verdict is refused in the state that it names.
    #[error("{0}")]
    VerdictRefused(Refusal),
    /// The gate gives another verdict.
    #[error("the verdict comes out as {outcome:?}, for {reasons:?}")]
    OtherVerdict {
        /// Outcome of the new verdict.
        outcome: domain::gate::GateOutcome,
        /// Codes of its reasons.
        reasons: Vec<String>,
    },
    /// The person's request cannot be read.
    #[error(transparent)]
    RecordedRequest(#[from] Arc<RecordedRequestError>),
    /// Bytes of the ledger are unavailable.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// No trust root is in force.
    #[error(transparent)]
    NoTrustRoot(#[from] NoTrustRoot),
    /// The request cannot become a command.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// Bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Particulars have another form.
    #[error(transparent)]
    Shape(#[from] serde_json::Error),
    /// A header or a commitment is unsound.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// An event cannot be read.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An envelope is malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The signature of the provenance is invalid.
    #[error(transparent)]
    Provenance(#[from] MachineKeyError),
    /// A request is unsound.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A claim is unsound.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// A trust root is unsound.
    #[error(transparent)]
    TrustRoot(#[from] TrustRootError),
    /// A status is unsound.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// An enrolment is unsound.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// An environment statement is unsound.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A plan cannot be encoded.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl From<&'static str> for DecisionError {
    fn from(what: &'static str) -> Self {
        Self::Contradiction(what)
    }
}
