//! The deploy plane: gets due work for one place, verifies and judges it, applies it, and reports.
//!
//! Invariant: nothing is applied whose evidence was not proven here under the agent's own pin and the numbers that it has
//! seen; no program is run whose bytes were not hashed right before. This crate deliberately omits SQL, an HTTP server and
//! any command without evidence.

mod apply;
mod decision;
mod deployer;
mod error;
mod held;
mod interrupts;
mod keeper;
mod leftovers;
mod lookout;
mod memory;
mod own_thread;
mod patience;
mod probe;
mod probe_error;
mod process;
mod relayed;
mod restarts;
mod serve;
mod service_log;
mod service_user;
mod sockets;
mod steps;
mod store;
mod telling;

pub use apply::{Fault, Services};
pub use decision::Decision;
pub use deployer::{ASIDE_FILE, Deployer, Layer, RequestedRelease, STATUS_FILE, read_aside, read_status};
pub use error::{AgentError, DeployError, StatusFileError};
pub use held::{AliveError, Launcher};
pub use interrupts::{Interrupt, Interrupts};
pub use keeper::exec_service;
pub use memory::{Begun, FILE as MEMORY_FILE, KnownRelease, Memory, MemoryError};
pub use process::Processes;
pub use relayed::{RelayedStatusFault, take as take_relayed};
pub use serve::{Agent, serve};
pub use service_log::ServiceLog;
pub use service_user::{ServiceUser, ServiceUserError};
