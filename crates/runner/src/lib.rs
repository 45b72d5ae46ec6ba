//! The build plane: reads a commit's source through git, runs a step of its pipeline in the sandbox, and signs a receipt
//! of the result.
//!
//! Invariant: everything that counts was checked here: the person who asked, by the runner's own pin; objects by their
//! ids; the pipeline by its digest; outputs by one read after every process of the step is dead. The receipt key is never
//! visible to a step. This crate deliberately omits SQL, state and decisions.

mod advisories;
mod answers;
mod artifact;
mod budget;
mod caps;
mod check_answers;
mod containment;
mod deliver;
mod disk_limit;
mod ecosystem;
mod finished;
mod git;
mod holder;
mod host;
mod image_scans;
mod images;
mod keep;
mod leases;
mod left_leases;
mod lent;
mod mirror;
mod origin_error;
mod origins;
mod outputs;
mod own_task;
mod packing;
pub mod program;
mod reach;
mod remotes;
mod reports;
mod repository;
mod scans;
mod serve;
mod slots;
mod source;
mod sources;
mod specification;
mod step;
mod step_answers;
mod step_error;
mod step_image;
mod store_logins;
mod stored_answer;
mod task;
mod toolchain;
mod transport;
mod trust;
mod upload;
mod work;
mod work_error;
mod workspace;

pub use advisories::open_advisories;
pub use answers::Answers;
pub use artifact::{ArtifactBytes, ArtifactError, assemble};
pub use budget::{Budget, BudgetError, TIME_MAX};
pub use caps::{CapError, Caps, Part, Room};
pub use containment::full_name;
pub use ecosystem::{NAMES as ECOSYSTEMS, SilentEcosystem, hosts as ecosystem_hosts};
pub use holder::{HeldStep, Holder, HolderError, HolderStart, StepRole, holder_main};
pub use host::{Host, Identity, IsWanted, Isolation, Log, Sandbox};
pub use images::Images;
pub use keep::{Keep, KeepError};
pub use leases::{LeaseError, Leases};
pub use lent::{Lend, LentError, ask_in_vain};
pub use origin_error::OriginError;
pub use origins::{Damage, Download, Offered, Origins, ProjectCommit};
pub use outputs::{LeftError, RetainedOutput, RetainedOutputs};
pub use own_task::own_task;
pub use packing::packed;
pub use remotes::{REMOTES_FILE, Remote, RemoteKind, Remotes, RemotesError};
pub use repository::{
    Repository, RepositoryError, diff_stat, is_shallow, missing, path_of, path_text, promisor, resolve,
    revisions, verify,
};
pub use serve::serve;
pub use slots::{Slots, SlotsError};
pub use source::{Head, Source, SourceError, SourceFile};
pub use sources::{Sources, SourcesError};
pub use step::{Execution, execute};
pub use step_error::StepError;
pub use store_logins::{StepLogins, StoreBearer, StoreLogins, StorePurpose};
pub use stored_answer::{AnswerError, CompletedWork};
pub use toolchain::{Toolchain, ToolchainError};
pub use trust::{Trust, TrustError};
pub use work::Bench;
pub use work_error::{ReportError, WorkError};
pub use workspace::{WorkspaceError, merge};
