//! Applies a release under its plan: stop, start, probe; and the plan's own failure branch.
//!
//! Invariant: nothing is started whose directory was not hashed right before. When the new one does not pass
//! its probe, what ran before is started again, hashed again.

use std::path::Path;

use evidence::plan::Plan;
use evidence::report::ReleaseOutcome;
use sandbox::Hold;

use crate::memory::KnownRelease;
use crate::probe::ENDING;
use crate::store::Releases;

/// How a release is made to run: processes, or what stands in for them.
pub trait Services: std::fmt::Debug + Send {
    /// Takes what a plan needs before anything is stopped.
    ///
    /// # Errors
    /// Code and words.
    fn prepare(&mut self, plan: &Plan) -> Result<(), Fault>;

    /// Starts what a plan says out of an artifact's directory, and probes it; stops it when that fails.
    ///
    /// # Errors
    /// Code and words.
    fn start(&mut self, plan: &Plan, dir: &Path) -> Result<(), Fault>;

    /// Ends what runs, with everything that it started.
    ///
    /// # Errors
    /// In words, when some of it lives on.
    fn stop(&mut self) -> Result<(), String>;

    /// How what should run has ended by itself; `None` while it runs.
    fn ended(&mut self) -> Option<String>;

    /// What holds together what runs, where that is known.
    fn hold(&self) -> Option<Hold> {
        None
    }
}

/// Why something does not run: a code for the report, and words.
pub type Fault = (&'static str, String);

/// What came of a release.
#[derive(Debug)]
pub struct Applied {
    /// The outcome.
    pub outcome: ReleaseOutcome,
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
    ///
    /// # Errors
    /// In words, when the agent was asked to end meanwhile: then it is done again when it starts.
    pub fn apply(&mut self, new: &KnownRelease, old: Option<&KnownRelease>) -> Result<Applied, String> {
        let Err((code, what)) = self.run(new) else {
            return Ok(Applied {
                outcome: ReleaseOutcome::Running,
                reasons: Vec::new(),
                detail: String::new(),
            });
        };
        if code == ENDING {
            return Err(what);
        }
        shown::say(&format!("the release does not work: {what}"));
        let (mut reasons, mut detail) = (vec![code.to_owned()], what);
        let outcome = match old.map(|old| self.run(old)) {
            Some(Ok(())) => ReleaseOutcome::Returned,
            Some(Err((ENDING, what))) => return Err(what),
            Some(Err((again, what))) => {
                let what = format!("the release before it does not work any more: {what}");
                shown::say(&what);
                detail = format!("{detail}\n{what}");
                reasons.push(again.to_owned());
                ReleaseOutcome::Failed
            }
            None => {
                self.stop();
                drop(self.releases.switch(None));
                ReleaseOutcome::Failed
            }
        };
        Ok(Applied { outcome, reasons, detail })
    }

    /// Makes a release the one that runs, and probes it.
    pub fn run(&mut self, known: &KnownRelease) -> Result<(), Fault> {
        self.releases
            .check(&known.artifact, &known.layer)
            .map_err(|error| ("artifact-differs", error.to_string()))?;
        self.services.prepare(&known.plan)?;
        // Nothing begins while something of the release before it may still answer.
        self.services.stop().map_err(|what| ("still-alive", what))?;
        self.releases.switch(Some(&known.artifact)).map_err(|error| ("switch-failed", error.to_string()))?;
        self.services.start(&known.plan, &self.releases.path(&known.artifact))
    }

    /// How what should run has ended by itself; `None` while it runs.
    pub fn ended(&mut self) -> Option<String> {
        self.services.ended()
    }

    /// What holds together what runs.
    pub fn hold(&self) -> Option<Hold> {
        self.services.hold()
    }

    /// Ends what runs.
    pub fn stop(&mut self) {
        if let Err(what) = self.services.stop() {
            shown::say(&format!("warning: {what}"));
        }
    }
}
