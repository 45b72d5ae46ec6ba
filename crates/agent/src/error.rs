//! The reasons why an agent cannot do what is due now. None of them is about the release: its work stays due.

use std::io;
use std::path::PathBuf;

use evidence::observations::ObservationError;
use evidence::plan::PlanError;
use evidence::report::ReportError;
use evidence::status::StatusError;
use wire::ClientError;

use crate::apply::Fault;
use crate::memory::MemoryError;
use crate::order_files::OrderFileError;
use crate::outbox::OutboxError;
use crate::own_thread::OwnThreadError;
use crate::service_user::ServiceUserError;
use crate::store::ReleaseError;

/// Why a deployer cannot decide about a release now.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The releases on disk cannot be used.
    #[error(transparent)]
    Releases(#[from] ReleaseError),
    /// The memory cannot be written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The status file in the directory cannot be read.
    #[error(transparent)]
    StatusFile(#[from] StatusFileError),
    /// The agent ends.
    #[error(transparent)]
    Ending(#[from] Fault),
    /// The release may be applied now, and its bytes were not fetched.
    #[error("the release may be applied now; asking for its bytes")]
    BytesNeeded,
    /// The windows of the place open soon.
    #[error("{0}")]
    Early(String),
    /// An agent before this one has to run the release first.
    #[error("{0}")]
    OutOfTurn(String),
    /// An order to go back from a release does not count.
    #[error("an order to go back from a release does not count: {0}")]
    Retreat(String),
    /// Something drifted for which people froze the place.
    #[error("{0}; the release waits until that is over")]
    Drifted(String),
    /// The release goes from step to step.
    #[error("release {0} is rolled out step by step")]
    UnderWay(u64),
    /// A sealed value cannot be written.
    #[error(transparent)]
    Sealed(#[from] disk::DiskError),
    /// The evidence of the release that is rolled out cannot be kept or read.
    #[error("the evidence of the release that is rolled out: {0}")]
    Bundle(String),
    /// The plan has no digest.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The report cannot be signed.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Previews cannot be looked for or removed.
    #[error("{0}")]
    Previews(String),
    /// Observations cannot be kept or read.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The order of a person cannot be read or answered.
    #[error(transparent)]
    Order(#[from] OrderFileError),
    /// An observation cannot be signed.
    #[error(transparent)]
    Observation(#[from] ObservationError),
}

/// Why the status file in the directory of an agent cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StatusFileError {
    /// The file system failed.
    #[error("`{0}`: {1}")]
    Read(PathBuf, io::Error),
    /// It is too long.
    #[error("`{0}`: it is too large for a status")]
    Long(PathBuf),
    /// It is not a status.
    #[error("`{0}`: {1}")]
    Status(PathBuf, StatusError),
}

/// Why an agent cannot start, or cannot do a piece of work now.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There are no resources for probes.
    #[error("cannot prepare probes: {0}")]
    Probes(io::Error),
    /// There is no thread for what runs.
    #[error("cannot start the deployer's thread: {0}")]
    Thread(io::Error),
    /// Services cannot run as the account that was named.
    #[error(transparent)]
    ServiceUser(#[from] ServiceUserError),
    /// The thread does not answer.
    #[error(transparent)]
    OwnThread(#[from] OwnThreadError),
    /// The deployer cannot decide now.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The server gave no usable answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}
