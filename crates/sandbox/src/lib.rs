//! Isolation of one build step on Linux: namespaces, a read-only root, Landlock, an allow-list of system
//! calls, limits, and nothing of the host that was not granted.
//!
//! `run` is the supervisor's side; `init_main` is the other side, reached by running a program of the
//! caller's anew, so that it is single-threaded when it enters its namespaces. Invariant: the step runs
//! only if every part of the isolation stands; what the host could not offer is said in `Level`, never
//! skipped silently. Inputs come in and outputs go out by the supervisor's hand alone. `enclose` is for services: it holds
//! processes together and isolates nothing else. The only crate with
//! `unsafe`. It deliberately lacks any idea of pipelines, receipts and digests.

mod channel;
mod confine;
mod egress;
mod enclosure;
mod filter;
mod group;
mod init;
mod mounts;
mod outputs;
mod process;
mod proxy;
mod spec;
mod supervise;

pub use egress::{Allowance, AllowanceError, Denied, Egress};
pub use enclosure::{Enclosed, Hold, descendants, enclose, signal_all};
pub use group::memory_max as group_memory_max;
pub use init::init_main;
pub use mounts::HOST_NAME;
pub use outputs::{OutputError, OutputFile, OutputKind, Outputs};
pub use process::{Fork, close_inherited, fork, ignore_requests_to_end};
pub use proxy::PROXY_PORT;
pub use spec::{
    Destination, DestinationError, Exit, Input, InputKind, Level, Limits, Reached, Refused, SCRIPT, Spec,
    SpecError, WORKSPACE, can_be_bound,
};
pub use supervise::{SandboxError, StepOutcome, Stream, run};
