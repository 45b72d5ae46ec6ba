//! Probes of a process that serves already: asked again and again, without waiting for an answer.
//!
//! Invariant: a process counts as failed once it has ended, or once as many tries in a row as its plan allows have failed. No
//! look at a check takes long, whatever the process does.

use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

use evidence::plan::{Plan, ProbeTarget};
use judge::rollout::Probes;

use crate::commands::ProbeCommand;
use crate::instance::Instance;
use crate::means::Means;
use crate::probe::{http, try_time};
use crate::probe_error::ProbeError;

/// The probes of one process.
pub struct Check {
    failed: u32,
    has_passed: bool,
    has_ended: bool,
    /// The last failure, in words.
    pub last: Option<String>,
    pending: Option<Pending>,
    due: Instant,
}

enum Pending {
    Http(Pin<Box<dyn Future<Output = Result<(), ProbeError>> + Send>>),
    Command(ProbeCommand),
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("failed", &self.failed)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Default for Check {
    /// A process whose probe has passed just now.
    fn default() -> Self {
        Self {
            failed: 0,
            has_passed: true,
            has_ended: false,
            last: None,
            pending: None,
            due: Instant::now() + pause(0),
        }
    }
}

impl Check {
    /// The state of the probes.
    pub const fn says(&self, plan: &Plan) -> Probes {
        match (self.has_ended || self.failed >= plan.probe.attempts, self.has_passed) {
            (true, _) => Probes::Fail,
            (false, true) => Probes::Pass,
            (false, false) => Probes::Unknown,
        }
    }

    fn done(&mut self, plan: &Plan, result: Result<(), ProbeError>) {
        self.due = Instant::now() + pause(plan.probe.interval_ms);
        self.has_passed = result.is_ok();
        match result {
            Ok(()) => self.failed = 0,
            Err(error) => {
                self.failed = self.failed.saturating_add(1);
                self.last = Some(error.to_string());
            }
        }
    }
}

impl Means {
    /// Looks at the check of a process: begins it, or hears its answer.
    pub fn look_at(&mut self, check: &mut Check, plan: &Plan, dir: &Path, instance: &mut Instance) {
        if let Some(end) = instance.held.ended() {
            check.has_ended = true;
            check.last = Some(format!("the process ended by itself with {end}"));
            return;
        }
        match check.pending.take() {
            None if Instant::now() < check.due => {}
            None => match self.begin_check(plan, dir, instance) {
                Ok(pending) => {
                    check.pending = Some(pending);
                    self.hear(check, plan);
                }
                Err(error) => check.done(plan, Err(error)),
            },
            Some(pending) => {
                check.pending = Some(pending);
                self.hear(check, plan);
            }
        }
    }

    fn begin_check(&mut self, plan: &Plan, dir: &Path, instance: &Instance) -> Result<Pending, ProbeError> {
        let address = self.address(plan, Some((instance.door, instance.held.keeper())))?;
        match &plan.probe.ask {
            ProbeTarget::Http(path) => {
                let (path, time) = (path.clone(), try_time(&plan.probe));
                Ok(Pending::Http(Box::pin(async move { http(&path, address, time).await })))
            }
            ProbeTarget::Command(words) => {
                ProbeCommand::begin(self, plan, dir, words, instance.port).map(Pending::Command)
            }
        }
    }

    fn hear(&self, check: &mut Check, plan: &Plan) {
        let answer = match check.pending.take() {
            Some(Pending::Http(mut asked)) => {
                let heard = self.runtime.block_on(async { tokio::time::timeout(LISTEN, &mut asked).await });
                heard.map_err(|_| Pending::Http(asked))
            }
            Some(Pending::Command(mut command)) => match command.is_over() {
                true => Ok(command.result()),
                false => Err(Pending::Command(command)),
            },
            None => return,
        };
        match answer {
            Ok(answer) => check.done(plan, answer),
            Err(pending) => check.pending = Some(pending),
        }
    }
}

/// Probes do not press on a process that serves.
fn pause(interval_ms: u64) -> Duration {
    Duration::from_millis(interval_ms).max(PAUSE_MIN)
}

/// How long a look waits for an answer.
const LISTEN: Duration = Duration::from_millis(5);
const PAUSE_MIN: Duration = Duration::from_secs(1);
