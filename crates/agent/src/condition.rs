//! The state of the current release, for status reports.
//!
//! Invariant: it is for people; no decision reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evidence::Name;
use sandbox::Hold;
use wire::RolloutNow;

use crate::deployer::Deployer;
use crate::restarts::Restarts;
use crate::rotations::UnusedVersions;
use crate::secrets::needed_by;

/// State of the current release, for status reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The enclosure of its processes.
    pub hold: Option<Hold>,
    /// Why it does not run now.
    pub down: Option<String>,
    /// How often it was started again.
    pub restarts: Restarts,
    /// The number of each secret with which it runs.
    pub secrets: BTreeMap<Name, u32>,
    /// Why the newest version of a secret is not used.
    pub secret_refused: Option<String>,
    /// The same by the name of the secret.
    pub unused: UnusedVersions,
    /// Number of the release that runs.
    pub release: Option<u64>,
    /// Its port.
    pub port: Option<u16>,
    /// Number of the release that is rolled out beside it.
    pub rolling: Option<u64>,
    /// The last rollout, as it is told.
    pub rollout: Option<Arc<RolloutNow>>,
}

impl Deployer {
    /// State of the current release.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let plan = self.memory.running.as_ref().map(|known| &known.plan);
        let named: BTreeSet<Name> = plan.into_iter().flat_map(needed_by).collect();
        let used = self.hands.secrets().iter().filter(|(name, _)| named.contains(name));
        let used = used.filter(|(_, held)| held.from.is_none());
        let against = self.rotations.against.iter().filter(|(name, _)| named.contains(name));
        Condition {
            hold: self.hands.hold(),
            down: self.down.clone(),
            restarts: self.restarts.clone(),
            secrets: used.map(|(name, held)| (name.clone(), held.number)).collect(),
            secret_refused: self.rotations.refused.clone(),
            unused: against.map(|(name, unused)| (name.clone(), *unused)).collect(),
            release: self.memory.running.as_ref().and_then(|known| known.release),
            port: plan.and_then(|plan| plan.target.port()),
            rolling: self.rolls_out(),
            rollout: self.rolling.told.clone(),
        }
    }
}
