//! The deployer: judges a due release or rollback, applies it, stores it in the memory, and signs the report.
//!
//! Invariant: nothing is applied whose evidence was not proven under this agent's own memory, and nothing changes before
//! the change is stored. The deployer uses neither network nor clock itself: the caller passes bytes, and `now`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::oci::{Descriptor, Manifest};
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::rollback_order::RollbackOrder;
use evidence::seal::SealKey;
use evidence::status::StatusFile;
use evidence::{Digest, Moment, Name};
use tracing::{info, warn};

use crate::apply::{Applied, Hands, Replaced, Services};
use crate::decision::{Decision, refused};
use crate::drift::{Declared, Drifting};
use crate::error::DeployError;
use crate::memory::{Begun, KnownRelease, Memory};

use crate::outbox::Outbox;
use crate::past_evidence::PastEvidence;
use crate::preview_memory::PreviewMemory;
use crate::restarts::Restarts;
use crate::rolled::Rolling;
use crate::rolled_bundle;
use crate::rotations::Rotations;
use crate::rules::NewestKnown;
use crate::sealed_values::SealedValues;
use crate::secrets::{HeldSecret, needed_by, own_seal, versions};
use crate::variables::reserved;

/// An agent's memory, key and resources.
#[derive(Debug)]
pub struct Deployer {
    pub(crate) dir: PathBuf,
    pub(crate) memory: Memory,
    pub(crate) hands: Hands,
    pub(crate) signer: MachineSigner,
    pub(crate) now: fn() -> Moment,
    /// Why the current release does not run; it is started again by the next check.
    pub(crate) down: Option<String>,
    pub(crate) restarts: Restarts,
    /// The sealed values of its secrets.
    pub(crate) sealed: SealedValues,
    /// Rotations that did not succeed.
    pub(crate) rotations: Rotations,
    /// Measurements of the rollout in force.
    pub(crate) rolling: Rolling,
    /// The order of a person that is carried out now, and the report before it.
    pub(crate) order: Option<Box<(RollbackOrder, Option<Envelope>)>>,
    /// All that is known of drift.
    pub(crate) drifting: Drifting,
    /// The evidence of releases that it can go back to.
    pub(crate) past: PastEvidence,
    /// The newest rules of the place.
    pub(crate) rules: NewestKnown,
}

/// The requested release, as far as a report names it.
#[derive(Clone, Copy, Debug)]
pub struct RequestedRelease {
    /// Number of the release.
    pub release: u64,
    /// Its artifact.
    pub artifact: Digest,
    /// Its plan.
    pub plan: Digest,
}

/// The bytes of a release's layer.
#[derive(Clone, Debug)]
pub enum Layer {
    /// The bytes, unverified.
    Bytes(Vec<u8>),
    /// The server was asked and does not have them.
    Lacking,
    /// They were not requested, because the release may not be applied.
    Unasked,
}

impl Deployer {
    /// A deployer for an agent's directory; remains of a crash are removed.
    ///
    /// # Errors
    /// `DeployError` when the directory cannot be used.
    pub fn new(
        dir: PathBuf,
        memory: Memory,
        signer: MachineSigner,
        services: Box<dyn Services>,
        now: fn() -> Moment,
    ) -> Result<Self, DeployError> {
        Self::with_releases_in(&dir.clone(), dir, memory, signer, services, now)
    }

    /// The same, with releases in another directory than the agent's own one.
    ///
    /// # Errors
    /// `DeployError` when one of them cannot be used.
    pub fn with_releases_in(
        releases: &Path,
        dir: PathBuf,
        memory: Memory,
        signer: MachineSigner,
        services: Box<dyn Services>,
        now: fn() -> Moment,
    ) -> Result<Self, DeployError> {
        let mut hands = Hands::new(releases, services)?;
        hands.give(memory.secrets.clone());
        let declared = Declared::read(&dir);
        let mut deployer = Self {
            drifting: Drifting::of(declared),
            sealed: SealedValues::of(&dir),
            past: PastEvidence::of(&dir),
            rules: NewestKnown::read(&dir),
            dir,
            memory,
            hands,
            signer,
            now,
            down: None,
            restarts: Restarts::default(),
            rotations: Rotations::default(),
            rolling: Rolling::default(),
            order: None,
        };
        deployer.memory.adopt(&Outbox::of(&deployer.dir))?;
        deployer.clear_away();
        Ok(deployer)
    }

    /// Removes releases that are not needed any more, with their secrets and their evidence. The running one, possible rollback
    /// targets, those that a retreat brings back, and a begun one are kept.
    fn clear_away(&self) {
        let memory = &self.memory;
        let undone = memory.undo.iter().flat_map(|undo| undo.known());
        let rolled = memory.rollout.as_ref().map(|rollout| &rollout.new);
        let kept: Vec<&KnownRelease> = memory.known().chain(undone).chain(rolled).collect();
        let begun = memory.begun.as_ref().map(|begun| begun.artifact);
        let needed: Vec<Digest> = kept.iter().map(|known| known.artifact).chain(begun).collect();
        if let Err(error) = self.hands.releases().keep(&needed) {
            warn!("releases that are not needed any more could not be removed: {error}");
        }
        let named: BTreeSet<Name> = kept.iter().flat_map(|known| needed_by(&known.plan)).collect();
        let held = memory.secrets.iter().filter(|(name, _)| named.contains(name));
        if let Err(error) = self.sealed.keep_only(&held.map(|(_, held)| held.value).collect()) {
            warn!("sealed values that are not needed any more could not be removed: {error}");
        }
        let evidence = kept.iter().filter_map(|known| known.evidence).collect();
        if let Err(error) = self.past.keep_only(&evidence) {
            warn!("evidence that is not needed any more could not be removed: {error}");
        }
    }

    /// The agent's memory.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Notes what changed about the preview that it keeps.
    ///
    /// # Errors
    /// `DeployError` when the memory cannot be written.
    pub(crate) fn previews(&mut self, now: PreviewMemory) -> Result<(), DeployError> {
        self.memory.preview = Some(now);
        Ok(self.memory.write(&self.dir)?)
    }

    /// Public half of the agent's seal key. It is read again each time, because people may make one while the agent runs.
    pub(crate) fn seal(&self) -> Option<SealKey> {
        own_seal(&self.dir)
    }

    /// Stops the running process.
    pub fn stop(&mut self) {
        self.hands.stop();
        self.hands.close();
    }

    /// Refuses evidence that cannot be decoded.
    ///
    /// # Errors
    /// `DeployError` when the refusal cannot be kept.
    pub fn unread(&mut self, asked: &RequestedRelease, what: &str) -> Result<Envelope, DeployError> {
        if let Some(report) = self.settled(asked.release, &asked.artifact)? {
            return Ok(report);
        }
        self.carry_out(asked, refused("bundle-unsound", what))
    }

    /// The stored report of a release that was reported before. A ledger that was restored from a backup may use a number
    /// again for another artifact.
    #[must_use]
    pub fn reported(&self, release: u64, artifact: &Digest) -> Option<Envelope> {
        let (number, report) = self.memory.report.as_ref()?;
        let same =
            *number == release && AgentReport::read(report).is_ok_and(|said| said.artifact == *artifact);
        same.then(|| report.clone())
    }

    /// The stored report of a release. A rollout ends between two questions about it, so both are one: a release that is neither
    /// under way nor reported was never begun.
    ///
    /// # Errors
    /// `DeployError::UnderWay` while it is rolled out.
    pub fn settled(&self, release: u64, artifact: &Digest) -> Result<Option<Envelope>, DeployError> {
        match self.reported(release, artifact) {
            None if self.is_under_way(release, artifact) => Err(DeployError::UnderWay(release)),
            report => Ok(report),
        }
    }

    /// The layer that a release needs, if the release may be applied now. Nothing is stored.
    ///
    /// # Errors
    /// `DeployError` when nothing can be said of it now: it stays due.
    pub fn wants(
        &self,
        bundle: &Bundle,
        proof: &[evidence::Bytes],
    ) -> Result<Option<Descriptor>, DeployError> {
        let mut memory = self.memory.clone();
        let by_hand = memory.take_files(&self.dir)?;
        let decision = memory.judge_release(bundle, proof, by_hand.as_ref(), (self.now)()).in_time()?;
        let manifest = decision.apply.and_then(|_| Manifest::decode(&bundle.manifest.0).ok());
        Ok(manifest.and_then(|manifest| manifest.layers.into_iter().next()))
    }

    /// Sealed values that a release needs and that are not here yet, by the names in its plan.
    #[must_use]
    pub fn wants_sealed(&self, bundle: &Bundle) -> BTreeSet<Digest> {
        let names: BTreeSet<Name> = needed_by(&bundle.plan).collect();
        let versions = versions(bundle).into_iter().map(|counted| counted.version);
        let versions = versions.filter(|version| names.contains(&version.secret));
        versions.map(|version| version.value).filter(|value| !self.sealed.has(value)).collect()
    }

    /// Stores a sealed value that the server gave.
    ///
    /// # Errors
    /// `DeployError` when it cannot be written.
    pub fn keep_sealed(&self, value: &Digest, bytes: &[u8]) -> Result<(), DeployError> {
        self.sealed.keep(value, bytes)
    }

    /// Judges a release with the bytes of its layer, and applies it if allowed; returns the signed report.
    ///
    /// # Errors
    /// `DeployError` when nothing can be said of it now: it stays due.
    pub fn release(
        &mut self,
        bundle: &Bundle,
        proof: &[evidence::Bytes],
        layer: &Layer,
    ) -> Result<Envelope, DeployError> {
        if let Some(report) = self.settled(bundle.release, &bundle.artifact())? {
            return Ok(report);
        }
        // One that cannot be read may hold a freeze: nothing is applied before it can.
        let by_hand = self.memory.take_files(&self.dir)?;
        let decision = self.memory.judge_release(bundle, proof, by_hand.as_ref(), (self.now)());
        let mut decision = decision.in_time()?;
        let declared = self.memory.declared.take();
        self.declares(declared);
        if decision.apply.is_some() {
            self.holds_for_drift()?;
        }
        if let Some(what) = self.differs_from_baseline(&decision)? {
            decision = refused("baseline-differs", &what);
        }
        if let Some(known) = &decision.apply {
            let unpacked = match layer {
                Layer::Bytes(bytes) => self.hands.releases().unpack(&known.artifact, &known.layer, bytes),
                // It was refused a moment ago.
                Layer::Unasked => return Err(DeployError::BytesNeeded),
                Layer::Lacking => {
                    decision = refused("artifact-differs", "the server does not have the artifact's bytes");
                    Ok(())
                }
            };
            match unpacked {
                Ok(()) => {}
                Err(error) if error.is_of_the_artifact() => {
                    decision = refused("artifact-differs", &error.to_string());
                }
                // A full disk says nothing about the artifact: the release stays due, and is tried again.
                Err(error) => return Err(error.into()),
            }
        }
        // The judge has proven the newest version of each secret.
        decision = decision.with_secrets(Some(bundle), &self.memory.secrets, self.seal().as_ref());
        let is_missing = |held: &HeldSecret| held.from.is_none() && !self.sealed.has(&held.value);
        if let Some((name, held)) = decision.secrets.iter().find(|(_, held)| is_missing(held)) {
            let what = format!("the server does not have version {} of secret `{name}`", held.number);
            decision = refused("secret-missing", &what);
        }
        let plan = bundle.plan.digest()?;
        let asked = RequestedRelease { release: bundle.release, artifact: bundle.artifact(), plan };
        if let Some(known) = &mut decision.apply {
            self.interrupt("something newer is due")?;
            known.evidence = Some(self.past.keep(bundle)?);
            if known.plan.rollout.is_some() {
                rolled_bundle::keep(&self.dir, bundle)?;
            }
        }
        self.carry_out(&asked, decision)
    }

    /// Keeps a status that came by another way than a release and that cannot be read, so that it holds from now on. The
    /// roots prove who may sign.
    ///
    /// # Errors
    /// `DeployError` when it cannot be kept.
    pub fn meet(&mut self, roots: &[Envelope], status: &StatusFile) -> Result<(), DeployError> {
        let before = self.memory.unread.clone();
        self.memory.meet(roots, &[Some(status)]);
        if self.memory.unread != before {
            warn!("{UNREAD}");
            self.memory.write(&self.dir)?;
        }
        Ok(())
    }

    /// Judges a rollback, and applies it if allowed; returns the signed report.
    ///
    /// # Errors
    /// `DeployError` when nothing can be said of it now: it stays due.
    pub fn rollback(&mut self, order: &RollbackOrder) -> Result<Envelope, DeployError> {
        if let Some(report) = self.reported(order.release, &order.artifact) {
            return Ok(report);
        }
        let by_hand = self.memory.take_files(&self.dir)?;
        if self.memory.clone().judge_return(order, by_hand.as_ref(), (self.now)()).apply.is_some() {
            self.interrupt("a rollback is due")?;
        }
        let before = self.memory.returned.clone();
        let decision = self.memory.judge_return(order, by_hand.as_ref(), (self.now)());
        if decision.apply.is_some() {
            self.rules.take_roots(&self.dir, &order.roots);
        }
        // A release that comes back ran here before, so its secrets are here.
        let decision = decision.with_secrets(None, &self.memory.secrets, self.seal().as_ref());
        let plan = decision.apply.as_ref().map(|known| known.plan.digest());
        let plan = plan.transpose()?.unwrap_or(order.artifact);
        let asked = RequestedRelease { release: order.release, artifact: order.artifact, plan };
        let done = self.carry_out_as(&asked, decision, true);
        if done.is_err() && self.memory.seen_release < order.release {
            // Nothing was begun, so the next attempt is the first one.
            self.memory.returned = before;
        }
        done
    }

    /// Whether exactly this release runs, so that nothing needs to be done.
    pub(crate) fn is_up(&mut self, known: &KnownRelease) -> bool {
        self.memory.running.as_ref() == Some(known) && self.down.is_none() && self.hands.ended().is_none()
    }

    fn carry_out(&mut self, asked: &RequestedRelease, decision: Decision) -> Result<Envelope, DeployError> {
        self.carry_out_as(asked, decision, false)
    }

    /// Applies or refuses, stores the result, and signs the report.
    pub(crate) fn carry_out_as(
        &mut self,
        asked: &RequestedRelease,
        mut decision: Decision,
        is_return: bool,
    ) -> Result<Envelope, DeployError> {
        // Only a new plan is refused: what runs was accepted before this was looked at.
        if let Some(name) = decision.apply.as_ref().and_then(|known| reserved(&known.plan)) {
            let what = format!(
                "the plan sets the variable `{name}`, which the agent sets; rename it in release.yaml"
            );
            decision = refused("variable-reserved", &what);
        }
        if decision.apply.is_some() {
            self.interrupt("something newer is due")?;
        }
        for words in &decision.words {
            match decision.apply {
                Some(_) => info!(release = asked.release, "release {}: {words}", asked.release),
                None => warn!(release = asked.release, "release {}: {words}", asked.release),
            }
        }
        let Applied { outcome, reasons, detail, .. } = match &decision.apply {
            None => Applied::refused(decision.reasons, decision.words.join("\n")),
            Some(new) => {
                self.begin(asked)?;
                if is_return && self.is_up(new) {
                    // The rolled-back release had not replaced the running one, so the running one is not stopped.
                    self.remember(new, asked, ReleaseOutcome::Running, is_return);
                    Applied::running()
                } else if !is_return && self.can_roll(new) {
                    return self.begin_rollout(asked, new, &decision.secrets);
                } else {
                    let old = self.memory.running.clone();
                    let is_up = old.as_ref().is_some_and(|old| self.is_up(old));
                    let steps_of = (!is_return).then_some(asked.release);
                    let secrets = &decision.secrets;
                    let replaced = Replaced { old: old.as_ref(), is_up, steps_of, secrets };
                    let applied = self.hands.apply(new, replaced)?;
                    self.memory.secrets = self.hands.secrets().clone();
                    self.remember(new, asked, applied.outcome, is_return);
                    if !applied.is_untouched {
                        self.down = None;
                        self.restarts = Restarts::default();
                        self.restarts.started((self.now)());
                    }
                    applied
                }
            }
        };
        let (reasons, detail) = match outcome {
            ReleaseOutcome::Running if is_return => self.reviewed(reasons, &detail),
            _ => (reasons, detail),
        };
        self.conclude(asked, outcome, reasons, &detail, decision.leaves)
    }

    /// Stores and signs the report of a release that has ended here.
    pub(crate) fn conclude(
        &mut self,
        asked: &RequestedRelease,
        outcome: ReleaseOutcome,
        mut reasons: Vec<String>,
        detail: &str,
        leaves: Option<Digest>,
    ) -> Result<Envelope, DeployError> {
        if let Some(left) = leaves.filter(|_| outcome == ReleaseOutcome::Running) {
            self.memory.leaves(&left);
        }
        let mut detail = detail.to_owned();
        if outcome == ReleaseOutcome::Returned {
            (reasons, detail) = self.reviewed(reasons, &detail);
        }
        reasons.sort();
        reasons.dedup();
        let report = self.report(asked, outcome, reasons, &detail);
        let signed = report.sign(&self.signer)?;
        self.memory.links(&signed);
        self.carried_out(&signed);
        self.memory.report = Some((asked.release, signed.clone()));
        self.memory.begun = None;
        self.memory.rollout = None;
        self.memory.write(&self.dir)?;
        rolled_bundle::remove(&self.dir);
        self.clear_away();
        Ok(signed)
    }

    /// Signs reports with another key from now on.
    pub fn sign_with(&mut self, signer: MachineSigner) {
        self.hands.sign_with(&signer);
        self.signer = signer;
    }

    /// Notes what is begun, before anything changes; begun again after a crash, it stays as it was noted.
    pub(crate) fn begin(&mut self, asked: &RequestedRelease) -> Result<(), DeployError> {
        let after = self.memory.newest_before(asked.release, &asked.artifact);
        self.memory.begun = Some(Begun { release: asked.release, artifact: asked.artifact, after });
        self.memory.seen_release = self.memory.seen_release.max(asked.release);
        Ok(self.memory.write(&self.dir)?)
    }

    fn remember(
        &mut self,
        new: &KnownRelease,
        asked: &RequestedRelease,
        outcome: ReleaseOutcome,
        is_return: bool,
    ) {
        let new = KnownRelease { release: Some(asked.release), ..new.clone() };
        match outcome {
            ReleaseOutcome::Running if is_return => self.memory.runs(&new),
            ReleaseOutcome::Running => self.memory.takes_in_turn(asked, &new),
            ReleaseOutcome::Failed => self.memory.running = None,
            ReleaseOutcome::Returned | ReleaseOutcome::Refused => {}
        }
    }
}

const UNREAD: &str = "a status signer signed a status that this program cannot read, so nothing is applied here; upgrade \
                      this agent, or have the status signers sign a newer status that it can read";
