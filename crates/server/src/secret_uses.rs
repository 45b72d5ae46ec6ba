//! Secrets of places as their agents said last, in memory.
//!
//! Invariant: bounded by the agents and secrets of places. No decision uses it, and a restarted server knows nothing until the
//! agents report again. The record of uses: `http/told_secrets.rs`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use evidence::{Name, Place};
use tokio::sync::Mutex as Turn;
use wire::{ServiceView, UnusedSecretView};

/// The secrets of an agent, as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentSecrets {
    /// Number of the release that runs.
    pub release: Option<u64>,
    /// Number of each version that is used.
    pub used: BTreeMap<Name, u32>,
    /// Versions that are not used.
    pub unused: BTreeMap<Name, UnusedSecretView>,
}

/// The secrets of all agents.
#[derive(Debug, Default)]
pub struct SecretUses {
    known: Mutex<BTreeMap<Place, BTreeMap<Name, Told>>>,
    /// One report at a time is compared with the record.
    pub turn: Turn<()>,
}

#[derive(Debug)]
struct Told {
    secrets: AgentSecrets,
    at: Instant,
}

impl AgentSecrets {
    /// The part of a report that is about secrets.
    pub fn of(service: &ServiceView) -> Self {
        let ServiceView { release, secrets, secrets_unused, .. } = service;
        Self { release: *release, used: secrets.clone(), unused: secrets_unused.clone() }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty() && self.unused.is_empty()
    }

    /// The versions with the outcomes that a line has for each.
    pub fn versions(&self) -> impl Iterator<Item = (&Name, u32, Option<&Name>)> {
        let used = self.used.iter().map(|(name, number)| (name, *number, None));
        // A version that was tried was handed to the service.
        let unused = self
            .unused
            .iter()
            .map(|(name, unused)| (name, unused.number, (!unused.was_tried).then_some(&unused.code)));
        used.chain(unused)
    }
}

impl SecretUses {
    /// The secrets of the agents of a place that have reported recently.
    pub fn at(&self, place: &Place) -> BTreeMap<Name, AgentSecrets> {
        let known = self.known();
        let agents = known.get(place).into_iter().flatten();
        let recent = agents.filter(|(_, told)| told.at.elapsed() < FORGET_AFTER);
        recent.map(|(agent, told)| (agent.clone(), told.secrets.clone())).collect()
    }

    /// Whether an agent said the same before. If it did, it still says so.
    pub fn is_known(&self, place: &Place, agent: &Name, secrets: &AgentSecrets) -> bool {
        let mut known = self.known();
        let told = known.get_mut(place).and_then(|agents| agents.get_mut(agent));
        let same = told.filter(|told| told.secrets == *secrets);
        same.map(|told| told.at = Instant::now()).is_some()
    }

    /// Keeps what an agent said, after it was recorded.
    pub fn learn(&self, place: Place, agent: Name, secrets: AgentSecrets) {
        self.known().entry(place).or_default().insert(agent, Told { secrets, at: Instant::now() });
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Place, BTreeMap<Name, Told>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An agent reports every ten seconds, so three missing reports make its state unknown.
const FORGET_AFTER: Duration = Duration::from_secs(30);
