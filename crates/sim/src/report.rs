//! What came of a seed.

use std::collections::BTreeMap;

/// What came of a seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events that happened.
    pub events: u64,
    /// Entries of the ledger.
    pub entries: u64,
    /// Commands whose outcome somebody was told.
    pub acknowledged: u64,
    /// Decisions that replay did again, all of which agree.
    pub decisions: u64,
    /// Releases that agents have put to run.
    pub applied: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Answers that said no, with how often.
    pub answers: BTreeMap<String, u64>,
    /// Why people did not believe evidence, with how often.
    pub disbelief: BTreeMap<String, u64>,
    /// What was broken.
    pub breaches: Vec<String>,
    /// Digest of the whole course: the same seed gives the same.
    pub course: String,
}

impl Report {
    /// Adds what came of another seed; courses and breaches are each seed's own.
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.entries += other.entries;
        self.acknowledged += other.acknowledged;
        self.decisions += other.decisions;
        self.applied += other.applied;
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
