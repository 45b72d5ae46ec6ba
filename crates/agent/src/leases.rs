//! The agent's leases of database roles: written down, made and revoked by processes that alone open the credential.
//!
//! Invariant: a lease is in the journal before a process is asked to make its role, and leaves it only after a process has
//! reported that the role is gone. A lease that no step uses is revoked, also by an agent that was killed and started again; what
//! cannot be revoked is told, and tried again.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mint::{Journal, JournalError, Lease, LeaseId};
use tracing::{info, warn};

use crate::held::Launcher;
use crate::minting::Revoked;

/// Why a step gets no role.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The process that makes roles does not work.
    #[error("a role cannot be made: {0}")]
    Process(io::Error),
    /// It made none.
    #[error("no role was made: {0}")]
    Unmade(String),
}

/// Leases, and the process that revokes some of them.
#[derive(Debug)]
pub struct Leases {
    dir: PathBuf,
    /// Absent until the journal was read.
    journal: Option<Journal>,
    /// The lease of the step that runs.
    used: Option<LeaseId>,
    revoking: Option<Child>,
    next: Option<Instant>,
    told: BTreeSet<String>,
}

impl Leases {
    /// The leases of an agent's directory.
    pub fn of(dir: &Path) -> Self {
        let dir = dir.to_path_buf();
        Self { dir, journal: None, used: None, revoking: None, next: None, told: BTreeSet::new() }
    }

    /// Writes a lease down and has its role made; answers with a pipe in which the variables of its step are.
    ///
    /// # Errors
    /// `LeaseError`. The role may exist all the same: `end` has to be called in any case.
    pub fn begin(&mut self, launcher: &dyn Launcher, lease: Lease) -> Result<PipeReader, LeaseError> {
        let failed = LeaseError::Process;
        let input = serde_json::to_vec(&lease).map_err(|error| failed(error.into()))?;
        let id = lease.id;
        self.journal()?.begin(lease)?;
        self.used = Some(id);
        let (given, variables) = io::pipe().map_err(failed)?;
        let mut process = stage(launcher, "mint");
        let child = process.stdout(variables).stderr(Stdio::piped()).spawn().map_err(failed)?;
        // It owns a copy of the pipe's other end.
        drop(process);
        let done = fed(child, &input).and_then(Child::wait_with_output).map_err(failed)?;
        if done.status.success() { Ok(given) } else { Err(LeaseError::Unmade(words(&done.stderr))) }
    }

    /// Revokes the lease of the step that ran, and waits for that.
    pub fn end(&mut self, launcher: &dyn Launcher) {
        if self.used.take().is_some() {
            self.clear(launcher);
        }
    }

    /// Revokes what is left in the journal, and waits for that.
    pub fn clear(&mut self, launcher: &dyn Launcher) {
        self.settle();
        self.start(launcher);
        self.settle();
    }

    /// Revokes what is left in the journal, without waiting; called again and again.
    pub fn look(&mut self, launcher: &dyn Launcher) {
        match self.revoking.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => return,
            Some(_) => self.settle(),
            None => {}
        }
        if self.next.is_none_or(|next| Instant::now() >= next) {
            self.start(launcher);
        }
    }

    /// Starts a process that revokes every lease that no step uses, if there are any.
    fn start(&mut self, launcher: &dyn Launcher) {
        self.next = Some(Instant::now() + LOOK_EVERY);
        let used = self.used;
        let leases: Vec<Lease> = match self.journal() {
            Ok(journal) => {
                journal.leases().filter(|lease| Some(lease.id) != used).take(TOGETHER_MAX).cloned().collect()
            }
            Err(error) => return self.tell([error.to_string()].into()),
        };
        if leases.is_empty() || self.revoking.is_some() {
            return;
        }
        let begun = serde_json::to_vec(&leases).map_err(io::Error::from).and_then(|input| {
            fed(stage(launcher, "revoke").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?, &input)
        });
        match begun {
            Ok(child) => self.revoking = Some(child),
            Err(error) => self.tell([format!("roles of databases cannot be revoked: {error}")].into()),
        }
    }

    /// Waits for the process that revokes, and takes what it reports.
    fn settle(&mut self) {
        let Some(child) = self.revoking.take() else { return };
        let revoked = match child.wait_with_output() {
            Err(error) => {
                return self.tell([format!("roles of databases cannot be revoked: {error}")].into());
            }
            Ok(done) if !done.status.success() => {
                return self
                    .tell([format!("roles of databases cannot be revoked: {}", words(&done.stderr))].into());
            }
            Ok(done) => serde_json::from_slice::<Revoked>(&done.stdout),
        };
        match revoked {
            Err(error) => self.tell([format!("roles of databases cannot be revoked: {error}")].into()),
            Ok(revoked) => {
                let ended = self.journal().and_then(|journal| journal.end(&revoked.gone));
                revoked.gone.iter().for_each(|id| info!("the role {} of a database is gone", id.role()));
                let left = revoked.left.into_iter().map(|why| {
                    format!("a role of a database is left, and ends by itself with its time; it is tried again: {why}")
                });
                self.tell(left.chain(ended.err().map(|error| error.to_string())).collect());
            }
        }
    }

    /// Says each fault once.
    fn tell(&mut self, faults: BTreeSet<String>) {
        faults.difference(&self.told).for_each(|what| warn!("{what}"));
        self.told = faults;
    }

    fn journal(&mut self) -> Result<&mut Journal, JournalError> {
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => Journal::open(&self.dir)?,
        };
        Ok(self.journal.insert(journal))
    }
}

/// A hidden stage of this program that ends with the agent.
fn stage(launcher: &dyn Launcher, name: &str) -> Command {
    let mut command = launcher.command();
    command.args([name, &std::process::id().to_string()]).env_clear().current_dir("/").stdin(Stdio::piped());
    command
}

/// Gives a process its input.
fn fed(mut child: Child, input: &[u8]) -> io::Result<Child> {
    if let Some(mut stdin) = child.stdin.take() {
        // One that ended early says why by itself.
        drop(stdin.write_all(input));
    }
    Ok(child)
}

/// The beginning of what a process said.
fn words(said: &[u8]) -> String {
    let start = said.get(..WORDS_BYTES_MAX).unwrap_or(said);
    String::from_utf8_lossy(start).trim().to_owned()
}

/// How soon what could not be revoked is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Their input and answer fit into a pipe, so neither process waits for the other.
const TOGETHER_MAX: usize = 1_000;
const WORDS_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_and_not_lost() {
        let long = format!("a{}", "é".repeat(WORDS_BYTES_MAX));
        let said = words(long.as_bytes());
        assert!(said.starts_with("aéé") && said.len() <= WORDS_BYTES_MAX + 2, "{} bytes", said.len());
        assert_eq!(words(b" no such role\xff\n"), "no such role\u{fffd}");
    }
}
