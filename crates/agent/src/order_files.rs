//! The files by which a person brings an order to return to a running agent, and gets its answer.
//!
//! Invariant: both are bounded, and each is written whole or not at all. Nothing in them is believed here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::rollback_order::{BYTES_MAX, RollbackOrder};
use serde::{Deserialize, Serialize};

/// The agent's answer to an order that was brought by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderAnswer {
    /// Version of this format; 1.
    pub v: u8,
    /// Digest of the payload of the person's request.
    pub request: Digest,
    /// Number of the return.
    pub release: u64,
    /// The outcome.
    pub outcome: ReleaseOutcome,
    /// Codes of the reasons.
    pub reasons: Vec<String>,
    /// The reasons in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Why the files of an order cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OrderFileError {
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, io::Error),
    /// The file is no order or answer.
    #[error("`{0}`: {1}")]
    Damaged(PathBuf, String),
    /// It did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
}

/// The order in an agent's directory.
///
/// # Errors
/// `OrderFileError` when there is one that cannot be read.
pub fn read_order(dir: &Path) -> Result<Option<RollbackOrder>, OrderFileError> {
    let path = dir.join(ORDER_FILE);
    let Some(bytes) = bytes_of(&path, BYTES_MAX as u64)? else { return Ok(None) };
    RollbackOrder::decode(&bytes).map(Some).map_err(|error| OrderFileError::Damaged(path, error.to_string()))
}

/// The agent's answer to the order with this request.
///
/// # Errors
/// `OrderFileError` when there is one that cannot be read.
pub fn read_answer(dir: &Path, request: &Digest) -> Result<Option<OrderAnswer>, OrderFileError> {
    let path = dir.join(ANSWER_FILE);
    let Some(bytes) = bytes_of(&path, ANSWER_BYTES_MAX)? else { return Ok(None) };
    let answer: OrderAnswer =
        serde_json::from_slice(&bytes).map_err(|error| OrderFileError::Damaged(path, error.to_string()))?;
    Ok(Some(answer).filter(|answer| answer.request == *request))
}

fn bytes_of(path: &Path, most: u64) -> Result<Option<Vec<u8>>, OrderFileError> {
    match disk::read_bounded(path, most) {
        Ok((bytes, _)) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OrderFileError::Io("read", path.to_path_buf(), error)),
    }
}

impl OrderAnswer {
    /// The answer of a refusal.
    pub fn refused(order: &RollbackOrder, reasons: Vec<String>, words: &[String]) -> Self {
        let (request, release) = (order.request.payload_digest(), order.release);
        Self { v: 1, request, release, outcome: ReleaseOutcome::Refused, reasons, detail: words.join("\n") }
    }

    /// The answer of a report.
    pub fn of(order: &RollbackOrder, report: &AgentReport) -> Self {
        let AgentReport { outcome, reasons, detail, .. } = report.clone();
        Self { outcome, detail, ..Self::refused(order, reasons, &[]) }
    }

    /// Writes the answer into an agent's directory.
    pub fn write(&self, dir: &Path) -> Result<(), OrderFileError> {
        let path = dir.join(ANSWER_FILE);
        let bytes = serde_json::to_vec(self);
        let bytes = bytes.map_err(|error| OrderFileError::Damaged(path.clone(), error.to_string()))?;
        Ok(disk::replace("agent.answer", &path, &bytes, 0o600)?)
    }
}

/// Removes a file, unless it is gone.
pub fn remove(path: &Path) -> Result<(), OrderFileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OrderFileError::Io("remove", path.to_path_buf(), error))
        }
        _ => Ok(()),
    }
}

/// Name of the file by which a person brings an order to return.
pub const ORDER_FILE: &str = "return.json";
/// Name of the file with the agent's answer.
const ANSWER_FILE: &str = "return-answer.json";
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
