//! Which processes of which release serve at a step of a rollout, and with which share of the requests.
//!
//! Invariant: an arrangement follows from plan and step alone, so an agent that was killed makes the same one again. In each
//! of them a group with at least one process has the requests: there is never none. The file starts nothing.

use evidence::plan::Plan;
use evidence::rollout::{Rollout, Strategy};

/// A group of processes of one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The release that ran before, or the only one.
    Stable,
    /// Fresh processes of the release that ran before.
    Baseline,
    /// The new release.
    Canary,
}

/// One of the two releases of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one that ran before.
    Old,
    /// The new one.
    New,
}

/// A group as a step wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The group.
    pub group: Group,
    /// Its release.
    pub version: Version,
    /// Number of its processes.
    pub instances: u32,
    /// Its share of the requests, in percent.
    pub weight: u32,
}

impl Group {
    /// Its name, as it is in the figures of a splitter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Baseline => "baseline",
            Self::Canary => "canary",
        }
    }
}

/// Number of processes of a plan.
#[must_use]
pub fn instances(plan: &Plan) -> u32 {
    plan.instances.unwrap_or(1).max(1)
}

/// Whether the requests of a plan's process go through a splitter.
#[must_use]
pub const fn is_split(plan: &Plan) -> bool {
    plan.rollout.is_some() || plan.instances.is_some()
}

/// One release alone.
#[must_use]
pub fn alone(version: Version, plan: &Plan) -> Vec<Wanted> {
    vec![Wanted { group: Group::Stable, version, instances: instances(plan), weight: 100 }]
}

/// The groups at a step, which is counted from 0. The old release stays until the rollout has ended, so that it can have
/// everything again at once.
#[must_use]
pub fn at_step(new: &Plan, rollout: &Rollout, old: &Plan, step: usize) -> Vec<Wanted> {
    let percent = rollout.steps.get(step).map_or(100, |step| step.percent.min(100));
    let shares = rollout.shares(step);
    let (before, after) = (instances(old), instances(new));
    let (kept, begun) = match new.strategy {
        Strategy::Rolling => {
            (before.saturating_sub(part(before, percent)).max(1), part(after, percent).max(1))
        }
        Strategy::Canary => (before, part(after, percent).max(1)),
        Strategy::BlueGreen | Strategy::Replace => (before, after),
    };
    let stable = Wanted {
        group: Group::Stable,
        version: Version::Old,
        instances: kept,
        weight: u32::from(shares.stable),
    };
    let baseline = Wanted {
        group: Group::Baseline,
        version: Version::Old,
        instances: part(after, shares.baseline).max(1),
        weight: u32::from(shares.baseline),
    };
    let canary = Wanted {
        group: Group::Canary,
        version: Version::New,
        instances: begun,
        weight: u32::from(shares.canary),
    };
    [stable, baseline, canary]
        .into_iter()
        .filter(|wanted| wanted.group != Group::Baseline || wanted.weight > 0)
        .collect()
}

/// So many percent of a number, rounded up.
const fn part(number: u32, percent: u8) -> u32 {
    number.saturating_mul(percent as u32).div_ceil(100)
}

#[cfg(test)]
mod tests;
