//! The result of a seed.

use std::collections::BTreeMap;

/// The result of a seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events that happened.
    pub events: u64,
    /// Entries of the ledger.
    pub entries: u64,
    /// Commands whose outcome was sent to their sender.
    pub acknowledged: u64,
    /// Replayed decisions, all of which agree.
    pub decisions: u64,
    /// Releases that agents have started.
    pub applied: u64,
    /// Rollouts that agents have begun.
    pub rollouts: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Refusals, with their number.
    pub answers: BTreeMap<String, u64>,
    /// Reasons why people did not believe evidence, with their number.
    pub disbelief: BTreeMap<String, u64>,
    /// Broken invariants.
    pub breaches: Vec<String>,
    /// Digest of the whole course: the same seed gives the same digest.
    pub course: String,
}

impl Report {
    /// Adds the result of another seed; courses and breaches are not added, because each seed has its own.
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.entries += other.entries;
        self.acknowledged += other.acknowledged;
        self.decisions += other.decisions;
        self.applied += other.applied;
        self.rollouts += other.rollouts;
        let sums = [
            (&mut self.faults, other.faults),
            (&mut self.answers, other.answers),
            (&mut self.disbelief, other.disbelief),
        ];
        for (sum, counts) in sums {
            for (what, times) in counts {
                *sum.entry(what).or_default() += times;
            }
        }
    }
}
