//! All that an agent knows of drift between two looks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

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
    /// The last observation of drift, if there was one.
    pub(super) last: DriftSeen,
    pub(super) measured: Option<(BaselineMeasured, Moment)>,
    /// Times of the last observations of drift.
    pub(super) observed: VecDeque<Moment>,
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
    /// Times at which it was put back.
    pub(super) corrected: Vec<Moment>,
    pub(super) is_there: bool,
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
        let frozen = self.last.findings.iter().filter(|finding| finding.done == DriftDone::Frozen);
        let words: Vec<_> = frozen.map(ToString::to_string).collect();
        (!words.is_empty()).then(|| format!("drifted: {}", words.join("; ")))
    }
}
