//! The control plane: intake (the only writer), the edge before it, and HTTP around both.
//!
//! Invariant: only `intake` appends; signatures and blobs are checked before it; an answer is sent only after its entry
//! is durable. The server holds no key that could forge an approval, a receipt or a deployment.

mod addresses;
mod attendance;
mod batch;
mod browser_sessions;
mod caller;
mod certificates;
mod clock;
mod console;
mod console_address;
mod decider;
mod disk_space;
mod disk_usage;
mod dossier;
pub mod due;
mod edge;
mod executor;
mod figures;
mod genesis;
mod http;
mod installation_view;
mod intake;
mod introducer;
mod job;
mod lanes;
mod line_limit;
mod listeners;
mod live;
mod log_removal;
mod logs;
mod lost_runs;
mod place_view;
mod quotas;
mod readers;
mod recorded;
mod refusals;
mod release_history;
mod replaying;
mod run_view;
mod salt;
#[cfg(test)]
mod sample;

mod serve;
mod serve_error;
mod services;
mod sessions;
mod shared;
mod snapshot_task;
mod snapshots;
mod socket;
mod status_task;
mod store;
mod sweep_task;
mod turns;
mod uploads;
pub mod views;
mod watchers;
mod witness_task;
mod world;
mod writer;
mod writer_error;

pub use addresses::Address;
pub use caller::Caller;
pub use certificates::{CertificateError, CertificateFiles, TlsListen};
pub use disk_space::{DiskFull, DiskSpace};
pub use dossier::{Dossier, DossierError, attach_log_proofs, consistency};
pub use edge::{EdgeError, Gatekeeper};
pub use executor::{Round, Waiting};
pub use genesis::{FirstEnvironment, Genesis, GenesisError, found, succeed};
pub use intake::Intake;
pub use job::{Answer, CommandSource, IntakeError, Job};
pub use quotas::{FILE as QUOTAS_FILE, Limits, QuotaError};
pub use readers::Readers;
pub use replaying::{ReplayError, replay};
pub use salt::NoRandomness;
pub use serve::{Ready, Serve, serve};
pub use serve_error::ServeError;
pub use snapshots::{fold, state_of};
pub use store::LedgerStore;
pub use witness_task::{take_cosignatures, witness_question};
pub use world::World;
pub use writer::Writer;
pub use writer_error::WriterError;
