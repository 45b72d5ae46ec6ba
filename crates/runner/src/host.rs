//! The machine that executes steps: its toolchains, its clock, and the isolation of a step from everything else.
//!
//! Invariant: a step reaches the machine only through its [`Isolation`].

use std::path::{Path, PathBuf};
use std::process::Command;

use evidence::machine::MachineSigner;
use evidence::receipt::VerifiedRef;
use evidence::{Id, Moment, Name};
use judge::Lent;
use sandbox::{Egress, Input, Inputs, SandboxError, Spec, StepOutcome, Stream};

use crate::caps::{Caps, Part, Room};
use crate::holder::HolderStart;
use crate::images::Images;
use crate::toolchain::Toolchain;

/// The runner, and the run for which it executes the step.
#[derive(Debug)]
pub struct Identity<'a> {
    /// The installation.
    pub installation: Id,
    /// Name of the runner in the trust root.
    pub runner: Name,
    /// Version of the trust root that the runner has pinned.
    pub root: u32,
    /// The runner's receipt key.
    pub signer: &'a MachineSigner,
    /// The project.
    pub project: Name,
    /// Nonce of this run of the step.
    pub nonce: Id,
    /// The ref on which this runner found the commit, if the run is on one.
    pub verified_ref: Option<VerifiedRef>,
    /// Secrets that people lent to the step.
    pub lent: Lent,
}

/// The machine that executes the step.
pub struct Host<'a> {
    /// Toolchains that steps can see.
    pub toolchain: &'a Toolchain,
    /// The isolation of the step.
    pub isolation: &'a dyn Isolation,
    /// Its clock.
    pub now: &'a dyn Fn() -> Moment,
    /// Receives the log as it grows.
    pub log: Log<'a>,
    /// Whether the step is still wanted.
    pub wanted: IsWanted<'a>,
}

/// Isolates a step from everything else while it runs.
pub trait Isolation: Send + Sync {
    /// Runs a step to its end, or until it is not wanted any more; all of its processes are dead when this returns. The
    /// caller has reserved the memory.
    ///
    /// # Errors
    /// `SandboxError` if the step did not run to an end.
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input<'_>],
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError>;

    /// Where the step left values of its secrets, in words. Then nothing of it leaves the machine.
    fn found(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether bytes that are to leave the machine have a value of the step's secrets.
    ///
    /// # Errors
    /// `SandboxError` if nobody can tell.
    fn has_value(&self, _bytes: &[u8]) -> Result<bool, SandboxError> {
        Ok(false)
    }

    /// How a process is started that holds the secrets of a step. `None` if no step here gets secrets.
    fn holder(&self) -> Option<HolderStart> {
        None
    }

    /// Reserves memory for a step, its inputs, and everything that this process does with what the step leaves. `None`
    /// if this isolation does not count memory.
    ///
    /// # Errors
    /// `SandboxError::Unwanted` if the step is not wanted any more.
    fn reserve(
        &self,
        _bytes: u64,
        _log: Log<'_>,
        _wanted: IsWanted<'_>,
    ) -> Result<Option<Part<'_>>, SandboxError> {
        Ok(None)
    }

    /// The operator's limits for a step.
    fn caps(&self) -> Caps {
        Caps::default()
    }

    /// The place of the operator's database of advisories. `None` if no scan may judge by one.
    fn advisories(&self) -> Option<&Path> {
        None
    }

    /// The images that steps can run in. `None` if there is no place for them.
    fn images(&self) -> Option<&Images> {
        None
    }
}

/// The sandbox of this machine.
#[derive(Debug)]
pub struct Sandbox {
    init: fn() -> Command,
    egress: Egress,
    caps: Caps,
    room: Room,
    advisories: Option<PathBuf>,
    images: Option<Images>,
    holder: Option<fn() -> Command>,
}

impl Sandbox {
    /// A sandbox whose init process `init` starts, with the operator's limits on destinations and resources.
    #[must_use]
    pub fn new(init: fn() -> Command, egress: Egress, caps: Caps) -> Self {
        let room = Room::new(caps.total_mib << 20);
        Self { init, egress, caps, room, advisories: None, images: None, holder: None }
    }

    /// The same sandbox with a database of advisories at this place, which may be written later.
    #[must_use]
    pub fn with_advisories(self, file: Option<PathBuf>) -> Self {
        Self { advisories: file, ..self }
    }

    /// The same sandbox with images for steps.
    #[must_use]
    pub fn with_images(self, images: Option<Images>) -> Self {
        Self { images, ..self }
    }

    /// The same sandbox for steps with secrets too, which the processes that this starts will hold.
    #[must_use]
    pub fn with_holder(self, holder: fn() -> Command) -> Self {
        Self { holder: Some(holder), ..self }
    }
}

impl Isolation for Sandbox {
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input<'_>],
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError> {
        if !spec.secrets.is_empty() {
            return Err(SandboxError::Holder(NO_SECRETS.to_owned()));
        }
        sandbox::run((self.init)(), spec, Inputs::Here(inputs), &self.egress, log, wanted)
    }

    fn reserve(
        &self,
        bytes: u64,
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<Option<Part<'_>>, SandboxError> {
        let waits = || {
            log(Stream::Error, b"countersign: waiting until other steps leave enough memory\n");
        };
        self.room.take(bytes, wanted, &waits).map(Some).ok_or(SandboxError::Unwanted)
    }

    fn caps(&self) -> Caps {
        self.caps
    }

    fn advisories(&self) -> Option<&Path> {
        self.advisories.as_deref()
    }

    fn images(&self) -> Option<&Images> {
        self.images.as_ref()
    }

    fn holder(&self) -> Option<HolderStart> {
        let allowed = self.egress.allowed().iter().map(ToString::to_string).collect();
        self.holder.map(|command| HolderStart { command: command(), allowed })
    }
}

/// Receives each piece of the log as it arrives.
pub type Log<'a> = &'a (dyn Fn(Stream, &[u8]) + Sync);

/// Why this process runs no step with secrets itself.
pub const NO_SECRETS: &str = "the step has secrets, which only a runner is lent";

/// Says whether the work is still wanted.
pub type IsWanted<'a> = &'a dyn Fn() -> bool;
