//! Applies a release under its plan: stop, start, probe; and the plan's own failure branch.
//!
//! Invariant: nothing is started whose directory was not hashed right before. When the new one does not pass
//! its probe, what ran before is started again, hashed again.

use std::path::Path;

use evidence::plan::Plan;
use evidence::report::Outcome;

use crate::memory::Known;
use crate::store::Releases;

/// How a release is made to run: processes, or what stands in for them.
pub trait Services: std::fmt::Debug + Send {
    /// Takes what a plan needs before anything is stopped.
    ///
    /// # Errors
    /// Code and words.
    fn prepare(&mut self, plan: &Plan) -> Result<(), (&'static str, String)>;

    /// Starts what a plan says out of an artifact's directory, and probes it; stops it when that fails.
    ///
    /// # Errors
    /// Code and words.
    fn start(&mut self, plan: &Plan, dir: &Path) -> Result<(), (&'static str, String)>;

    /// Ends what runs.
    fn stop(&mut self);

    /// Whether what should run has ended by itself.
    fn has_ended(&mut self) -> bool;

    /// Keeps what grows while it runs within its limits.
    fn tidy(&mut self) {}
}

/// What came of a release.
#[derive(Debug)]
pub struct Applied {
    /// The outcome.
    pub outcome: Outcome,
    /// Codes of the reasons against.
    pub reasons: Vec<String>,
    /// The reasons in words.
    pub detail: String,
}

/// What an agent holds in its hands: releases on disk, and what runs.
#[derive(Debug)]
pub struct Hands {
    releases: Releases,
    services: Box<dyn Services>,
}

impl Hands {
    /// Hands of an agent that runs nothing yet.
    pub fn new(dir: &Path, services: Box<dyn Services>) -> Result<Self, String> {
        Ok(Self { releases: Releases::open(dir).map_err(|error| error.to_string())?, services })
    }

    /// The releases on disk.
    pub const fn releases(&self) -> &Releases {
        &self.releases
    }

    /// Puts a release in the place of what runs; when it does not work, that comes back.
    pub fn apply(&mut self, new: &Known, old: Option<&Known>) -> Applied {
        let Err((code, what)) = self.run(new) else {
            return Applied { outcome: Outcome::Running, reasons: Vec::new(), detail: String::new() };
        };
        shown::say(&format!("the release does not work: {what}"));
        let (mut reasons, mut detail) = (vec![code.to_owned()], what);
        let outcome = match old.map(|old| self.run(old)) {
            Some(Ok(())) => Outcome::Returned,
            Some(Err((again, what))) => {
                let what = format!("the release before it does not work any more: {what}");
                shown::say(&what);
                detail = format!("{detail}\n{what}");
                reasons.push(again.to_owned());
                Outcome::Failed
            }
            None => {
                self.stop();
                drop(self.releases.switch(None));
                Outcome::Failed
            }
        };
        Applied { outcome, reasons, detail }
    }

    /// Makes a release the one that runs, and probes it.
    pub fn run(&mut self, known: &Known) -> Result<(), (&'static str, String)> {
        self.releases
            .check(&known.artifact, &known.layer)
            .map_err(|error| ("artifact-differs", error.to_string()))?;
        self.services.prepare(&known.plan)?;
        self.services.stop();
        self.releases.switch(Some(&known.artifact)).map_err(|error| ("switch-failed", error.to_string()))?;
        self.services.start(&known.plan, &self.releases.path(&known.artifact))
    }

    /// Keeps what grows while it runs within its limits.
    pub fn tidy(&mut self) {
        self.services.tidy();
    }

    /// Whether what should run has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.services.has_ended()
    }

    /// Ends what runs.
    pub fn stop(&mut self) {
        self.services.stop();
    }
}
