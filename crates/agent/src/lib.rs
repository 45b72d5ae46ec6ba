//! The deploy plane: gets due work for one place, verifies and judges it, applies it, and reports.
//!
//! Invariant: nothing is applied whose evidence was not proven here under the agent's own pin and the numbers that it has
//! seen; no program is run whose bytes were not hashed right before. This crate deliberately omits SQL, an HTTP server and
//! any command without evidence.

mod apply;
mod before;
mod chain;
mod condition;
mod decision;
mod deployer;
mod error;
mod given;
mod held;
mod instance;
mod interrupts;
mod keeper;
mod leases;
mod leftovers;
mod linking;
mod lookout;
mod means;
mod memory;
mod minting;
mod observing;
mod opened;
mod outbox;
mod own_thread;
mod patience;
mod ports;
mod probe;
mod probe_error;
mod process;
mod relayed;
mod reporting;
mod restarts;
mod roles;
mod rotation;
mod rotations;
mod sealed_values;
mod secrets;
mod serve;
mod service_log;
mod service_user;
mod sockets;
mod status_file;
mod steps;
mod store;
mod telling;
mod timely;
mod variables;
mod watching;

pub use apply::{Fault, Services};
pub use chain::{Barred, Link};
pub use decision::Decision;
pub use deployer::{Deployer, Layer, RequestedRelease};
pub use error::{AgentError, DeployError, StatusFileError};
pub use held::{AliveError, Launcher};
pub use interrupts::{Interrupt, Interrupts};
pub use keeper::exec_service;
pub use memory::{Begun, FILE as MEMORY_FILE, KnownRelease, Memory, MemoryError};
pub use process::Processes;
pub use relayed::{RelayedStatusFault, take as take_relayed};
pub use secrets::{HeldSecret, HeldSecrets, SEAL_FILE};
pub use serve::{Agent, serve};
pub use service_log::ServiceLog;
pub use service_user::{ServiceUser, ServiceUserError};
pub use status_file::{ASIDE_FILE, STATUS_FILE, read_aside, read_status};
