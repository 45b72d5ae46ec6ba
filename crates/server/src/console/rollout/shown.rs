//! A rollout with everything that is known of it.
//!
//! Invariant: verdicts are those of signed observations about the very plan of the release; what its agent tells is about it, too.

use evidence::dsse::Envelope;
use evidence::observations::{Body, Observation, RolloutEnd, RolloutVerdict};
use evidence::rollout::Rollout;
use evidence::rollout_counts::{Counts, GroupCounts};
use evidence::{Digest, Moment, Name};
use wire::RolloutNow;

/// A rollout.
#[derive(Debug)]
pub struct Shown {
    /// The plan in words.
    pub words: Vec<(String, String)>,
    /// Digest of the plan.
    pub digest: Digest,
    /// Its rollout.
    pub rollout: Rollout,
    /// Signed verdicts, the oldest first.
    pub seen: Vec<Verdict>,
    /// The figures that the agent tells of it.
    pub now: Option<RolloutNow>,
    /// Whether the agent reported how the release ended.
    pub is_reported: bool,
}

/// A signed verdict.
#[derive(Debug)]
pub struct Verdict {
    /// Number of its entry.
    pub entry: u64,
    /// When it was signed, by the agent's clock.
    pub signed: Moment,
    /// The verdict.
    pub verdict: RolloutVerdict,
}

impl Shown {
    /// How it ended, as far as that is on record.
    pub fn end(&self) -> Option<RolloutEnd> {
        self.seen.iter().rev().find_map(|seen| seen.verdict.end)
    }
}

impl Verdict {
    /// The verdict in a signed envelope, if it is one about a rollout by this plan.
    pub fn read(entry: u64, envelope: &[u8], plan: Digest) -> Option<Self> {
        let observation = Observation::read(&Envelope::decode(envelope).ok()?).ok()?;
        match observation.body {
            Body::RolloutVerdict(verdict) if verdict.plan == plan => {
                Some(Self { entry, signed: observation.time, verdict })
            }
            _ => None,
        }
    }

    /// The time from the begin of the step to the verdict, in milliseconds.
    pub const fn took_ms(&self) -> u64 {
        self.signed.millis().saturating_sub(self.verdict.began.millis())
    }

    /// The counts by group.
    pub fn groups(&self) -> GroupCounts {
        let of = |name: &str| {
            let name: Option<Name> = name.parse().ok();
            name.and_then(|name| self.verdict.counts.get(&name).cloned()).unwrap_or_default()
        };
        GroupCounts { stable: of("stable"), baseline: of("baseline"), canary: of("canary") }
    }

    /// The counts of both releases: the one before with all of its processes, and the new one.
    pub fn both(&self) -> [Counts; 2] {
        let GroupCounts { stable, baseline, canary } = self.groups();
        let mut old = stable;
        old.add(&baseline);
        [old, canary]
    }
}
