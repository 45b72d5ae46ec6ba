//! The agent's leases of database roles: written down, made and revoked by processes that alone open the credential.
//!
//! Invariant: a lease is in the journal before a process is asked to make its role, and leaves it only after a process has
//! reported that the role is gone. A lease that nothing uses is revoked, also by an agent that was killed and started again; what
//! cannot be revoked is told, and tried again. The lease of a service that runs is renewed long before its time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, PipeReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use evidence::Moment;
use evidence::databases::PlannedDatabase;
use mint::{Journal, JournalError, Lease, LeaseId, Terms};
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

/// For how long a lease is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// For a step.
    Step,
    /// For a service: it is renewed until the service ends.
    Service,
}

/// A role that is made, and its variables.
#[derive(Debug)]
pub struct MadeRole {
    /// Its database.
    pub of: PlannedDatabase,
    /// Its lease.
    pub id: LeaseId,
    /// A pipe with the variables.
    pub variables: PipeReader,
}

/// Leases, and the process that revokes or renews some of them.
#[derive(Debug)]
pub struct Leases {
    dir: PathBuf,
    /// Absent until the journal was read.
    journal: Option<Journal>,
    /// Leases that something uses.
    used: BTreeMap<LeaseId, Use>,
    working: Option<(Work, Child)>,
    /// The last lease of a batch, if there are more.
    after: Option<LeaseId>,
    next: Option<Instant>,
    told: BTreeSet<String>,
}

#[derive(Debug)]
enum Work {
    Revoking,
    /// The leases with their new terms.
    Renewing(Vec<Lease>),
}

impl Leases {
    /// The leases of an agent's directory.
    pub fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
            journal: None,
            used: BTreeMap::new(),
            working: None,
            after: None,
            next: None,
            told: BTreeSet::new(),
        }
    }

    /// Writes a lease down and has its role made; answers with a pipe in which its variables are.
    ///
    /// # Errors
    /// `LeaseError`. The role may exist all the same: `leave` has to be called in any case.
    pub fn begin(
        &mut self,
        launcher: &dyn Launcher,
        lease: Lease,
        used: Use,
    ) -> Result<PipeReader, LeaseError> {
        let failed = LeaseError::Process;
        let input = serde_json::to_vec(&lease).map_err(|error| failed(error.into()))?;
        let id = lease.id;
        self.journal()?.begin(lease)?;
        self.used.insert(id, used);
        let (given, variables) = io::pipe().map_err(failed)?;
        let mut process = stage(launcher, "mint");
        let child = process.stdout(variables).stderr(Stdio::piped()).spawn().map_err(failed)?;
        // It owns a copy of the pipe's other end.
        drop(process);
        let done = fed(child, &input).and_then(Child::wait_with_output).map_err(failed)?;
        if done.status.success() { Ok(given) } else { Err(LeaseError::Unmade(words(&done.stderr))) }
    }

    /// Notes that nothing uses a lease any more. The next look revokes it.
    pub fn leave(&mut self, id: LeaseId) {
        if self.used.remove(&id).is_some() {
            (self.next, self.after) = (None, None);
        }
    }

    /// Revokes the leases of steps, and waits for that.
    pub fn end_step(&mut self, launcher: &dyn Launcher) {
        let before = self.used.len();
        self.used.retain(|_, used| *used == Use::Service);
        if self.used.len() < before {
            self.clear(launcher);
        }
    }

    /// Revokes all leases, because nothing will use one any more, and waits for that.
    pub fn close(&mut self, launcher: &dyn Launcher) {
        self.used.clear();
        self.clear(launcher);
    }

    /// Revokes what is left in the journal and not used, and waits for that.
    pub fn clear(&mut self, launcher: &dyn Launcher) {
        self.settle();
        self.after = None;
        loop {
            self.revoke(launcher);
            self.settle();
            if self.after.is_none() {
                return;
            }
        }
    }

    /// Revokes all leases of a directory that is removed, and waits for that. Answers with the number of those whose roles are left
    /// and may still be used; a role whose time is over takes no password, so a database that is gone holds nothing up for long.
    ///
    /// # Errors
    /// `JournalError` when the journal cannot be read.
    pub fn remove(&mut self, launcher: &dyn Launcher, now: Moment) -> Result<usize, JournalError> {
        if self.journal()?.leases().next().is_some() {
            self.close(launcher);
        }
        Ok(self.journal()?.leases().filter(|lease| lease.terms.until > now).count())
    }

    /// Revokes what is left, and renews what services use, without waiting; called again and again.
    pub fn look(&mut self, launcher: &dyn Launcher, now: Option<Moment>) {
        match self.working.as_mut().map(|(_, child)| child.try_wait()) {
            Some(Ok(None)) => return,
            Some(_) => self.settle(),
            None => {}
        }
        if self.next.is_none_or(|next| Instant::now() >= next) {
            self.revoke(launcher);
            if let Some(now) = now.filter(|_| self.working.is_none()) {
                self.renew(launcher, now);
            }
        }
    }

    /// Starts a process that revokes a batch of the leases that nothing uses, if there are any.
    fn revoke(&mut self, launcher: &dyn Launcher) {
        let (used, after) = (self.used.clone(), self.after.take());
        let is_next =
            |lease: &&Lease| !used.contains_key(&lease.id) && after.is_none_or(|after| lease.id > after);
        let mut leases: Vec<Lease> = match self.journal() {
            Ok(journal) => journal.leases().filter(is_next).take(TOGETHER_MAX + 1).cloned().collect(),
            Err(error) => {
                self.next = Some(Instant::now() + LOOK_EVERY);
                return self.tell([error.to_string()].into());
            }
        };
        if leases.len() > TOGETHER_MAX {
            leases.truncate(TOGETHER_MAX);
            self.after = leases.last().map(|lease| lease.id);
        }
        // Those of a database that is away do not keep the others waiting.
        self.next = Some(Instant::now() + if self.after.is_some() { Duration::ZERO } else { LOOK_EVERY });
        if !leases.is_empty() {
            self.begin_work(launcher, "revoke", &leases, Work::Revoking);
        }
    }

    /// Starts a process that renews the leases of services whose time is over soon, if there are any.
    fn renew(&mut self, launcher: &dyn Launcher, now: Moment) {
        let services = self.used.clone();
        let Ok(journal) = self.journal() else { return };
        let kept = journal.leases().filter(|lease| services.get(&lease.id) == Some(&Use::Service));
        let due: Vec<Lease> = kept.take(TOGETHER_MAX).filter_map(|lease| renewed(lease, now)).collect();
        if !due.is_empty() {
            self.begin_work(launcher, "renew", &due, Work::Renewing(due.clone()));
        }
    }

    fn begin_work(&mut self, launcher: &dyn Launcher, name: &str, leases: &[Lease], work: Work) {
        let begun = serde_json::to_vec(leases).map_err(io::Error::from).and_then(|input| {
            fed(stage(launcher, name).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?, &input)
        });
        match begun {
            Ok(child) => self.working = Some((work, child)),
            Err(error) => self.tell([format!("{FAILED}: {error}")].into()),
        }
    }

    /// Waits for the process that revokes or renews, and takes what it reports.
    fn settle(&mut self) {
        let Some((work, child)) = self.working.take() else { return };
        let done = match child.wait_with_output() {
            Err(error) => return self.tell([format!("{FAILED}: {error}")].into()),
            Ok(done) if !done.status.success() => {
                return self.tell([format!("{FAILED}: {}", words(&done.stderr))].into());
            }
            Ok(done) => serde_json::from_slice::<Revoked>(&done.stdout),
        };
        match (done, work) {
            (Err(error), _) => self.tell([format!("{FAILED}: {error}")].into()),
            (Ok(revoked), Work::Revoking) => {
                let ended = self.journal().and_then(|journal| journal.end(&revoked.gone));
                revoked.gone.iter().for_each(|id| info!("the role {} of a database is gone", id.role()));
                let left = revoked.left.into_iter().map(|why| {
                    format!("a role of a database is left, and ends by itself with its time; it is tried again: {why}")
                });
                self.tell(left.chain(ended.err().map(|error| error.to_string())).collect());
            }
            (Ok(renewed), Work::Renewing(leases)) => {
                let mut faults = BTreeSet::new();
                for lease in leases.into_iter().filter(|lease| renewed.gone.contains(&lease.id)) {
                    let kept = self.journal().and_then(|journal| journal.begin(lease));
                    faults.extend(kept.err().map(|error| error.to_string()));
                }
                faults.extend(renewed.left.into_iter().map(|why| {
                    format!("the role of the service cannot be renewed, and takes no password after its time; it is tried again: {why}")
                }));
                self.tell(faults);
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

/// The lease with more time, if a third of its time has passed. A clock that was set back shortens nothing.
fn renewed(lease: &Lease, now: Moment) -> Option<Lease> {
    let until = now.later_by(SERVICE_TIME);
    let is_due = lease.terms.until < now.later_by(SERVICE_TIME - SERVICE_TIME / 3);
    let terms = Terms { until, ..lease.terms.clone() };
    is_due.then(|| Lease { terms, ..lease.clone() })
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

const FAILED: &str = "roles of databases cannot be revoked or renewed";
/// For how long a password of a service's role counts, unless it is renewed.
pub const SERVICE_TIME: Duration = Duration::from_secs(3600);
/// How soon what could not be revoked is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Their input and answer fit into a pipe, so neither process waits for the other.
const TOGETHER_MAX: usize = 1_000;
const WORDS_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
