//! The decisions of gates in a ledger, each with the numbers that its judge knew.
//!
//! Invariant: entries come in order. Nothing is verified here, as `audit verify` does that.

use std::collections::BTreeMap;

use domain::gate::Judged;
use domain::{Event, State};
use evidence::entry::{Entry, Header};
use evidence::{Moment, Place};

use crate::context::{Anchors, VerificationContext};
use crate::prepare::PrepareError;
use crate::replay::OutOfOrder;
use crate::verdict::own_context;

/// An entry as far as a fold needs it.
#[derive(Debug)]
pub struct FoldedEntry {
    number: u64,
    header: Header,
    event: Event,
}

impl FoldedEntry {
    /// Reads an entry: checks its commitments, and reads its event. The result depends on the entry alone.
    ///
    /// # Errors
    /// `PrepareError` when this program cannot read the entry.
    pub fn read(number: u64, entry: &Entry) -> Result<Self, PrepareError> {
        let header = entry.check().map_err(|source| PrepareError::Entry { number, source })?;
        let event = Event::read(&header.kind, &entry.facts)
            .map_err(|source| PrepareError::Event { number, source })?;
        Ok(Self { number, header, event })
    }
}

/// A past decision of a gate.
#[derive(Clone, Debug)]
pub struct PastDecision {
    /// Number of the entry that records it.
    pub entry: u64,
    /// Version of the rules by which it was made.
    pub rules: u32,
    /// The recorded facts.
    pub judged: Judged,
    /// The pinned root and the numbers of the judge, in the state that was judged; `None` if the ledger has no such state.
    pub context: Option<Box<Context>>,
}

/// The pinned root of a judge, and its other knowledge.
type Context = (Anchors, VerificationContext);

/// Finds the decisions of gates in a ledger.
#[derive(Debug, Default)]
pub struct PastDecisions {
    state: State,
    /// Knowledge of the judge while a gate is due, by the number of entries and the place.
    recent: BTreeMap<u64, BTreeMap<Place, Context>>,
}

impl PastDecisions {
    /// Takes the next entry; the decision, if it records one.
    ///
    /// # Errors
    /// `OutOfOrder` when the entry is not the next one.
    pub fn take(&mut self, entry: FoldedEntry) -> Result<Option<PastDecision>, OutOfOrder> {
        let FoldedEntry { number, header, event } = entry;
        if number != self.state.entries {
            return Err(OutOfOrder { number, due: self.state.entries });
        }
        self.state.apply(&event, header.time);
        let found = match event {
            Event::Judged(judged) => {
                let context = self.context(&judged);
                Some(PastDecision { entry: number, rules: header.rules, judged, context })
            }
            _ => None,
        };
        self.remember();
        Ok(found)
    }

    /// Number of entries so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.state.entries
    }

    fn context(&self, judged: &Judged) -> Option<Box<Context>> {
        let (anchors, seen) = self.recent.get(&judged.at)?.get(&judged.place)?.clone();
        let (now, clock) = (Some(judged.moment), Some(judged.moment));
        Some(Box::new((anchors, VerificationContext { now, clock, ..seen })))
    }

    fn remember(&mut self) {
        let due = self.state.gate.outstanding().map(|due| &due.place);
        let known = |place: &Place| {
            let context = own_context(&self.state, place, Moment::default()).ok()?;
            Some((place.clone(), context))
        };
        let places: BTreeMap<_, _> = due.filter_map(known).collect();
        if places.is_empty() {
            return self.recent.clear();
        }
        self.recent.insert(self.state.entries, places);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_first();
        }
    }
}

/// Highest number of states whose knowledge is kept while a gate is due.
const RECENT_MAX: usize = 1024;
