//! A rollout as the agent tells it to people: the step, the arithmetic of its verdict, and curves of both releases.
//!
//! Invariant: it is made at most once a second, and decides nothing. The last one stays after the end of a rollout, until the
//! next one begins or the agent ends.

use std::sync::Arc;

use evidence::Moment;
use evidence::observations::RolloutEnd;
use evidence::rollout_counts::{Counts, GroupCounts};
use judge::rollout::{Hold, Probes, measures};
use wire::{CURVE_POINTS_MAX, CurveFigures, CurvePoint, RolloutHold, RolloutNow};

use crate::counting::Stretch;
use crate::deployer::Deployer;
use crate::memory::KnownRelease;
use crate::rolled::Rolling;
use crate::rolling::steps;
use crate::rollout_memory::RolloutMemory;

impl Deployer {
    /// Makes what is told about a rollout anew, if it is another step or older than a second.
    pub(crate) fn tell_rollout(&mut self, rollout: &RolloutMemory<KnownRelease>, end: Option<RolloutEnd>) {
        let now = (self.now)();
        let step = u32::try_from(rollout.progress.step).unwrap_or(u32::MAX).saturating_add(1);
        let (hold, left_ms, reasons) = held(&self.rolling);
        let is_known = self.rolling.told.as_ref().is_some_and(|told| {
            let age = now.millis().saturating_sub(told.at.millis());
            let is_same = (told.step, told.hold, told.end) == (step, hold, end);
            is_same && told.order == self.rolling.order && age < TOLD_EVERY_MS
        });
        if is_known {
            return;
        }
        let evidence = self.rolling.evidence.clone().unwrap_or_default();
        let planned = steps(rollout);
        let points = self.rolling.counting.curve(CURVE_POINTS_MAX);
        self.rolling.told = Some(Arc::new(RolloutNow {
            release: rollout.release,
            plan: rollout.plan,
            at: now,
            step,
            percent: planned.steps.get(rollout.progress.step).map_or(100, |step| step.percent),
            since: rollout.progress.since,
            hold,
            left_ms: left_ms.filter(|_| end.is_none()),
            reasons: if end.is_none() { reasons } else { crate::rolling::why(rollout) },
            probes: match evidence.probes {
                Probes::Unknown => None,
                Probes::Pass => Some(true),
                Probes::Fail => Some(false),
            },
            end,
            order: self.rolling.order.clone(),
            measures: measures(planned, rollout.progress.step, &evidence),
            curve: points.iter().map(|stretch| point(now, stretch)).collect(),
        }));
    }
}

/// Why the step is in force, the rest of its pause, and what is missing.
fn held(rolling: &Rolling) -> (RolloutHold, Option<u64>, Vec<String>) {
    match (&rolling.hold, &rolling.refused) {
        (Some(Hold::Paused), _) => (RolloutHold::Paused, None, Vec::new()),
        (Some(Hold::Asks), _) => (RolloutHold::Asks, None, Vec::new()),
        (_, Some(why)) => (RolloutHold::Refused, None, vec![why.clone()]),
        (Some(Hold::Undecided(reasons)), _) => {
            (RolloutHold::Undecided, None, reasons.iter().map(ToString::to_string).collect())
        }
        (Some(Hold::Waits { left_ms }), _) => (RolloutHold::Waits, Some(*left_ms), Vec::new()),
        (Some(Hold::Unmeasured) | None, _) => (RolloutHold::Measures, None, Vec::new()),
    }
}

fn point(now: Moment, stretch: &Stretch) -> CurvePoint {
    let GroupCounts { stable, baseline, canary } = &stretch.counts;
    let mut old: Counts = stable.clone();
    old.add(baseline);
    CurvePoint {
        at: Moment::from_millis(now.millis().saturating_sub(stretch.ago_ms)).unwrap_or(now),
        for_ms: stretch.for_ms,
        old: CurveFigures::of(&old),
        new: CurveFigures::of(canary),
    }
}

/// Least time between two measurements that are told.
const TOLD_EVERY_MS: u64 = 1_000;
