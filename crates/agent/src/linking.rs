//! The chain of an agent's reports and observations, and the artifacts that its own judgement barred.
//!
//! Invariant: each number is used for one statement that leaves the agent, and each names the one before. A bar is kept with
//! the link of the observation that made it, so a crash never keeps one of both.

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::observations::{Body, Observation};

use judge::Bar;

use crate::chain::{Barred, Link};
use crate::memory::Memory;
use crate::outbox::{Outbox, OutboxError};

impl Memory {
    /// Number of the next report or observation, and the digest of the one before.
    #[must_use]
    pub fn next_link(&self) -> (u64, Option<Digest>) {
        self.chain.map_or((1, None), |last| (last.sequence.saturating_add(1), Some(last.digest)))
    }

    /// Notes a report that was signed with the next number.
    pub fn links(&mut self, signed: &Envelope) {
        self.chain = Some(Link { sequence: self.next_link().0, digest: signed.payload_digest() });
    }

    /// Notes that a report was signed anew in the place of another one with the same number. A later one names
    /// the old one, which the server shows as a gap.
    pub(crate) fn relinks(&mut self, old: &Digest, signed: &Envelope) {
        if let Some(last) = self.chain.as_mut().filter(|last| last.digest == *old) {
            last.digest = signed.payload_digest();
        }
    }

    /// Notes an observation, the bar that it makes, and whether it names drift.
    pub fn observed(&mut self, observation: &Observation, signed: &Envelope) {
        self.chain = Some(Link { sequence: observation.sequence, digest: signed.payload_digest() });
        if let Body::Drift(seen) = &observation.body {
            self.drifts = !seen.findings.is_empty();
        }
        let failed = observation.barred().zip(observation.about());
        if let Some((artifact, about)) = failed {
            let (observation, at, why) =
                (signed.payload_digest(), observation.time, observation.body.summary());
            self.bar(artifact, Barred { release: about.release, observation, at, why });
        }
    }

    /// The bars here, as a judge reads them.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let bar = |(artifact, barred): (&Digest, &Barred)| Bar {
            artifact: *artifact,
            release: barred.release,
            observation: barred.observation,
        };
        self.barred.iter().map(bar).collect()
    }

    /// Bars an artifact.
    pub fn bar(&mut self, artifact: Digest, barred: Barred) {
        self.barred.insert(artifact, barred);
        while self.barred.len() > BARRED_MAX {
            let oldest =
                self.barred.iter().min_by_key(|(_, barred)| barred.at).map(|(artifact, _)| *artifact);
            let Some(oldest) = oldest else { return };
            self.barred.remove(&oldest);
        }
    }

    /// Takes what the outbox has and this memory does not: the agent ended between the two.
    ///
    /// # Errors
    /// `OutboxError` when the outbox cannot be read.
    pub(crate) fn adopt(&mut self, outbox: &Outbox) -> Result<(), OutboxError> {
        let Some(newest) = outbox.newest()? else { return Ok(()) };
        let (sequence, digest) = (newest.observation.sequence, newest.envelope.payload_digest());
        let is_known = self.chain.is_some_and(|last| {
            last.sequence > sequence || last.sequence == sequence && last.digest == digest
        });
        if !is_known {
            self.observed(&newest.observation, &newest.envelope);
        }
        Ok(())
    }
}

/// Highest number of artifacts that stay barred. Beyond it, the oldest one is forgotten.
const BARRED_MAX: usize = 256;
