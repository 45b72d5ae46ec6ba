//! The runner at the operator's stores: how it logs in for a step, and the leases of steps that a crash has left.
//!
//! Invariant: the runner never reads a value. The process that holds the secrets of a step gets a login for this step alone and
//! reads; what such a process left behind is revoked here, by the journal, within seconds after the runner starts again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::machine::MachineSigner;
use evidence::statements::StoreSource;
use evidence::{Id, Moment, Name};
use stores::{Access, Bearer, LeaseJournal, Stores, StoresError};
use tracing::warn;

/// The operator's stores, and the leases of this runner's steps.
#[derive(Debug)]
pub struct StoreLogins {
    stores: Stores,
    leases: PathBuf,
    /// Nonces of the steps that run.
    used: Mutex<BTreeSet<Id>>,
    /// Faults that were told.
    told: Mutex<BTreeSet<String>>,
}

/// The runner as its stores see it.
#[derive(Clone, Debug)]
pub struct StoreBearer {
    /// The installation.
    pub installation: Id,
    /// Name of the runner.
    pub runner: Name,
    /// Its key.
    pub signer: MachineSigner,
    /// Its clock.
    pub now: fn() -> Moment,
}

/// The step for which a runner logs in.
#[derive(Clone, Debug)]
pub struct StorePurpose {
    /// Nonce of its work.
    pub nonce: Id,
    /// Its project.
    pub project: Name,
    /// Its name.
    pub step: Name,
    /// The ref that this runner verified.
    pub at_ref: Option<String>,
}

/// Logins for one step. Its leases are not taken for what a crash left while this lives.
#[derive(Debug)]
pub struct StepLogins<'a> {
    of: &'a StoreLogins,
    bearer: StoreBearer,
    purpose: StorePurpose,
}

impl StoreLogins {
    /// The stores that the operator names in a runner's directory.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        let leases = dir.join("store-leases");
        Self { stores: Stores::of(dir), leases, used: Mutex::default(), told: Mutex::default() }
    }

    /// Logins for a step.
    #[must_use]
    pub fn step(&self, bearer: StoreBearer, purpose: StorePurpose) -> StepLogins<'_> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(purpose.nonce);
        StepLogins { of: self, bearer, purpose }
    }

    /// Revokes the leases of steps that do not run. The result has each new fault once.
    pub fn reaped(&self, bearer: &StoreBearer) -> Vec<String> {
        let mut faults = BTreeSet::new();
        let journals = LeaseJournal::all(&self.leases).unwrap_or_else(|error| {
            faults.insert(error.to_string());
            Vec::new()
        });
        for (nonce, journal) in journals {
            let is_used = self.used.lock().unwrap_or_else(PoisonError::into_inner).contains(&nonce);
            if !is_used && let Err(error) = self.revoke(&journal, nonce, bearer) {
                faults.insert(format!("a lease of a store is left, and is revoked later: {error}"));
            }
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new = faults.difference(&told).cloned().collect();
        *told = faults;
        new
    }

    fn revoke(&self, journal: &LeaseJournal, nonce: Id, bearer: &StoreBearer) -> Result<(), StoresError> {
        let note = journal.read()?;
        let access = self.stores.login(&note.store, &bearer.bearer(nonce, BTreeMap::new()))?;
        stores::revoke(&access, &note, REVOKE_TIME_MAX)?;
        journal.forget()
    }
}

impl StoreBearer {
    fn bearer<'a>(&'a self, nonce: Id, about: BTreeMap<&'a str, &'a str>) -> Bearer<'a> {
        let now = (self.now)();
        Bearer {
            installation: self.installation,
            role: "runner",
            machine: &self.runner,
            key: self.signer.key(),
            now,
            id: format!("{nonce}-{}", now.millis()),
            about,
        }
    }
}

impl StepLogins<'_> {
    /// Directory of the journal of leases.
    pub fn leases(&self) -> &Path {
        &self.of.leases
    }

    /// A login by which a place may be read for this step.
    ///
    /// # Errors
    /// `StoresError` if the operator names no such store, or does not let the project read there.
    pub fn access(&self, from: &StoreSource) -> Result<Access, StoresError> {
        let StorePurpose { nonce, project, step, at_ref } = &self.purpose;
        let about = [("project", project.as_str()), ("step", step.as_str())];
        let about = about.into_iter().chain(at_ref.as_deref().map(|at| ("ref", at)));
        self.of.stores.access(from, project, &self.bearer.bearer(*nonce, about.collect()))
    }
}

impl Drop for StepLogins<'_> {
    fn drop(&mut self) {
        self.of.used.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.purpose.nonce);
    }
}

/// Looks for leases that a crash of this runner, or of a process that held secrets, has left, again and again.
pub async fn reap(look: Arc<dyn Fn() -> Vec<String> + Send + Sync>) {
    loop {
        let look = Arc::clone(&look);
        let said = tokio::task::spawn_blocking(move || look()).await;
        said.unwrap_or_default().iter().for_each(|what| warn!("{what}"));
        tokio::time::sleep(REAP_EVERY).await;
    }
}

/// How soon what could not be revoked is tried again.
const REAP_EVERY: Duration = Duration::from_secs(5);
const REVOKE_TIME_MAX: Duration = Duration::from_secs(10);
