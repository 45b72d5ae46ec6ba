//! Rotation: a newer version of a secret takes the place of the one that a service runs with, without a release.
//!
//! Invariant: a version is verified under this agent's own root and memory, a grant lets the service have it, and its number is
//! higher than every one that was used. If the service does not run with it, it runs on with the one that it had, and that
//! version is not tried again. With a version that the newest known status withdraws, nothing runs.

use evidence::secrets_order::SecretsOrder;
use evidence::statements::SecretVersion;
use judge::{CheckedSecrets, CountedVersion, RefusedVersion};
use tracing::{info, warn};

use crate::apply::ENDING;
use crate::deployer::Deployer;
use crate::error::DeployError;
use crate::probe::INTERRUPTED;
use crate::rotations::{UnusedVersion, UnusedVersions};
use crate::secrets::{HeldSecrets, RefusedSecret, named_by, taken, withdrawn};

impl Deployer {
    /// Whether the running release has secrets.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        self.memory.running.as_ref().is_some_and(|known| named_by(&known.plan).next().is_some())
    }

    /// The versions of an order that are newer than those that the running release has. Why others are refused is kept for
    /// people.
    ///
    /// # Errors
    /// `DeployError` when nothing can be said of it now.
    pub fn newer(&mut self, order: &SecretsOrder) -> Result<HeldSecrets, DeployError> {
        let by_hand = self.memory.take_files(&self.dir)?;
        let before = (self.memory.seen_root, self.memory.seen_status, self.memory.unread.clone());
        let checked = self.memory.judge_secrets(order, by_hand.as_ref(), (self.now)());
        let checked = match checked {
            Ok(checked) => checked,
            Err(decision) => {
                self.refuses(decision.words, UnusedVersions::new());
                return Ok(HeldSecrets::new());
            }
        };
        if before != (self.memory.seen_root, self.memory.seen_status, self.memory.unread.clone()) {
            self.memory.write(&self.dir)?;
        }
        self.mark(&checked)?;
        let told: Vec<_> = checked.refused.iter().filter(|refused| self.is_wanted(refused)).collect();
        let mut words: Vec<_> =
            told.iter().map(|refused| format!("{}: {}", refused.code, refused.what)).collect();
        let unused = |number, code| UnusedVersion { number, code, was_tried: false };
        let against = told.iter().filter_map(|refused| {
            refused.of.clone().map(|(name, number)| (name, unused(number, refused.code)))
        });
        let mut against: UnusedVersions = against.collect();
        let mut newer = HeldSecrets::new();
        for counted in &checked.versions {
            let SecretVersion { secret, number, .. } = &counted.version;
            match self.next(counted) {
                Some(Ok(held)) => drop(newer.insert(secret.clone(), held)),
                Some(Err(fault)) => {
                    against.insert(secret.clone(), unused(*number, fault.code));
                    words.push(format!("{}: {}", fault.code, fault.what));
                }
                None => {}
            }
        }
        self.refuses(words, against);
        Ok(newer)
    }

    /// Whether a version that does not count is one that the running release would get.
    fn is_wanted(&self, refused: &RefusedVersion) -> bool {
        let Some((name, number)) = &refused.of else { return true };
        let Some(known) = self.memory.running.as_ref() else { return false };
        let held = self.hands.secrets().get(name);
        named_by(&known.plan).any(|named| named == *name) && held.is_none_or(|held| held.number < *number)
    }

    /// Notes which of the versions that are held were withdrawn, before anything rests on it.
    fn mark(&mut self, checked: &CheckedSecrets) -> Result<(), DeployError> {
        let mut held = self.hands.secrets().clone();
        for (name, one) in &mut held {
            let is_it = |version: &SecretVersion| {
                version.secret == *name && version.number == one.number && version.value == one.value
            };
            let seen = checked.versions.iter().find(|counted| is_it(&counted.version));
            one.statement = one.statement.or(seen.map(|counted| counted.statement));
            one.withdrawn = one.statement.is_some_and(|statement| checked.withdrawn.contains(&statement));
        }
        if held != *self.hands.secrets() {
            self.hands.give(held.clone());
            self.memory.secrets = held;
            self.memory.write(&self.dir)?;
        }
        Ok(())
    }

    /// Stops a service that runs with a version that was withdrawn. It is started again with a newer one.
    pub fn end_withdrawn(&mut self) {
        let before = self.down.clone();
        let known = self.memory.running.as_ref().filter(|_| self.memory.rollout.is_some());
        if let Some(what) = known.and_then(|known| withdrawn(&known.plan, self.hands.secrets()))
            && let Err(error) = self.interrupt(&what)
        {
            warn!("{error}");
        }
        if self.is_withdrawn() && self.down != before {
            warn!("{}; the service is stopped", self.down.clone().unwrap_or_default());
            self.hands.stop();
        }
    }

    /// Whether the running release has a version that was withdrawn; that is why it does not run then.
    pub(crate) fn is_withdrawn(&mut self) -> bool {
        let known = self.memory.running.as_ref();
        let what = known.and_then(|known| withdrawn(&known.plan, self.hands.secrets()));
        let is_withdrawn = what.is_some();
        self.down = what.or_else(|| self.down.take());
        is_withdrawn
    }

    /// A version that the running release could have, if it is another one than it has.
    fn next(&self, counted: &CountedVersion) -> Option<Result<crate::secrets::HeldSecret, RefusedSecret>> {
        let version = &counted.version;
        let known = self.memory.running.as_ref()?;
        if !named_by(&known.plan).any(|name| name == version.secret) {
            return None;
        }
        let held = self.hands.secrets().get(&version.secret);
        // Its grant names a store, and only a release changes that.
        if held.is_some_and(|held| held.from.is_some()) {
            return None;
        }
        let is_used = held.is_some_and(|held| held.number == version.number && held.value == version.value);
        if is_used || self.rotations.failed.contains(&version.value) {
            return None;
        }
        Some(taken(counted, held, self.seal().as_ref()))
    }

    /// Keeps why versions are not used; each reason is logged once.
    fn refuses(&mut self, mut words: Vec<String>, against: UnusedVersions) {
        words.sort();
        let refused = (!words.is_empty()).then(|| words.join("; "));
        let failed = !self.rotations.failed.is_empty();
        if refused != self.rotations.refused && !(refused.is_none() && failed) {
            refused.iter().for_each(|what| warn!("a newer version of a secret is refused: {what}"));
            self.rotations.refused = refused;
            self.rotations.against = against;
        }
    }

    /// Starts the running release again with newer versions, whose values are here.
    ///
    /// # Errors
    /// `DeployError` when the memory cannot be written.
    pub fn rotate(&mut self, newer: &HeldSecrets) -> Result<(), DeployError> {
        let Some(known) = self.memory.running.clone() else { return Ok(()) };
        // They are taken once it has ended.
        if self.memory.rollout.is_some() {
            return Ok(());
        }
        let there = newer.iter().filter(|(_, held)| self.sealed.has(&held.value));
        let there: HeldSecrets = there.map(|(name, held)| (name.clone(), held.clone())).collect();
        if there.is_empty() {
            return Ok(());
        }
        let before = self.hands.secrets().clone();
        for (name, held) in &there {
            info!(
                "secret `{name}` has a newer version, {}; the service is started again with it",
                held.number
            );
        }
        self.hands
            .give(before.iter().chain(&there).map(|(name, held)| (name.clone(), held.clone())).collect());
        match self.hands.run(&known) {
            Ok(()) => {
                self.rotations.refused = None;
                self.rotations.against.clear();
                self.down = None;
                self.restarts.started((self.now)());
                self.memory.secrets = self.hands.secrets().clone();
                self.memory.write(&self.dir)?;
            }
            Err(fault) if [ENDING, INTERRUPTED].contains(&fault.code) => {
                self.hands.give(before);
                self.down = Some(fault.what);
            }
            Err(fault) => {
                let what =
                    format!("{}: {}; the service runs on with the version before", fault.code, fault.what);
                warn!("the service does not run with the newer version of a secret: {what}");
                self.rotations.failed.extend(there.values().map(|held| held.value));
                self.rotations.refused = Some(what);
                let unused = |number| UnusedVersion { number, code: fault.code, was_tried: true };
                self.rotations.against =
                    there.iter().map(|(name, held)| (name.clone(), unused(held.number))).collect();
                self.hands.give(before);
                self.resume();
            }
        }
        Ok(())
    }
}
