//! The agent's decisions about due work: everything is proven under its own pin and its own numbers.

use std::time::Duration;

use domain::gate::GateOutcome;
use evidence::bundle::Bundle;
use evidence::configuration_order::ConfigurationOrder;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::oci::Manifest;
use evidence::rollback_order::RollbackOrder;
use evidence::seal::SealKey;
use evidence::secrets_order::SecretsOrder;
use evidence::status::{Status, StatusFile};
use evidence::{Bytes, Digest, Moment, Name};
use judge::{
    Anchors, Checked, CheckedConfiguration, CheckedRollback, CheckedSecrets, FreshCheckpoint, Judgement,
    PinnedCheckpoint, Reasons, VerificationContext, check, check_configuration, check_rollback,
    check_secrets, judge_checked, newest_root, turn_before,
};

use crate::error::DeployError;
use crate::memory::{KnownRelease, Memory};
use crate::rules::KnownRules;
use crate::secrets::{HeldSecrets, chosen, places, versions};

/// A decision of the agent.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The release to run; `None` if the work is refused.
    pub apply: Option<KnownRelease>,
    /// The secrets with which it runs.
    pub secrets: HeldSecrets,
    /// The artifact that this rolls back for good.
    pub leaves: Option<Digest>,
    /// Codes of the reasons against, sorted.
    pub reasons: Vec<String>,
    /// The reasons as texts, for the agent's own log.
    pub words: Vec<String>,
    /// Whether only the time is against it, and that is over within `SOON`.
    pub is_early: bool,
    /// Whether the policy demands that the agent has measured its host.
    pub measures: bool,
    /// The agent of the place that has to run the release before this one does.
    pub after: Option<Name>,
}

impl Memory {
    /// The verification context of this agent.
    #[must_use]
    pub fn context(&self, now: Moment) -> (Anchors, VerificationContext) {
        let anchors = Anchors { version: self.root_version, digest: self.root, rehearsal: self.rehearsal };
        let seen = VerificationContext {
            now: Some(self.latest(now)),
            clock: Some(now),
            fresh: None,
            root: self.seen_root,
            status: self.seen_status,
            newer: self.status.iter().chain(&self.unread).chain(&self.aside).cloned().collect(),
            statement: self.seen_statement,
            release: self.seen_release,
            running: Some(self.running.as_ref().map(KnownRelease::running)),
            bars: self.bars(),
            ledger: None,
        };
        (anchors, seen)
    }

    /// The current time, or the latest witnessed one if that is later: a clock that was set back revives no expired statement.
    pub(crate) fn latest(&self, now: Moment) -> Moment {
        now.max(self.seen_time)
    }

    /// Notes a status that a signer signed and that cannot be read, so that it holds although the server shows an older
    /// one later. The roots prove who may sign.
    pub fn meet(&mut self, roots: &[Envelope], given: &[Option<&StatusFile>]) {
        let (anchors, seen) = self.context(self.seen_time);
        let Ok(root) = newest_root(roots, &anchors, &seen) else { return };
        for file in given.iter().copied().flatten() {
            if file.is_unread_after(self.unread.as_ref(), self.seen_status, &root) {
                self.unread = Some(file.clone());
            }
        }
    }

    /// Judges a release under the newest known status, and stores the numbers of authentic statements. Where the place has
    /// windows, the time of the newer checkpoint in `fresh` counts.
    pub fn judge_release(
        &mut self,
        bundle: &Bundle,
        proof: &[Bytes],
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Decision {
        let fresh = self.fresh.clone();
        let before = self.newest_before(bundle.release, &bundle.artifact());
        let (checked, judgement) =
            match self.judged(bundle, proof, (before, false), fresh.as_ref(), by_hand, now) {
                Ok(judged) => judged,
                Err(decision) => return *decision,
            };
        self.checkpoint = checked.ledger.proven.checkpoint.to_string();
        self.sees(&checked, bundle, by_hand);
        let after = turn_before(&checked, &self.agent, &self.ahead, self.newer.as_ref()).cloned();
        // A release that others have already waits for its time here, too.
        let is_later = self.is_later(&checked) && judgement.is_only_untimely();
        let early = is_later || is_early(&checked, &judgement);
        let reads = &checked.lanes.observed.reads;
        let measures = reads.iter().any(|read| read.kind.is_of_itself() && read.hours.is_some());
        Decision { measures, after, ..decided(bundle, &judgement, early) }
    }

    /// Whether others of the place's agents have a release before this one.
    fn is_later(&self, checked: &Checked<'_>) -> bool {
        checked.trust.environment.agents.first().is_some_and(|first| first.name != self.agent)
    }

    /// Judges again, under the newest known status and the time of a newer checkpoint, whether a release that this agent has
    /// begun may go a step further. `proof` is between the agent's checkpoint and that of the evidence, whichever is older.
    pub fn judge_widening(
        &mut self,
        bundle: &Bundle,
        proof: &[Bytes],
        fresh: Option<&FreshCheckpoint>,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Decision {
        // A newer release that was seen meanwhile ends this one.
        let before = if self.seen_release > bundle.release { self.seen_release } else { bundle.release - 1 };
        let (checked, judgement) = match self.judged(bundle, proof, (before, true), fresh, by_hand, now) {
            Ok(judged) => judged,
            Err(decision) => return *decision,
        };
        self.sees(&checked, bundle, by_hand);
        let early = is_early(&checked, &judgement);
        decided(bundle, &judgement, early)
    }

    /// Proves and judges a bundle. `before` is the highest number of a release before it, and whether the ledger may have been
    /// seen with more entries than it has there.
    fn judged<'a>(
        &mut self,
        bundle: &'a Bundle,
        proof: &[Bytes],
        (before, may_be_older): (u64, bool),
        fresh: Option<&FreshCheckpoint>,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Result<(Checked<'a>, Judgement), Box<Decision>> {
        if self.place != bundle.place() {
            return Err(refused("other-place", "the release is for another place").into());
        }
        if let Some(what) = self.leaps(bundle.release) {
            return Err(refused("number-unbelievable", &what).into());
        }
        let Ok(checkpoint) = self.checkpoint.parse() else {
            return Err(refused(
                "memory-damaged",
                "this agent's memory is damaged, so it does not know which numbers it has seen; let it join anew with `countersign agent join`",
            )
            .into());
        };
        self.meet(&bundle.roots, &[Some(&bundle.status), by_hand]);
        let (anchors, mut seen) = self.context(now);
        (seen.release, seen.fresh) = (before, fresh.cloned());
        seen.newer.extend(by_hand.cloned());
        if self.running.is_none() && names_several(bundle) {
            // It came later than others, or lost what it ran: the signed report of another agent says what the place runs.
            seen.running = None;
        }
        seen.ledger = Some(PinnedCheckpoint { checkpoint, proof: proof.to_vec(), may_be_older });
        let checked = check(bundle, &anchors, &seen).map_err(|reasons| Box::new(refused_for(reasons)))?;
        if let Some(decision) = self.elsewhere(&checked) {
            return Err(decision.into());
        }
        let judgement = judge_checked(&checked);
        Ok((checked, judgement))
    }

    /// Refuses a preview at a place that stays, a place that stays at a preview, and a preview of an older template.
    fn elsewhere(&self, checked: &Checked<'_>) -> Option<Decision> {
        let made = checked.trust.environment.preview.as_ref();
        let fits = match (made, &self.preview) {
            (None, None) => true,
            (Some(made), Some(own)) => made.template == own.template && made.number >= own.least,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let what = "this agent keeps no preview here that the template in force makes";
        (!fits).then(|| refused("preview-elsewhere", what))
    }

    /// Stores the numbers of authentic statements, the status in force and the witnessed time.
    fn sees(&mut self, checked: &Checked<'_>, bundle: &Bundle, by_hand: Option<&StatusFile>) {
        self.seen_time = self.seen_time.max(checked.windows.witnessed);
        let unread = self.unread.clone();
        let in_force = [Some(&bundle.status), by_hand, unread.as_ref()].into_iter().flatten();
        let is_in_force = |file: &&StatusFile| {
            file.open(&checked.trust.root).is_ok_and(|opened| opened.status == checked.trust.status)
        };
        if let Some(file) = in_force.into_iter().find(is_in_force) {
            self.status = Some(file.clone());
        }
        self.seen_root = self.seen_root.max(checked.trust.root.version);
        self.seen_status = self.seen_status.max(checked.trust.status.number);
        let number = checked.trust.environment.number;
        if number >= self.seen_statement {
            self.declared = KnownRules::of(bundle);
        }
        self.seen_statement = self.seen_statement.max(number);
        self.shared = checked.trust.environment.agents.len() > 1;
        // A newer program can read it, or a newer status was read.
        self.unread = unread.filter(|file| file.is_unread_after(None, self.seen_status, &checked.trust.root));
    }

    /// Notes the number of the status in force, and stores the shown one if it is that one: a later judgement needs it, when no
    /// server shows it.
    pub(crate) fn takes_status(&mut self, shown: &StatusFile, in_force: u64) {
        let number = |file: &StatusFile| {
            Status::read(file.tightening.as_ref().unwrap_or(&file.base)).map_or(0, |read| read.number)
        };
        let is_newer = self.status.as_ref().is_none_or(|stored| number(stored) < in_force);
        if is_newer && number(shown) == in_force {
            self.status = Some(shown.clone());
        }
        self.seen_status = self.seen_status.max(in_force);
    }

    /// Judges a rollback: the target must be a release that this agent has verified and run.
    pub fn judge_return(
        &mut self,
        order: &RollbackOrder,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Decision {
        self.meet(&order.roots, &[Some(&order.status), by_hand]);
        let checked = match self.check_rollback(order, by_hand, now) {
            Ok(checked) => checked,
            Err(decision) => return *decision,
        };
        self.seen_root = self.seen_root.max(checked.root.version);
        self.takes_status(&order.status, checked.status);
        let known = self.known().find(|known| known.artifact == order.artifact).cloned();
        let Some(known) = known else {
            return refused("never-run", "this agent has not run that artifact before");
        };
        // One request is carried out once, however often the server sends it.
        if !self.uses(order, checked.until, self.latest(now)) {
            return refused("return-used", "this request was carried out before");
        }
        let leaves = checked.from.filter(|_| checked.bars);
        Decision { leaves, ..Decision::to_run(known) }
    }

    /// The versions in an order that count here, and why others do not.
    ///
    /// # Errors
    /// The refusal of the whole order.
    pub fn judge_secrets(
        &mut self,
        order: &SecretsOrder,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Result<CheckedSecrets, Box<Decision>> {
        if self.place != order.place || self.installation != order.installation {
            return Err(refused("other-place", "the secrets are of another place").into());
        }
        self.meet(&order.roots, &[Some(&order.status), by_hand]);
        let (anchors, mut seen) = self.context(now);
        seen.newer.extend(by_hand.cloned());
        let checked = check_secrets(order, &anchors, &seen, self.latest(now));
        let checked = checked.map_err(|reasons| Box::new(refused_for(reasons)))?;
        self.seen_root = self.seen_root.max(checked.root);
        self.takes_status(&order.status, checked.status);
        Ok(checked)
    }

    /// The configuration in an order that counts here.
    ///
    /// # Errors
    /// The refusal of the order.
    pub fn judge_configuration(
        &self,
        order: &ConfigurationOrder,
        now: Moment,
    ) -> Result<CheckedConfiguration, Box<Decision>> {
        if self.place != order.place || self.installation != order.installation {
            return Err(refused("other-place", "the configuration is of another place").into());
        }
        let (anchors, seen) = self.context(now);
        check_configuration(order, &anchors, &seen).map_err(|reasons| Box::new(refused_for(reasons)))
    }

    /// Whether an order stops the probe of this artifact's release: the order is genuine, and goes back from that release or
    /// from the running release, which the new one would replace.
    #[must_use]
    pub fn is_stopped_by(&self, order: &RollbackOrder, artifact: &Digest, now: Moment) -> bool {
        let running = self.running.as_ref().map(|running| running.artifact);
        let checked = self.check_rollback(order, None, now);
        checked.is_ok_and(|checked| checked.from == Some(*artifact) || checked.from == running)
    }

    /// Checks that an order is genuine, for this place, and has an allowed number.
    fn check_rollback(
        &self,
        order: &RollbackOrder,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Result<CheckedRollback, Box<Decision>> {
        if self.place != order.place() {
            return Err(refused("other-place", "the return is for another place").into());
        }
        if let Some(what) = self.leaps(order.release) {
            return Err(refused("number-unbelievable", &what).into());
        }
        let (anchors, mut seen) = self.context(now);
        seen.release = self.newest_before(order.release, &order.artifact);
        seen.newer.extend(by_hand.cloned());
        check_rollback(order, &anchors, &seen, self.latest(now))
            .map_err(|reasons| Box::new(refused_for(reasons)))
    }
}

impl Decision {
    /// The decision to run a release that this agent knows.
    #[must_use]
    pub const fn to_run(known: KnownRelease) -> Self {
        Self {
            apply: Some(known),
            secrets: HeldSecrets::new(),
            leaves: None,
            reasons: Vec::new(),
            words: Vec::new(),
            is_early: false,
            measures: false,
            after: None,
        }
    }

    /// The same, unless it is the turn of another agent, or only the time is against it and that is over soon: then the release
    /// stays due.
    ///
    /// # Errors
    /// `DeployError` with the reason, if it comes early or out of turn.
    pub fn in_time(self) -> Result<Self, DeployError> {
        if let Some(agent) = self.after {
            let what =
                format!("agent {agent} comes before this one, and has not signed that the release runs");
            return Err(DeployError::OutOfTurn(what));
        }
        if self.is_early { Err(DeployError::Early(self.words.join("; "))) } else { Ok(self) }
    }

    /// The same with the secrets of the plan: the newest versions of a bundle or the stores that it names, else what is held. A
    /// secret that this agent refuses refuses all.
    #[must_use]
    pub fn with_secrets(self, verified: Option<&Bundle>, held: &HeldSecrets, own: Option<&SealKey>) -> Self {
        let Some(known) = &self.apply else { return self };
        let (versions, places) = (verified.map(versions), verified.map(places));
        let verified = (versions.as_deref().unwrap_or_default(), &places.unwrap_or_default());
        match chosen(&known.plan.needs(), verified, held, own) {
            Ok(secrets) => Self { secrets, ..self },
            Err(fault) => refused(fault.code, &fault.what),
        }
    }
}

/// The decision of a judgement.
fn decided(bundle: &Bundle, judgement: &Judgement, is_early: bool) -> Decision {
    let layer = Manifest::decode(&bundle.manifest.0).ok();
    let layer = layer.and_then(|manifest| manifest.layers.first().map(|layer| layer.digest));
    let known = layer.map(|layer| KnownRelease {
        artifact: bundle.artifact(),
        layer,
        commit: bundle.source.commit.clone(),
        plan: bundle.plan.clone(),
        release: Some(bundle.release),
        evidence: None,
    });
    let passed = judgement.outcome == GateOutcome::Pass;
    // A refusal names its reasons alone, which its report keeps.
    let against = judgement.reasons.iter().chain(&judgement.unclear);
    let words = against.map(|reason| format!("{}: {}", reason.code, reason.what));
    let warned = judgement.warnings.iter();
    let warned = warned.map(|warning| format!("warning: {}: {}", warning.code, warning.what));
    Decision {
        apply: known.filter(|_| passed),
        secrets: HeldSecrets::new(),
        leaves: None,
        reasons: judgement.codes(),
        words: if passed { warned.collect() } else { words.collect() },
        is_early,
        measures: false,
        after: None,
    }
}

/// Whether the environment statement of a bundle names several agents. The judge verifies it.
fn names_several(bundle: &Bundle) -> bool {
    let here = bundle.environments.last().and_then(|statement| Environment::read(statement).ok());
    here.is_some_and(|here| here.agents.len() > 1)
}

/// Whether only closed windows are against a release, and they open within `SOON`: clocks differ by as much.
fn is_early(checked: &Checked<'_>, judgement: &Judgement) -> bool {
    judgement.codes() == ["window-closed"] && checked.windows.is_open_within(SOON)
}

/// How long an agent waits for windows to open before it refuses a release that came early.
const SOON: Duration = Duration::from_mins(1);

/// A refusal for one reason.
pub fn refused(code: &str, what: &str) -> Decision {
    Decision {
        apply: None,
        secrets: HeldSecrets::new(),
        leaves: None,
        reasons: vec![code.to_owned()],
        words: vec![format!("{code}: {what}")],
        is_early: false,
        measures: false,
        after: None,
    }
}

/// A refusal for every reason, also for those why nothing can be decided.
fn refused_for(reasons: Reasons) -> Decision {
    let all: Vec<_> = reasons.against.into_iter().chain(reasons.unclear).collect();
    Decision {
        apply: None,
        secrets: HeldSecrets::new(),
        leaves: None,
        reasons: codes(all.iter().map(|reason| reason.code.clone())),
        words: all.iter().map(|reason| format!("{}: {}", reason.code, reason.what)).collect(),
        is_early: false,
        measures: false,
        after: None,
    }
}

fn codes(found: impl Iterator<Item = String>) -> Vec<String> {
    let mut codes: Vec<_> = found.collect();
    codes.sort();
    codes.dedup();
    codes
}
