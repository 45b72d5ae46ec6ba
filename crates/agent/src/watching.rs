//! The current release is watched: it is started with its agent, and again after it has ended by itself.

use tracing::warn;

use crate::apply::ENDING;
use crate::deployer::Deployer;
use crate::probe::INTERRUPTED;

impl Deployer {
    /// Starts what ran when the agent ended. A later look tries again what does not start.
    pub fn resume(&mut self) {
        // A probe may take long, and what a killed agent left must not wait for it.
        self.hands.look();
        if self.memory.rollout.is_some() {
            return self.resume_rollout();
        }
        let Some(known) = self.memory.running.clone() else { return };
        if self.is_withdrawn() {
            return;
        }
        match self.hands.run(&known) {
            Ok(()) => {
                self.restarts.started((self.now)());
                self.down = None;
            }
            // It is started when the agent is, or after what is due.
            Err(fault) if [ENDING, INTERRUPTED].contains(&fault.code) => self.down = Some(fault.what),
            Err(fault) => self.fell(&fault.what),
        }
    }

    /// Starts a process again that has ended by itself, or that did not start when it was last tried.
    pub fn watch(&mut self) {
        self.hands.look();
        // Its ticks do that.
        if self.memory.rollout.is_some() {
            return;
        }
        if self.down.is_none() {
            let Some(end) = self.hands.ended() else { return };
            self.fell(&format!("the service ended by itself with {end}"));
            // Other processes of the release get their time to end, and are then killed. Other instances of it go on.
            if !self.hands.is_serving_split() {
                self.hands.stop();
            }
        }
        if self.restarts.is_due((self.now)()) {
            self.resume();
        }
    }

    /// Notes that the current release does not run.
    pub(crate) fn fell(&mut self, what: &str) {
        // One line for each cause, not for every check.
        if self.down.as_deref() != Some(what) {
            warn!("{what}; it is started again");
        }
        self.restarts.ended(what.lines().next().unwrap_or_default(), (self.now)());
        self.down = Some(what.to_owned());
    }
}
