//! Specification and result types of a step.
//!
//! Invariant: `check` accepts only a specification that the sandbox can enforce completely; everything that depends on
//! the host is checked when the sandbox is built.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::connect;
use crate::destination::Destination;
use crate::ports::PROXY_PORT;
use crate::secret::{SECRETS_MAX, Secret};

/// Directory of a step's inputs and outputs. The path is the same in every sandbox.
pub const WORKSPACE: &str = "/work";
/// Path of the step's script, which is read-only.
pub const SCRIPT: &str = "/run/step";
/// Path of the certificates that the step may need, which is read-only.
pub const CERTIFICATES: &str = "/run/certificates.pem";
/// Most destinations to which connections of a step are forwarded.
pub const CONNECT_MAX: usize = 32;
/// Size of a sandbox's root and of its shared memory.
pub const ROOT_BYTES: u64 = 4 << 20;
pub const SHM_BYTES: u64 = 64 << 20;
/// Bytes that every sandbox may fill in addition to workspace and `/tmp`.
const FIXED_BYTES: u64 = ROOT_BYTES + SHM_BYTES;

/// A step: its command, the files that it sees, and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Program and arguments. There is no shell unless it is named here.
    pub command: Vec<String>,
    /// Whether `command` is for the [`OwnTask`] of the program that runs init, instead of a program in the sandbox.
    pub own: bool,
    /// Text of the file `SCRIPT`, for a command that runs it. An argument could hold only 128 KiB.
    pub script: Option<String>,
    /// The complete environment.
    pub environment: BTreeMap<String, String>,
    /// Host paths, files or directories, that the step sees read-only at the same path.
    pub binds: Vec<PathBuf>,
    /// A directory of the host whose content is the step's root, read-only. The places that every sandbox
    /// has itself hide the same names in it.
    pub image: Option<PathBuf>,
    /// Destinations that the step may reach, through the proxy only. If empty, the step has no network.
    pub network: Vec<Destination>,
    /// Destinations that the step reaches directly, each by its name, address and port. Nothing but these is there.
    pub connect: Vec<Destination>,
    /// Text of the file `CERTIFICATES`, if the step needs one.
    pub certificates: Option<String>,
    /// A loopback port of the host that the step reaches at the same port inside, and nothing else there.
    pub service: Option<u16>,
    /// Secrets of the step.
    pub secrets: Vec<Secret>,
    /// Limits of the step.
    pub limits: Limits,
}

/// A task of the program that runs init. It gets the words of the command, and returns an exit code. It runs confined
/// like every step, in the workspace, and needs no file of the host.
pub type OwnTask = fn(&[String]) -> u8;

/// A destination that a step has reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reached {
    /// Name or address in the step's request.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

/// A destination that a step asked for and the proxy refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The destination.
    pub to: Destination,
    /// Reason of the refusal.
    pub why: String,
}

/// Limits of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Size of the workspace in bytes.
    pub workspace_bytes: u64,
    /// Size of `/tmp` in bytes.
    pub tmp_bytes: u64,
    /// Memory of all processes together in bytes.
    pub memory_bytes: u64,
    /// Number of processes and threads.
    pub processes: u64,
    /// Number of open files of each process.
    pub open_files: u64,
    /// Wall-clock time in milliseconds.
    pub wall_ms: u64,
    /// Bytes of standard output and error together. Later output is dropped.
    pub log_bytes: u64,
}

/// A file, link or directory in the workspace at the start of the step. The bytes are borrowed, so that steps that run
/// at the same time share one copy of their source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input<'a> {
    /// Relative path below the workspace.
    pub path: &'a Path,
    /// Kind of the input.
    pub kind: InputKind,
    /// Content of a file, or target of a link; empty for a directory.
    pub bytes: &'a [u8],
}

/// Kinds of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// A file that is not executable.
    Plain,
    /// An executable file.
    Executable,
    /// A symbolic link.
    Link,
    /// A directory, empty or not.
    Directory,
}

/// Endings of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// The command exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The time limit ended it.
    TimedOut,
    /// The memory limit ended it.
    MemoryExceeded,
}

/// The isolation that the host offered. It is recorded beside the result, and policies compare it with their demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// User ids of the step: `range`, outside every account of the host; or `own`, the runner's.
    pub user: String,
    /// Landlock ABI in force.
    pub landlock: u32,
    /// Mechanism that limits memory: a `control-group`, which counts everything that a step causes; or `watched`, by
    /// the supervisor many times a second. The latter protects against mistakes, not against a malicious step.
    pub memory: String,
}

/// Faults of a specification.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpecError {
    /// The command is empty.
    #[error("a step needs a command")]
    Command,
    /// A bind is not an absolute, plain path.
    #[error(
        "`{0}` cannot be bound: it is not an absolute path without `..`, or every sandbox has a separate one there (`/`, `/tmp`, `/proc`, `/sys`, `/dev`, `/work`)"
    )]
    Bind(PathBuf),
    /// The directory of an image is relative.
    #[error("the image `{0}` is not an absolute path")]
    Image(PathBuf),
    /// An input would be outside the workspace.
    #[error("input `{0}` does not lie below the workspace")]
    Input(PathBuf),
    /// A limit is zero or unreasonably large.
    #[error("limit `{0}` is 0 or too large")]
    Limit(&'static str),
    /// The service's port is 0, or the proxy's.
    #[error("port {0} cannot lead to a service inside a sandbox")]
    Service(u16),
    /// There are too many direct destinations, or two would be one inside.
    #[error(
        "a step connects to at most {CONNECT_MAX} destinations, each with its own address and port inside"
    )]
    Connect,
    /// There are too many secrets, or two have one name or variable.
    #[error("a step has at most {SECRETS_MAX} secrets, each with its own name and variable")]
    Secrets,
    /// A secret cannot be given to a step.
    #[error("secret `{0}`: {1}")]
    Secret(String, &'static str),
    /// A text contains a NUL byte, which system calls cannot pass.
    #[error("command, environment and paths cannot hold NUL bytes")]
    Nul,
    /// An argument or variable is too long to start a program with (execve(2), "Limits on size of arguments").
    #[error(
        "{0} has more than {TEXT_BYTES_MAX} bytes, the most that Linux hands to a program in one piece; put it into a file"
    )]
    Long(String),
}

impl Spec {
    /// Checks everything that does not depend on the host.
    ///
    /// # Errors
    /// `SpecError` names the fault.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.command.first().is_none_or(String::is_empty) {
            return Err(SpecError::Command);
        }
        let texts = self.command.iter().chain(self.environment.keys()).chain(self.environment.values());
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err(SpecError::Nul);
        }
        if let Some(at) = self.command.iter().position(|word| word.len() > TEXT_BYTES_MAX) {
            return Err(SpecError::Long(format!("word {at} of the command")));
        }
        let long = |(name, value): &(&String, &String)| name.len() + 1 + value.len() > TEXT_BYTES_MAX;
        if let Some((name, _)) = self.environment.iter().find(long) {
            return Err(SpecError::Long(format!("the variable `{name}`")));
        }
        let is_taken = |port: u16| port == 0 || port == PROXY_PORT && !self.network.is_empty();
        if let Some(port) = self.service.filter(|port| is_taken(*port)) {
            return Err(SpecError::Service(port));
        }
        let taken = (!self.network.is_empty()).then_some(PROXY_PORT);
        let taken: Vec<u16> = taken.into_iter().chain(self.service).collect();
        if self.connect.len() > CONNECT_MAX || !connect::is_clear(&self.connect, &taken) {
            return Err(SpecError::Connect);
        }
        if let Some(bind) = self.binds.iter().find(|bind| !can_be_bound(bind)) {
            return Err(SpecError::Bind(bind.clone()));
        }
        if let Some(image) = self.image.as_ref().filter(|image| !image.is_absolute()) {
            return Err(SpecError::Image(image.clone()));
        }
        self.check_secrets()?;
        self.limits.check()
    }

    fn check_secrets(&self) -> Result<(), SpecError> {
        let names: BTreeSet<_> = self.secrets.iter().map(|secret| &secret.name).collect();
        let wanted: Vec<_> = self.secrets.iter().filter_map(|secret| secret.variable.as_ref()).collect();
        let variables: BTreeSet<_> =
            wanted.iter().chain(&self.environment.keys().collect::<Vec<_>>()).copied().collect();
        let apart = variables.len() == wanted.len() + self.environment.len();
        if names.len() != self.secrets.len() || self.secrets.len() > SECRETS_MAX || !apart {
            return Err(SpecError::Secrets);
        }
        let fault = |secret: &Secret| Some((secret.name.clone(), secret.fault(TEXT_BYTES_MAX)?));
        let fault = self.secrets.iter().find_map(fault);
        fault.map_or(Ok(()), |(name, why)| Err(SpecError::Secret(name, why)))
    }
}

/// Whether a host path can be mounted at the same path in a sandbox, which has separate directories of these names.
#[must_use]
pub fn can_be_bound(path: &Path) -> bool {
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let first = path.components().nth(1);
    let own = RESERVED.iter().any(|name| first == Some(Component::Normal(name.as_ref())));
    path.is_absolute() && plain && first.is_some() && !own && path != Path::new("/tmp")
}

impl Limits {
    /// Everything that a step may fill: its memory, its file systems, which are in memory, and kernel memory for it.
    #[must_use]
    pub const fn filled_bytes(&self) -> u64 {
        let files = self.workspace_bytes.saturating_add(self.tmp_bytes);
        self.memory_bytes.saturating_add(files).saturating_add(FIXED_BYTES).saturating_add(KERNEL_BYTES)
    }

    fn check(&self) -> Result<(), SpecError> {
        let all = [
            ("workspace_bytes", self.workspace_bytes, 1 << 40),
            ("tmp_bytes", self.tmp_bytes, 1 << 40),
            ("memory_bytes", self.memory_bytes, 1 << 44),
            ("processes", self.processes, 1 << 16),
            ("open_files", self.open_files, 1 << 16),
            ("wall_ms", self.wall_ms, 7 * 24 * 3_600_000),
            ("log_bytes", self.log_bytes, 1 << 32),
        ];
        let wrong = all.iter().find(|(_, value, max)| *value == 0 || value > max);
        wrong.map_or(Ok(()), |(name, ..)| Err(SpecError::Limit(name)))
    }
}

/// Whether a relative path never leaves its start.
pub fn stays_below(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

const RESERVED: [&str; 4] = ["proc", "sys", "dev", "work"];
/// Room for page tables, stacks, sockets and similar kernel memory.
const KERNEL_BYTES: u64 = 64 << 20;
/// `MAX_ARG_STRLEN` without the NUL.
const TEXT_BYTES_MAX: usize = 128 * 1024 - 1;
