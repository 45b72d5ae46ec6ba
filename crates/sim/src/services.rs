//! Services of a simulated host: groups with their shares, counts of their requests, and failures by chance.
//!
//! Invariant: the host ends with its agent, as real processes do. Whether a version answers with errors is drawn once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent::{AliveError, Arrangement, Fault, Group, GroupFault, Measured, Services};
use evidence::Digest;
use evidence::plan::Plan;
use evidence::rollout_counts::{Counts, GroupCounts};
use judge::rollout::Probes;

use crate::machine::fails;

/// Processes that serve.
#[derive(Debug, Default)]
pub struct Host {
    /// Version and share of each group.
    groups: BTreeMap<Group, (Digest, u32)>,
    /// The version that runs without groups, by the name of its directory.
    alone: Option<String>,
    /// Failing requests of each version, in percent.
    failing: BTreeMap<Digest, u64>,
    totals: GroupCounts,
}

impl Host {
    /// Versions that get requests, by their hexadecimal digests, each with its share.
    #[must_use]
    pub fn serving(&self) -> BTreeMap<String, u32> {
        let mut serving = BTreeMap::new();
        for (version, weight) in self.groups.values().filter(|(_, weight)| *weight > 0) {
            *serving.entry(version.hex()).or_default() += weight;
        }
        serving.extend(self.alone.clone().map(|version| (version, 100)));
        serving
    }
}

/// The services of an agent. A copy shows the same host.
#[derive(Clone, Debug, Default)]
pub struct SimulatedServices(Arc<Mutex<Host>>);

impl SimulatedServices {
    /// The host.
    pub fn host(&self) -> MutexGuard<'_, Host> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services for SimulatedServices {
    fn prepare(&mut self, _: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn start(&mut self, _: &Plan, dir: &Path) -> Result<(), Fault> {
        if fails(20) {
            return Err(Fault::new("probe-failed", "by chance"));
        }
        self.host().alone = dir.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(())
    }

    fn before(&mut self, plan: &Plan, _: &Path, _: u64) -> Result<(), Fault> {
        if !plan.before.is_empty() && fails(20) {
            Err(Fault::new("before-failed", "by chance"))
        } else {
            Ok(())
        }
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        let mut host = self.host();
        (host.alone, host.groups) = (None, BTreeMap::new());
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        fails(5).then(|| "by chance".to_owned())
    }

    fn arrange(&mut self, wanted: &Arrangement<'_>) -> Result<(), GroupFault> {
        let mut host = self.host();
        for seat in &wanted.seats {
            let version = seat.known.artifact;
            let runs = host.groups.values().any(|(one, _)| *one == version);
            if !runs && fails(20) {
                let fault = Fault::new("probe-failed", "by chance");
                return Err(GroupFault { group: seat.group, fault });
            }
            host.failing.entry(version).or_insert_with(|| if fails(150) { 60 } else { 0 });
        }
        host.alone = None;
        host.groups =
            wanted.seats.iter().map(|seat| (seat.group, (seat.known.artifact, seat.weight))).collect();
        Ok(())
    }

    fn weigh(&mut self, weights: &[(Group, u32)]) -> Result<(), Fault> {
        for (group, (_, weight)) in &mut self.host().groups {
            *weight = weights.iter().find(|(one, _)| one == group).map_or(0, |(_, weight)| *weight);
        }
        Ok(())
    }

    fn measure(&mut self) -> Measured {
        let mut host = self.host();
        for (group, (version, weight)) in host.groups.clone() {
            let requests = REQUESTS * u64::from(weight) / 100;
            let errors = requests * host.failing.get(&version).copied().unwrap_or_default() / 100;
            let new = Counts { requests, errors, ..Counts::default() };
            match group {
                Group::Stable => host.totals.stable.add(&new),
                Group::Baseline => host.totals.baseline.add(&new),
                Group::Canary => host.totals.canary.add(&new),
            }
        }
        Measured { totals: host.totals.clone(), probes: if fails(5) { Probes::Fail } else { Probes::Pass } }
    }

    fn is_serving(&self) -> bool {
        !self.host().serving().is_empty()
    }
}

/// Requests between two looks of an agent.
const REQUESTS: u64 = 400;
