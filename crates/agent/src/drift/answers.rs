//! Looks for drift and answers it, on the deployer's thread: nothing else changes a release or its processes meanwhile.
//!
//! Invariant: only what people signed as `correct` is changed, each thing at most a few times within minutes, and every answer is
//! observed. While a rollout is under way nothing is looked at: its processes come and go.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evidence::Moment;
use evidence::configuration_order::ConfigurationOrder;
use evidence::drift::{DriftRules, Response};
use evidence::observations::{DriftDone, DriftFinding, DriftSeen, Drifted, FINDINGS_MAX};
use evidence::oci::LayerFiles;
use tracing::{info, warn};

use super::audit;
use super::baseline::{self, Firewall};
use super::extra;
use super::files::FileLook;
use super::found::{Found, Mend, sorted, text};
use super::host;
use super::kept_layer::MissingLayer;
use super::known::{Known, Release};
use super::manifest::Manifest;
use super::processes::{ProcessTable, unlisted};
use crate::decision::{Decision, refused};
use crate::deployer::Deployer;
use crate::error::DeployError;
use crate::memory::KnownRelease;
use crate::rules::KnownRules;

/// The result of a look.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Time until the next one.
    pub again: Duration,
    /// The directories of the release.
    pub dirs: Arc<BTreeSet<PathBuf>>,
    /// Whether there is something new that the server has to hear of.
    pub observed: bool,
    /// The release, if its files could not be put back because its layer is not here.
    pub missing: Option<MissingLayer>,
}

impl Deployer {
    /// Takes the way in which the firewall of the host is read.
    #[must_use]
    pub fn reading_firewall(mut self, firewall: Option<Firewall>) -> Self {
        self.drifting.reads_firewall(firewall);
        self
    }

    /// Compares the place with what was declared for it, and answers as people signed.
    ///
    /// # Errors
    /// `DeployError` when an observation cannot be kept.
    pub fn look_for_drift(&mut self) -> Result<Looked, DeployError> {
        let rules = self.drift_rules();
        let again = Duration::from_millis(rules.every_ms);
        if self.memory.rollout.is_some() {
            return Ok(Looked { again, dirs: Arc::default(), observed: false, missing: None });
        }
        let now = (self.now)();
        let mut found = self.measure_host(now)?;
        found.extend(self.differences_of_release());
        let found = sorted(found);
        let findings = self.answered(&rules, &found, now);
        let observed = self.observe_drift(findings, now)?;
        let dirs = self.drifting.release.as_ref().map(|release| Arc::clone(&release.dirs));
        Ok(Looked { again, dirs: dirs.unwrap_or_default(), observed, missing: self.missing_layer() })
    }

    /// Takes a newer configuration that its signers signed for this place.
    ///
    /// # Errors
    /// The refusal in words. One that this program cannot read still is among the newest rules, so that a release that comes
    /// back under it is undecided.
    pub fn take_configuration(&mut self, order: &ConfigurationOrder) -> Result<(), Box<Decision>> {
        let checked = self.memory.judge_configuration(order, (self.now)())?;
        self.rules.take(&self.dir, KnownRules::ordered(order));
        let taken = self.drifting.declared.take(&self.dir, checked.statement, &checked.configuration);
        if taken.map_err(|error| refused("configuration-unread", &error.to_string()))? {
            info!("statement {} sets the rules about drift from now on", checked.statement);
        }
        Ok(())
    }

    /// Holds a release while something has drifted for which people froze the place: it is neither refused nor applied.
    ///
    /// # Errors
    /// `DeployError::Drifted` with the reason.
    pub(crate) fn holds_for_drift(&mut self) -> Result<(), DeployError> {
        let rules = self.drift_rules();
        let all = [rules.files, rules.variables, rules.processes, rules.limits, rules.settings];
        if all.contains(&Response::Freeze) {
            self.look_for_drift()?;
        }
        self.drifting.holds().map_or(Ok(()), |what| Err(DeployError::Drifted(what)))
    }

    /// Why the host is not as a policy demands it for a release, measured now.
    ///
    /// # Errors
    /// `DeployError` when the measurement cannot be kept.
    pub(crate) fn differs_from_baseline(
        &mut self,
        decision: &Decision,
    ) -> Result<Option<String>, DeployError> {
        if !decision.measures || decision.apply.is_none() {
            return Ok(None);
        }
        let found = self.measure_host((self.now)())?;
        let words: Vec<_> = found
            .iter()
            .map(|one| {
                format!("{} {}: declared {}, found {}", one.what.as_str(), one.name, one.declared, one.found)
            })
            .collect();
        Ok((!words.is_empty()).then(|| format!("the host differs from its baseline: {}", words.join("; "))))
    }

    /// Measures the host against the baseline of the place now.
    pub(crate) fn measure_host(&mut self, now: Moment) -> Result<Vec<Found>, DeployError> {
        let Some(declared) = self.drifting.declared.configuration.baseline.clone() else {
            self.drifting.measured = None;
            return Ok(Vec::new());
        };
        let measured = self.drifting.host.measure(&declared, now);
        let found = baseline::differences(&declared, &measured);
        let Ok(digest) = declared.digest() else { return Ok(found) };
        let body = baseline::measured(digest, &found);
        let is_fresh = self
            .drifting
            .measured
            .as_ref()
            .is_some_and(|(last, at)| *last == body && now < at.later_by(MEASURED_AGAIN) && *at <= now);
        if !is_fresh && !self.drifting.baselines.is_held(now) {
            self.drifting.baselines.note(now);
            self.observe(body.clone())?;
            self.drifting.measured = Some((body, now));
        }
        Ok(found)
    }

    fn drift_rules(&self) -> DriftRules {
        self.drifting.declared.configuration.drift.clone().unwrap_or_default()
    }

    /// The differences of files and processes of the running release.
    fn differences_of_release(&mut self) -> Vec<Found> {
        let Some(known) = self.memory.running.clone() else {
            self.drifting.release = None;
            return Vec::new();
        };
        let dir = self.hands.releases().path(&known.artifact);
        if self.drifting.release.as_ref().is_none_or(|release| release.artifact != known.artifact) {
            let Some(files) = self.hands.releases().declared_files(&known.artifact, &known.layer) else {
                // Nothing else names its files. The layer that comes again does.
                self.hands.releases().forget_layer(&known.artifact);
                let words = "neither its files nor its layer give this digest";
                let (what, name) = (Drifted::File, "(all)");
                return vec![Found::new(what, name, &known.layer.to_string(), words, Mend::None)];
            };
            let manifest = Manifest::of(&files);
            let directories =
                manifest.iter().filter(|(_, declared)| **declared == super::manifest::Declared::Directory);
            let dirs = directories.map(|(path, _)| dir.join(path)).chain([dir.clone()]).collect();
            let (artifact, files, dirs) = (known.artifact, FileLook::of(&manifest), Arc::new(dirs));
            self.drifting.release = Some(Release { artifact, manifest, files, dirs });
        }
        let watched = self.hands.services.watched();
        let programs = watched
            .iter()
            .filter_map(|one| Some(one.given.program.strip_prefix(&dir).ok()?.to_str()?.to_owned()));
        let programs: BTreeSet<String> = programs.collect();
        let Some(release) = &mut self.drifting.release else { return Vec::new() };
        let mut found = release.files.look(&dir, &programs);
        if self.down.is_none() {
            match ProcessTable::read() {
                Ok(table) => {
                    found.extend(self.drifting.processes.look(&table, &watched, &dir, &release.manifest));
                    let (all, port) = (self.hands.releases().all(), known.plan.target.port());
                    found.extend(self.drifting.extra.look(&table, &watched, all, port));
                }
                Err(error) => found.push(unlisted(&error)),
            }
        }
        found
    }

    /// Answers each difference by its rule.
    fn answered(&mut self, rules: &DriftRules, found: &[Found], now: Moment) -> Vec<DriftFinding> {
        self.note_known(found, now);
        let mut layer = None;
        let mut restarts = BTreeSet::new();
        let mut findings = Vec::new();
        for one in found {
            let (mut one, key) = (one.clone(), (one.what, one.name.clone()));
            let Some(known) = self.drifting.known.get(&key).cloned() else { continue };
            let times = self.drifting.corrected.get(&one.counted());
            let before = times.map_or(0, |times| times.iter().filter(|at| **at != now).count());
            let done = match (rule_of(rules, one.what), &one.mend) {
                (Response::Freeze, _) => DriftDone::Frozen,
                (Response::Alert, _) | (Response::Correct, Mend::None) => DriftDone::Alerted,
                // It was not tried, so it does not count.
                (Response::Correct, Mend::File(_)) if self.missing_layer().is_some() => {
                    one.found = text(&format!("{WITHOUT_LAYER}; found {}", one.found));
                    DriftDone::Failed
                }
                (Response::Correct, _) if before >= CORRECTED_MAX => DriftDone::GivenUp,
                (Response::Correct, mend) => {
                    let times = self.drifting.corrected.entry(one.counted()).or_default();
                    if times.last() != Some(&now) {
                        times.push(now);
                    }
                    if let Some(known) = self.drifting.known.get_mut(&key) {
                        known.corrected = Some(now);
                    }
                    match self.put_right(mend, &mut layer, &mut restarts) {
                        Ok(()) => DriftDone::Corrected,
                        Err(error) => {
                            warn!("{} {} cannot be put back: {error}", one.what.as_str(), one.name);
                            DriftDone::Failed
                        }
                    }
                }
            };
            let Found { what, name, declared, found, .. } = one;
            findings.push(DriftFinding {
                what,
                name,
                declared,
                found,
                since: known.since,
                by: known.by,
                done,
            });
        }
        self.restart(&restarts);
        findings
    }

    /// Notes since when each difference is there, and forgets those that are over for a while.
    fn note_known(&mut self, found: &[Found], now: Moment) {
        let there: BTreeSet<_> = found.iter().map(|one| (one.what, one.name.clone())).collect();
        let fresh = |at: &Moment| *at <= now && now < at.later_by(CORRECTED_WITHIN);
        for (key, known) in &mut self.drifting.known {
            known.corrected = known.corrected.filter(fresh);
            known.is_there = there.contains(key);
        }
        self.drifting.known.retain(|_, known| known.is_there || known.corrected.is_some());
        self.drifting.corrected.retain(|_, times| {
            times.retain(fresh);
            !times.is_empty()
        });
        let is_of_files = |key: &&(Drifted, String)| [Drifted::File, Drifted::Binary].contains(&key.0);
        let is_new = |key: &&(Drifted, String)| !self.drifting.known.contains_key(*key);
        let log = if there.iter().filter(is_of_files).any(|key| is_new(&key)) {
            host::audit_log()
        } else {
            String::new()
        };
        let dir = self.memory.running.as_ref().map(|known| self.hands.releases().path(&known.artifact));
        for key in there {
            let file = dir.as_ref().filter(|_| is_of_files(&&key)).map(|dir| dir.join(&key.1));
            let author = || audit::author_of(&log, file.as_ref()?.to_str()?);
            self.drifting.known.entry(key).or_insert_with(|| {
                let by = text(&author().unwrap_or_else(|| UNKNOWN.to_owned()));
                Known { since: now, by, corrected: None, is_there: true }
            });
        }
    }

    /// Puts one difference back. Processes start again afterwards, all at once.
    fn put_right(
        &self,
        mend: &Mend,
        layer: &mut Option<LayerFiles>,
        restarts: &mut BTreeSet<u32>,
    ) -> std::io::Result<()> {
        match mend {
            Mend::None => Ok(()),
            Mend::Restart(keeper, _) => {
                restarts.insert(*keeper);
                Ok(())
            }
            Mend::End(pid, group) => extra::end(*pid, group),
            Mend::Setting(name, value) => host::set(name, value),
            Mend::File(path) => {
                let known = self.memory.running.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
                if layer.is_none() {
                    *layer = self.hands.releases().layer(&known.artifact, &known.layer);
                }
                let Some(files) = layer.as_ref() else {
                    self.hands.releases().forget_layer(&known.artifact);
                    return Err(std::io::Error::other(
                        "the kept layer is damaged; the agent asks the server for it again",
                    ));
                };
                super::restore::put_back(&self.hands.releases().path(&known.artifact), path, files)
            }
        }
    }

    /// Starts processes again that do not have what they were given.
    fn restart(&mut self, keepers: &BTreeSet<u32>) {
        let Some(known) = self.memory.running.clone().filter(|_| !keepers.is_empty()) else { return };
        warn!("the service is started again, so that it has what its release gives it");
        if self.hands.services.renew(keepers) {
            return;
        }
        match self.hands.run(&known) {
            Ok(()) => self.restarts.started((self.now)()),
            Err(fault) => self.fell(&fault.what),
        }
    }

    /// Observes drift when it begins, changes and is over; whether it did.
    fn observe_drift(&mut self, findings: Vec<DriftFinding>, now: Moment) -> Result<bool, DeployError> {
        let more = findings.len().saturating_sub(FINDINGS_MAX) as u64;
        let findings = named(findings);
        let running: Option<&KnownRelease> = self.memory.running.as_ref();
        let seen = DriftSeen {
            release: running.and_then(|known| known.release),
            artifact: running.map(|known| known.artifact),
            findings,
            more,
        };
        // It counts at once, even if the server hears of it a little later.
        self.drifting.seen = seen.clone();
        // An agent that starts has observed nothing yet, and the server still knows what the one before observed.
        let is_over = seen.findings.is_empty() && self.memory.drifts;
        let is_same = seen.findings == self.drifting.last.findings && more == self.drifting.last.more;
        if (is_same && !is_over) || self.drifting.observed.is_held(now) {
            return Ok(false);
        }
        for finding in &seen.findings {
            if !self.drifting.last.findings.contains(finding) {
                warn!("drift: {finding}");
            }
        }
        if seen.findings.is_empty() {
            info!("the drift is over");
        }
        self.observe(seen.clone())?;
        self.drifting.last = seen;
        self.drifting.observed.note(now);
        Ok(true)
    }
}

/// As many findings as an observation names. Those that hold releases are among them, however many others there are.
fn named(mut findings: Vec<DriftFinding>) -> Vec<DriftFinding> {
    findings.sort_by_key(|finding| finding.done != DriftDone::Frozen);
    findings.truncate(FINDINGS_MAX);
    findings.sort_by(|a, b| (a.what, &a.name).cmp(&(b.what, &b.name)));
    findings
}

const fn rule_of(rules: &DriftRules, what: Drifted) -> Response {
    match what {
        Drifted::File | Drifted::Binary => rules.files,
        Drifted::Variable => rules.variables,
        Drifted::Process | Drifted::Listener => rules.processes,
        Drifted::Limit => rules.limits,
        Drifted::Setting
        | Drifted::Package
        | Drifted::Firewall
        | Drifted::TimeSync
        | Drifted::Port
        | Drifted::Result => rules.settings,
    }
}

const UNKNOWN: &str = "unknown";
const WITHOUT_LAYER: &str = "cannot be put back, because the release's layer is missing on this host";
/// How often the same thing is put back within this time; after that people are told.
const CORRECTED_MAX: usize = 3;
const CORRECTED_WITHIN: Duration = Duration::from_mins(10);
/// Pause between two observations of a baseline that does not change.
const MEASURED_AGAIN: Duration = Duration::from_mins(5);
