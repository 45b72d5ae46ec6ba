//! Isolation of one build step on Linux: namespaces, a read-only root, Landlock, an allow-list of system calls, limits,
//! and only those parts of the host that were granted.
//!
//! `run` is the supervisor's side. `init_main` is the inner side: the caller starts its own program again, so
//! that the process has a single thread when it enters its namespaces. Invariant: the step runs only if every part of
//! the isolation is in place; `Level` says which parts the host could not offer, and none is skipped silently. Only the
//! supervisor moves inputs in and outputs out. `enclose` is for services: it holds processes together and isolates
//! nothing else. This is the only crate with `unsafe`. It deliberately knows nothing about pipelines, receipts and
//! digests.

mod account;
mod channel;
mod clock;
mod confine;
mod connect;
mod destination;
mod egress;
mod enclosure;
mod filter;
mod group;
mod init;
mod key_memory;
mod mounts;
mod outputs;
mod ports;
mod private_files;
mod process;
mod proxy;
mod secret;
mod spec;
mod supervise;

pub use account::become_user;
pub use channel::{read_frame_within, receive_descriptor, send_descriptor, write_frame};
pub use clock::is_clock_synchronised;
pub use connect::HOST_NAME;
pub use destination::{Destination, DestinationError};
pub use egress::{Allowance, AllowanceError, Denied, Egress};
pub use enclosure::{Enclosed, Hold, descendants, enclose, signal_all};
pub use group::memory_max as group_memory_max;
pub use init::init_main;
pub use key_memory::{KeyMemory, guard_key_memory, lock_memory};
pub use outputs::{OutputError, OutputFile, OutputKind, Outputs};
pub use ports::PROXY_PORT;
pub use private_files::private_files;
pub use process::{Fork, close_inherited, fork, ignore_requests_to_end};
pub use secret::{SECRET_BYTES_MAX, SECRETS, SECRETS_MAX, Secret};
pub use spec::{
    CERTIFICATES, CONNECT_MAX, Exit, Input, InputKind, Level, Limits, OwnTask, Reached, Refused, SCRIPT,
    Spec, SpecError, WORKSPACE, can_be_bound,
};
pub use supervise::{Inputs, SandboxError, StepOutcome, Stream, run, send_inputs};
