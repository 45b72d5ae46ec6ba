//! Applies a release under its plan: stop, start, probe; if that fails, back to the release before.
//!
//! Invariant: nothing is started whose directory was not hashed right before. If the new release does not pass its probe,
//! the release that ran before is hashed and started again.

use std::collections::BTreeSet;
use std::path::Path;

use evidence::Digest;
use evidence::machine::MachineSigner;
use evidence::plan::Plan;
use evidence::report::ReleaseOutcome;
use sandbox::Hold;
use tracing::{error, warn};

use crate::arrangement::{Group, is_split};
use crate::drift::WatchedProcess;
pub use crate::fault::Fault;
use crate::held::AliveError;
use crate::memory::KnownRelease;
use crate::seats::{Arrangement, GroupFault, Measured};
use crate::secrets::{HeldSecrets, WITHDRAWN, withdrawn};
use crate::store::{ReleaseError, Releases};

/// Makes a release run: real processes, or a substitute in tests.
pub trait Services: std::fmt::Debug + Send {
    /// Reserves resources that a plan needs before anything is stopped.
    ///
    /// # Errors
    /// A code and a text.
    fn prepare(&mut self, plan: &Plan) -> Result<(), Fault>;

    /// Runs the steps of a plan that come before a release with this number, in their order; what runs goes on meanwhile.
    ///
    /// # Errors
    /// A code and a text, if a step fails or is ended.
    fn before(&mut self, plan: &Plan, dir: &Path, release: u64) -> Result<(), Fault>;

    /// Has everything made that the process of a plan needs and that may fail; what runs goes on meanwhile.
    ///
    /// # Errors
    /// A code and a text.
    fn reserve(&mut self, _plan: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    /// Ends what was made for processes, because none will be started any more.
    fn close(&mut self) {}

    /// Starts the process of a plan from an artifact's directory, and probes it; stops it if the probe fails.
    ///
    /// # Errors
    /// A code and a text.
    fn start(&mut self, plan: &Plan, dir: &Path) -> Result<(), Fault>;

    /// Stops the running process, with everything that it started.
    ///
    /// # Errors
    /// `AliveError` when some of it lives on.
    fn stop(&mut self) -> Result<(), AliveError>;

    /// How the process that should run has ended by itself; `None` while it runs.
    fn ended(&mut self) -> Option<String>;

    /// Brings the groups of a place into this order: what is missing starts beside what runs, and has passed its probe before
    /// anything changes for clients.
    ///
    /// # Errors
    /// `GroupFault` when a group does not start; then everything is as it was.
    fn arrange(&mut self, _wanted: &Arrangement<'_>) -> Result<(), GroupFault> {
        Err(GroupFault { group: Group::Stable, fault: Fault::new("not-split", NO_GROUPS) })
    }

    /// Gives groups other shares of the requests, at once; others get none. Nothing is started or stopped.
    ///
    /// # Errors
    /// A code and a text.
    fn weigh(&mut self, _weights: &[(Group, u32)]) -> Result<(), Fault> {
        Err(Fault::new("not-split", NO_GROUPS))
    }

    /// Counts of the groups, and the probes of the new release; called again and again.
    fn measure(&mut self) -> Measured {
        Measured::default()
    }

    /// Whether something gets requests.
    fn is_serving(&self) -> bool {
        true
    }

    /// Looks after what steps may have left; called again and again.
    fn look(&mut self) {}

    /// Takes the secrets with which processes are started from now on.
    fn give(&mut self, _secrets: &HeldSecrets) {}

    /// Takes the key by which the agent logs in to stores from now on.
    fn sign_with(&mut self, _signer: &MachineSigner) {}

    /// The processes that run, with what each was given.
    fn watched(&self) -> Vec<WatchedProcess> {
        Vec::new()
    }

    /// Has those of several processes end that have these keepers, so that others take their place; `false` if the only
    /// process has to start again as a whole.
    fn renew(&mut self, _keepers: &BTreeSet<u32>) -> bool {
        false
    }

    /// The enclosure of the running process, if known.
    fn hold(&self) -> Option<Hold> {
        None
    }
}

const NO_GROUPS: &str = "nothing here splits requests";

/// Code that ends an attempt although nothing failed: the agent ends.
pub const ENDING: &str = "agent-ending";

/// The result of applying a release.
#[derive(Debug)]
pub struct Applied {
    /// The outcome.
    pub outcome: ReleaseOutcome,
    /// Codes of the reasons against.
    pub reasons: Vec<String>,
    /// The reasons in words.
    pub detail: String,
    /// Whether nothing was stopped and started: the release before goes on as it was.
    pub is_untouched: bool,
}

impl Applied {
    /// The new release runs.
    pub const fn running() -> Self {
        let outcome = ReleaseOutcome::Running;
        Self { outcome, reasons: Vec::new(), detail: String::new(), is_untouched: false }
    }

    /// Nothing was applied.
    pub const fn refused(reasons: Vec<String>, detail: String) -> Self {
        Self { outcome: ReleaseOutcome::Refused, reasons, detail, is_untouched: true }
    }
}

/// The state before a new release.
#[derive(Clone, Copy, Debug)]
pub struct Replaced<'a> {
    /// The release that ran.
    pub old: Option<&'a KnownRelease>,
    /// Whether it runs now.
    pub is_up: bool,
    /// Number of the new release, if the steps before it have to run: a rollback brings back what they had run for.
    pub steps_of: Option<u64>,
    /// The secrets of the new release.
    pub secrets: &'a HeldSecrets,
}

/// The resources of an agent: releases on disk, and the running process.
#[derive(Debug)]
pub struct Hands {
    pub(crate) releases: Releases,
    pub(crate) services: Box<dyn Services>,
    pub(crate) secrets: HeldSecrets,
    /// The release that is arranged in groups alone, if one is.
    pub(crate) arranged: Option<Digest>,
}

impl Hands {
    /// Hands of an agent that runs nothing yet.
    pub fn new(dir: &Path, services: Box<dyn Services>) -> Result<Self, ReleaseError> {
        Ok(Self { releases: Releases::open(dir)?, services, secrets: HeldSecrets::new(), arranged: None })
    }

    /// The releases on disk.
    pub const fn releases(&self) -> &Releases {
        &self.releases
    }

    /// The secrets with which processes are started.
    pub const fn secrets(&self) -> &HeldSecrets {
        &self.secrets
    }

    /// Takes the key by which the agent logs in to stores from now on.
    pub fn sign_with(&mut self, signer: &MachineSigner) {
        self.services.sign_with(signer);
    }

    /// Takes the secrets with which processes are started from now on.
    pub fn give(&mut self, secrets: HeldSecrets) {
        self.services.give(&secrets);
        self.secrets = secrets;
    }

    /// Runs the steps before a new release, and replaces the running one with it. If a step fails, the running one goes on;
    /// if the new one does not work, the old one is started again with the secrets that it had.
    ///
    /// # Errors
    /// `Fault` when the agent was asked to end meanwhile: then it is done again when it starts.
    pub fn apply(&mut self, new: &KnownRelease, replaced: Replaced<'_>) -> Result<Applied, Fault> {
        let before = self.secrets.clone();
        let given = before.iter().chain(replaced.secrets);
        self.give(given.map(|(name, held)| (name.clone(), held.clone())).collect());
        let stepped = replaced.steps_of.map_or(Ok(()), |release| self.before(new, release));
        let stepped = stepped.and_then(|()| self.services.reserve(&new.plan));
        let is_untouched = stepped.is_err() && replaced.is_up;
        let Err(fault) = stepped.and_then(|()| self.run(new)) else { return Ok(Applied::running()) };
        self.give(before);
        if fault.code == ENDING {
            return Err(fault);
        }
        warn!("the release does not work: {fault}");
        let (mut reasons, mut detail) = (vec![fault.code.to_owned()], fault.what);
        if is_untouched {
            return Ok(Applied { outcome: ReleaseOutcome::Returned, reasons, detail, is_untouched });
        }
        let outcome = match replaced.old.map(|old| self.run(old)) {
            Some(Ok(())) => ReleaseOutcome::Returned,
            Some(Err(fault)) if fault.code == ENDING => return Err(fault),
            Some(Err(fault)) => {
                let what = format!("the release before it does not work any more: {fault}");
                error!("{what}");
                detail = format!("{detail}\n{what}");
                reasons.push(fault.code.to_owned());
                ReleaseOutcome::Failed
            }
            None => {
                self.stop();
                self.leave();
                ReleaseOutcome::Failed
            }
        };
        Ok(Applied { outcome, reasons, detail, is_untouched })
    }

    /// Runs the steps before a release, from files that were hashed right before.
    pub(crate) fn before(&mut self, new: &KnownRelease, release: u64) -> Result<(), Fault> {
        if new.plan.before.is_empty() {
            return Ok(());
        }
        self.releases
            .check(&new.artifact, &new.layer)
            .map_err(|error| Fault::new("artifact-differs", error.to_string()))?;
        self.services.before(&new.plan, &self.releases.path(&new.artifact), release)
    }

    /// Makes a release the current one, starts it and probes it.
    pub fn run(&mut self, known: &KnownRelease) -> Result<(), Fault> {
        if let Some(what) = withdrawn(&known.plan, &self.secrets) {
            return Err(Fault::new(WITHDRAWN, what));
        }
        if is_split(&known.plan) {
            return self.run_split(known);
        }
        self.arranged = None;
        self.releases
            .check(&known.artifact, &known.layer)
            .map_err(|error| Fault::new("artifact-differs", error.to_string()))?;
        self.services.prepare(&known.plan)?;
        self.services.reserve(&known.plan)?;
        // Nothing begins while something of the release before it may still answer.
        self.services.stop().map_err(|error| Fault::new("still-alive", error.to_string()))?;
        self.releases
            .switch(Some(&known.artifact))
            .map_err(|error| Fault::new("switch-failed", error.to_string()))?;
        self.services.start(&known.plan, &self.releases.path(&known.artifact))
    }

    /// Makes no release the current one. A link that stays is of a release that does not run, and the next one replaces it.
    pub(crate) fn leave(&self) {
        if let Err(error) = self.releases.switch(None) {
            warn!("the link to the current release stays: {error}");
        }
    }

    /// Looks after what steps may have left.
    pub fn look(&mut self) {
        self.services.look();
    }

    /// Ends what was made for processes.
    pub fn close(&mut self) {
        self.services.close();
    }

    /// How the process that should run has ended by itself; `None` while it runs.
    pub fn ended(&mut self) -> Option<String> {
        self.services.ended()
    }

    /// The enclosure of the running process.
    pub fn hold(&self) -> Option<Hold> {
        self.services.hold()
    }

    /// Stops the running process.
    pub fn stop(&mut self) {
        self.arranged = None;
        if let Err(error) = self.services.stop() {
            warn!("{error}");
        }
    }
}
