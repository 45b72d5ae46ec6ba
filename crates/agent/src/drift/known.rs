//! All that an agent knows of drift between two looks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evidence::observations::{BaselineMeasured, DriftDone, DriftSeen, Drifted};
use evidence::{Digest, Moment};

use super::baseline::Firewall;
use super::declared::Declared;
use super::extra::ExtraLook;
use super::files::FileLook;
use super::host::HostLook;
use super::manifest::Manifest;
use super::processes::ProcessLook;

/// All that an agent knows of drift.
#[derive(Debug, Default)]
pub struct Drifting {
    pub(crate) declared: Declared,
    pub(super) release: Option<Release>,
    pub(super) processes: ProcessLook,
    pub(super) extra: ExtraLook,
    pub(super) host: HostLook,
    pub(super) known: BTreeMap<(Drifted, String), Known>,
    /// Times at which things were put back.
    pub(super) corrected: BTreeMap<(Drifted, String), Vec<Moment>>,
    /// The drift of the last look.
    pub(super) seen: DriftSeen,
    /// The last observation of drift, if there was one.
    pub(super) last: DriftSeen,
    pub(super) measured: Option<(BaselineMeasured, Moment)>,
    /// Observations of drift, and of the baseline.
    pub(super) observed: Pace,
    pub(super) baselines: Pace,
}

/// The files of the running release.
#[derive(Debug)]
pub struct Release {
    pub(super) artifact: Digest,
    pub(super) manifest: Manifest,
    pub(super) files: FileLook,
    pub(super) dirs: Arc<BTreeSet<PathBuf>>,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Known {
    pub(super) since: Moment,
    pub(super) by: String,
    /// When it was put back last.
    pub(super) corrected: Option<Moment>,
    pub(super) is_there: bool,
}

/// The pace of observations: a service that comes and goes with its drift fills neither the outbox nor the ledger.
#[derive(Debug, Default)]
pub struct Pace(VecDeque<Moment>);

impl Pace {
    /// Whether the next observation waits.
    pub fn is_held(&mut self, now: Moment) -> bool {
        self.0.retain(|at| now < at.later_by(Duration::from_hours(1)) && *at <= now);
        self.0.len() >= OBSERVED_OFTEN && self.0.back().is_some_and(|last| now < last.later_by(SELDOM))
    }

    /// Notes an observation.
    pub fn note(&mut self, now: Moment) {
        self.0.push_back(now);
    }
}

impl Drifting {
    /// All that is known when an agent starts.
    pub fn of(declared: Declared) -> Self {
        Self { declared, ..Self::default() }
    }

    /// Takes the way in which the firewall is read.
    pub fn reads_firewall(&mut self, firewall: Option<Firewall>) {
        self.host = HostLook::with(firewall);
    }

    /// Whether no release is applied now, and why.
    pub(super) fn holds(&self) -> Option<String> {
        let frozen = self.seen.findings.iter().filter(|finding| finding.done == DriftDone::Frozen);
        let words: Vec<_> = frozen.map(ToString::to_string).collect();
        (!words.is_empty()).then(|| format!("drifted: {}", words.join("; ")))
    }
}

/// From so many observations within an hour on, one in this time.
const OBSERVED_OFTEN: usize = 60;
const SELDOM: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    /// A service opens another port at each look, or changes what freezes its place: each look would be an entry of the ledger.
    #[test]
    fn attack_drift_that_comes_and_goes_becomes_an_observation_a_minute() {
        let mut pace = Pace::default();
        let mut observed = 0;
        for second in 0..7_200_u64 {
            let now = Moment::from_millis(1_000_000 + second * 1_000).unwrap();
            if !pace.is_held(now) {
                pace.note(now);
                observed += 1;
            }
        }
        assert!((120..=240).contains(&observed), "{observed}");
        // A clock that is set back holds nothing for longer.
        assert!(!pace.is_held(Moment::from_millis(1).unwrap()));
    }
}
