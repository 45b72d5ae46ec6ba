//! Releases in groups: an arrangement is given its releases, their secrets and the port.
//!
//! Invariant: a release whose secret was withdrawn is not arranged.

use std::time::Duration;

use evidence::plan::Plan;
use evidence::rollout::{DRAIN_MS, Strategy};

use crate::apply::Hands;
use crate::arrangement::{Group, Version, Wanted, alone, at_step};
use crate::fault::Fault;
use crate::memory::KnownRelease;
use crate::seats::{Arrangement, GroupFault, Measured, Seat};
use crate::secrets::{HeldSecrets, WITHDRAWN, withdrawn};

/// A release with its secrets.
#[derive(Clone, Copy, Debug)]
pub struct Equipped<'a> {
    pub known: &'a KnownRelease,
    pub secrets: &'a HeldSecrets,
}

impl Hands {
    /// Runs a release alone behind a splitter. One that does not replace all at once is started beside what runs.
    pub(crate) fn run_split(&mut self, known: &KnownRelease) -> Result<(), Fault> {
        let is_same = self.arranged == Some(known.artifact);
        if known.plan.strategy == Strategy::Replace && !is_same {
            self.services.prepare(&known.plan)?;
            self.services.stop().map_err(|error| Fault::new("still-alive", error.to_string()))?;
        }
        let secrets = self.secrets.clone();
        self.arrange_alone(Equipped { known, secrets: &secrets }, &known.plan).map_err(|failed| failed.fault)
    }

    /// Arranges one release alone, and makes it the current one; sticky clients, time to drain and protocol are those of a plan.
    pub fn arrange_alone(&mut self, only: Equipped<'_>, of: &Plan) -> Result<(), GroupFault> {
        let wanted = alone(Version::New, &only.known.plan);
        self.arrange(&wanted, only, only, of)?;
        self.arranged = Some(only.known.artifact);
        let switched = self.releases.switch(Some(&only.known.artifact));
        switched.map_err(|error| GroupFault {
            group: Group::Stable,
            fault: Fault::new("switch-failed", error.to_string()),
        })
    }

    /// Arranges two releases as a step of the new one's rollout wants it.
    pub fn arrange_step(
        &mut self,
        old: Equipped<'_>,
        new: Equipped<'_>,
        step: usize,
    ) -> Result<(), GroupFault> {
        let Some(rollout) = &new.known.plan.rollout else {
            let fault = Fault::new("not-split", "the plan has no rollout");
            return Err(GroupFault { group: Group::Canary, fault });
        };
        let wanted = at_step(&new.known.plan, rollout, &old.known.plan, step);
        self.arranged = None;
        self.arrange(&wanted, old, new, &new.known.plan)
    }

    fn arrange(
        &mut self,
        wanted: &[Wanted],
        old: Equipped<'_>,
        new: Equipped<'_>,
        of: &Plan,
    ) -> Result<(), GroupFault> {
        for one in [old, new] {
            if let Some(what) = withdrawn(&one.known.plan, one.secrets) {
                return Err(GroupFault { group: Group::Stable, fault: Fault::new(WITHDRAWN, what) });
            }
        }
        let Self { releases, services, secrets, .. } = self;
        let seat = |wanted: &Wanted| {
            let Equipped { known, secrets } = match wanted.version {
                Version::Old => old,
                Version::New => new,
            };
            let Wanted { group, instances, weight, .. } = *wanted;
            Seat { group, known, secrets, instances, weight, releases }
        };
        let rollout = of.rollout.as_ref();
        let arrangement = Arrangement {
            seats: wanted.iter().map(seat).collect(),
            port: of.target.port().unwrap_or(0),
            sticky: rollout.and_then(|rollout| rollout.sticky.clone()),
            protocol: rollout.map(|rollout| rollout.protocol).unwrap_or_default(),
            drain: Duration::from_millis(rollout.map_or(DRAIN_MS, |rollout| rollout.drain_ms())),
        };
        let arranged = services.arrange(&arrangement);
        // The next process starts with the secrets of the release that counts as running.
        services.give(secrets);
        arranged
    }

    /// Gives the release that ran before everything again, at once.
    pub fn weigh_back(&mut self) -> Result<(), Fault> {
        self.services.weigh(&[(Group::Stable, 100)])
    }

    /// Counts and probes of the groups.
    pub fn measure(&mut self) -> Measured {
        self.services.measure()
    }

    /// Whether a splitter gives requests to processes that are there.
    pub fn is_serving_split(&self) -> bool {
        self.arranged.is_some() && self.services.is_serving()
    }

    /// Whether something gets requests.
    pub fn is_serving(&self) -> bool {
        self.services.is_serving()
    }
}
