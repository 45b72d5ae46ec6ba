//! A dry run from disk: the decisions of a ledger, made again by another policy, the newest first and on all processors.
//!
//! Invariant: readers and blobs are read-only, so nothing of the ledger changes. Work that is left out is counted.

use std::cell::Cell;
use std::collections::VecDeque;

use domain::gate::GateOutcome;
use evidence::{Moment, Place};
use judge::{DryRun, FoldedEntry, PastDecision, PastDecisions, Store, Trial};
use ledger::{Reader, in_order};
use policy::Gate;

use crate::replaying::ReplayError;

/// Which decisions are made again.
#[derive(Clone, Copy)]
pub struct DryRunOrder<'a> {
    /// Those from this moment on; `None` for all.
    pub since: Option<Moment>,
    /// Those at these places.
    pub is_at: &'a dyn Fn(&Place) -> bool,
    /// Highest number of them, of which the newest count.
    pub decisions_max: usize,
}

/// How far a dry run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRunProgress {
    /// Entries read, of all.
    Read(u64, u64),
    /// Decisions made again, of all that are asked for.
    Tried(usize, usize),
}

/// A decision that was made again.
#[derive(Debug)]
pub struct TriedDecision {
    /// Number of the entry that records it.
    pub entry: u64,
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Time of the decision.
    pub moment: Moment,
    /// Recorded outcome.
    pub outcome: GateOutcome,
    /// Result by the policy.
    pub trial: Trial,
}

/// Result of a dry run.
#[derive(Debug)]
pub struct Tried {
    /// Number of entries of the ledger.
    pub entries: u64,
    /// Number of decisions in the ledger, whatever their place and time.
    pub recorded: u64,
    /// Number of decisions that were asked for.
    pub asked: u64,
    /// The decisions that were made again, in the order of the ledger.
    pub tried: Vec<TriedDecision>,
}

/// Makes the decisions of a ledger again by a policy. `go_on` gets the progress; once the whole ledger was read, it may end the
/// work.
///
/// # Errors
/// `ReplayError` if an entry cannot be read.
pub fn dry_run<S: Store + Sync>(
    reader: &Reader,
    store: &S,
    gate: Gate,
    order: &DryRunOrder<'_>,
    mut go_on: impl FnMut(DryRunProgress) -> bool,
) -> Result<Tried, ReplayError> {
    let mut past = Past::default();
    past.read(reader, order, |progress| {
        go_on(progress);
    })?;
    let Past { entries, recorded, asked, mut chosen } = past;
    let (run, all) = (DryRun::new(store, gate), chosen.len());
    let (ends, mut tried) = (Cell::new(false), Vec::new());
    let next = || -> Result<Vec<PastDecision>, ReplayError> {
        if ends.get() {
            return Ok(Vec::new());
        }
        let older = chosen.len().saturating_sub(BATCH);
        Ok(chosen.split_off(older).into_iter().rev().collect())
    };
    let again = |past: PastDecision| {
        let trial = run.again(&past);
        let judged = past.judged;
        let (place, release, moment) = (judged.place, judged.release, judged.moment);
        TriedDecision { entry: past.entry, place, release, moment, outcome: judged.outcome, trial }
    };
    in_order(next, again, |batch| -> Result<(), ReplayError> {
        tried.extend(batch);
        ends.set(!go_on(DryRunProgress::Tried(tried.len(), all)));
        Ok(())
    })?;
    tried.reverse();
    Ok(Tried { entries, recorded, asked, tried })
}

/// The decisions that are asked for.
#[derive(Default)]
struct Past {
    entries: u64,
    recorded: u64,
    asked: u64,
    chosen: VecDeque<PastDecision>,
}

impl Past {
    fn read(
        &mut self,
        reader: &Reader,
        order: &DryRunOrder<'_>,
        mut said: impl FnMut(DryRunProgress),
    ) -> Result<(), ReplayError> {
        let size = reader.head()?.frontier.size();
        let mut next = 0;
        let read = || -> Result<Vec<_>, ReplayError> {
            let entries = reader.unchecked(next, size.min(next + ENTRIES))?;
            let first = next;
            next += entries.len() as u64;
            Ok((first..).zip(entries).collect())
        };
        let mut decisions = PastDecisions::default();
        in_order(
            read,
            |(number, entry)| FoldedEntry::read(number, &entry),
            |batch| -> Result<(), ReplayError> {
                for entry in batch {
                    if let Some(past) = decisions.take(entry?)? {
                        self.choose(past, order);
                    }
                }
                said(DryRunProgress::Read(decisions.entries(), size));
                Ok(())
            },
        )?;
        self.entries = decisions.entries();
        Ok(())
    }

    fn choose(&mut self, past: PastDecision, order: &DryRunOrder<'_>) {
        self.recorded += 1;
        let is_late = order.since.is_none_or(|since| past.judged.moment >= since);
        if !is_late || !(order.is_at)(&past.judged.place) {
            return;
        }
        self.asked += 1;
        self.chosen.push_back(past);
        if self.chosen.len() > order.decisions_max {
            self.chosen.pop_front();
        }
    }
}

/// Reads a ledger as a dry run does, and makes no decision again: the floor of a dry run. Answers with the number of decisions.
///
/// # Errors
/// `ReplayError` if an entry cannot be read.
pub fn read_decisions(reader: &Reader) -> Result<u64, ReplayError> {
    let order = DryRunOrder { since: None, is_at: &|_| false, decisions_max: 0 };
    let mut past = Past::default();
    past.read(reader, &order, |_| ())?;
    Ok(past.recorded)
}

/// Decisions in a batch: few, so that the work ends soon after its time.
const BATCH: usize = 4;
/// Entries in a batch: a few milliseconds of work.
const ENTRIES: u64 = 128;
