//! The judgement of a release that comes back: by the evidence that this agent kept of it, and all that is newest on its disk.
//!
//! Invariant: a return has happened before this is asked, so nothing here can refuse or delay it; nothing of it needs the server. A
//! release that cannot be judged is due for review like one that fails.

use domain::gate::GateOutcome;
use domain::release::DUE_FOR_REVIEW;
use evidence::Digest;
use evidence::policy_files::PolicyFiles;
use judge::{Judgement, NOT_JUDGED, judge_again};
use tracing::warn;

use crate::deployer::Deployer;
use crate::memory::KnownRelease;
use crate::rules::KnownRules;
use crate::status_file::{read_aside, read_status};
use crate::unreadable::Unreadable;

impl Deployer {
    /// Codes and words of a return, with those of the judgement of what runs now.
    pub(crate) fn reviewed(&self, mut codes: Vec<String>, detail: &str) -> (Vec<String>, String) {
        let Some(known) = &self.memory.running else { return (codes, detail.to_owned()) };
        let (found, words) = match self.judged_again(known) {
            Ok(judgement) => {
                let all = judgement.reasons.iter().chain(&judgement.unclear);
                let words: Vec<_> = all.map(|reason| format!("{}: {}", reason.code, reason.what)).collect();
                (judgement_codes(&judgement), words.join("\n"))
            }
            Err(what) => (vec![NOT_JUDGED.to_owned()], format!("{NOT_JUDGED}: {what}")),
        };
        if found.is_empty() {
            return (codes, detail.to_owned());
        }
        let words = format!("the release that runs again is due for review:\n{words}");
        warn!("{words}");
        codes.push(DUE_FOR_REVIEW.to_owned());
        codes.extend(found);
        (codes, if detail.is_empty() { words } else { format!("{detail}\n{words}") })
    }

    /// The judgement of a release by its kept evidence, under the newest root, status and rules here.
    fn judged_again(&self, known: &KnownRelease) -> Result<Judgement, String> {
        let digest =
            known.evidence.ok_or("this agent has no evidence of it, because an older program applied it")?;
        let mut bundle = self.past.read(&digest).map_err(|error| error.to_string())?;
        let (anchors, mut seen) = self.memory.context((self.now)());
        let read =
            |status: Result<_, crate::error::StatusFileError>| status.map_err(|error| error.to_string());
        seen.newer.extend(read(read_status(&self.dir))?);
        seen.newer.extend(read(read_aside(&self.dir))?);
        let rules = self.rules.rules();
        if let Some(roots) = rules.map(KnownRules::roots).filter(|roots| roots.len() > bundle.roots.len()) {
            bundle.roots = roots.to_vec();
        }
        Ok(judge_again(&bundle, rules.map(KnownRules::newest), &anchors, &seen))
    }

    /// Takes rules that were verified.
    pub(crate) fn declares(&mut self, verified: Option<KnownRules>) {
        let Some(rules) = verified else { return };
        if let Err(error) = self.drifting.declared.take(&self.dir, rules.number(), rules.configuration()) {
            warn!("{error}");
        }
        self.rules.take(&self.dir, rules);
    }

    /// Digest of the policy that the newest statement names and that is not here.
    #[must_use]
    pub fn wants_policy(&self) -> Option<Digest> {
        self.rules.missing_policy()
    }

    /// Takes the bytes of the policy that is missing.
    ///
    /// # Errors
    /// `Unreadable::Policy`, if this program cannot read them.
    pub fn take_policy_bytes(&mut self, wanted: &Digest, bytes: &[u8]) -> Result<(), Unreadable> {
        let policy = PolicyFiles::decode(bytes).map_err(|error| Unreadable::Policy {
            policy: *wanted,
            statement: self.rules.rules().map_or(0, KnownRules::number),
            why: error.to_string(),
        })?;
        self.take_policy(policy);
        Ok(())
    }

    /// Takes the policy that is missing; another one changes nothing.
    pub fn take_policy(&mut self, policy: PolicyFiles) {
        self.rules.take_policy(&self.dir, policy);
    }
}

/// The codes against a release; none if it passes. A policy may name any number of codes, a report may not.
fn judgement_codes(judgement: &Judgement) -> Vec<String> {
    let mut codes = judgement.codes();
    codes.retain(|code| code.len() <= CODE_BYTES_MAX);
    codes.truncate(CODES_MAX);
    if codes.is_empty() && judgement.outcome != GateOutcome::Pass {
        codes.push(NOT_JUDGED.to_owned());
    }
    codes
}

/// Most codes of the judgement in a report, which may have 64 in all.
const CODES_MAX: usize = 32;
const CODE_BYTES_MAX: usize = 200;
