//! Observations of the agents: a rollout in staging that is done, and one of the same artifact in production that failed.

use agent::Barred;
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::observations::{Body, Observation, RolloutEnd, RolloutVerdict, VerdictOfStep};
use evidence::rollout_counts::Counts;
use evidence::{Digest, Place};

use crate::parts::built;
use crate::world::{Lab, at, id, name};

/// The verdict with which a rollout of the artifact ended.
#[must_use]
pub fn verdict(release: u64, end: RolloutEnd) -> RolloutVerdict {
    let is_done = end == RolloutEnd::Done;
    let counts = Counts { requests: 1_000, errors: if is_done { 0 } else { 40 }, ..Counts::default() };
    RolloutVerdict {
        release,
        artifact: Digest::of(&built().manifest),
        plan: Digest::of(b"an earlier plan"),
        step: 2,
        percent: 100,
        began: at(-600),
        verdict: if is_done { VerdictOfStep::Go } else { VerdictOfStep::Stop },
        end: Some(end),
        probes: true,
        counts: [(name("canary"), counts)].into(),
        answers: [].into(),
        reasons: if is_done { Vec::new() } else { vec!["errors: 40 of 1,000 requests".into()] },
    }
}

/// An observation by the agent of an environment.
#[must_use]
pub fn observation(environment: &str, body: impl Into<Body>) -> Observation {
    Observation {
        installation: id(1),
        place: Place { project: name("shop"), service: name("api"), environment: name(environment) },
        agent: name("agent"),
        time: at(-300),
        checkpoint: 0,
        checkpoint_root: None,
        root: 1,
        status: 1,
        statement: 1,
        sequence: 1,
        previous: None,
        body: body.into(),
    }
}

/// The same, signed.
#[must_use]
pub fn observed(observation: &Observation, by: &MachineSigner) -> Envelope {
    observation.sign(by).unwrap()
}

/// Production's memory of a release of the same artifact that failed there.
#[must_use]
pub fn barred(lab: &Lab, release: u64) -> (Digest, Barred) {
    let failed = observation("production", verdict(release, RolloutEnd::Failed));
    let signed = observed(&failed, &lab.production);
    let why = failed.body.summary();
    let barred = Barred { release, observation: signed.payload_digest(), at: failed.time, why };
    (Digest::of(&built().manifest), barred)
}
