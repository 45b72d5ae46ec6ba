//! Why a submission is rejected before any decision. Nothing of it is recorded.

use evidence::dsse::EnvelopeError;
use evidence::machine::MachineKeyError;
use judge::{AdmitError, Unavailable};
use ledger::{BlobError, LedgerError};

use crate::disk_space::DiskFull;
use crate::quotas::QuotaError;
use crate::salt::NoRandomness;
use crate::sessions::SessionError;

/// Why a submission was rejected before any decision.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// It is malformed.
    #[error("{0}")]
    Malformed(String),
    /// No known person or machine signed it.
    #[error("{0}")]
    Unauthenticated(String),
    /// The sender is known but has no right to it.
    #[error("{0}")]
    Forbidden(String),
    /// No session was opened.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The evidence on disk cannot be read.
    #[error("the server's own evidence cannot be read: {0}; run `countersign audit verify`")]
    Evidence(String),
    /// The provenance key did not sign.
    #[error("the server cannot sign: {0}")]
    Signing(#[from] MachineKeyError),
    /// The system's source of randomness failed.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The operator's quotas are invalid.
    #[error(transparent)]
    Quotas(#[from] QuotaError),
    /// The disk is full.
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A blob could not be stored or read.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

pub(crate) fn malformed(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Malformed(error.to_string())
}

pub(crate) fn evidence(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Evidence(error.to_string())
}

pub(crate) fn unauthenticated(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Unauthenticated(error.to_string())
}

impl From<AdmitError> for EdgeError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Malformed(what) => Self::Malformed(what),
            AdmitError::Store(error) => error.into(),
        }
    }
}

impl From<Unavailable> for EdgeError {
    fn from(error: Unavailable) -> Self {
        evidence(error)
    }
}

impl From<EnvelopeError> for EdgeError {
    fn from(error: EnvelopeError) -> Self {
        malformed(error)
    }
}
