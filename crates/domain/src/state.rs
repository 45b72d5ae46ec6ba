//! The state: a fold over the ledger, one part for each context.
//!
//! Invariant: `apply` is total and depends on nothing but the state and the event. What does not fit is
//! counted, never ignored; audit demands a count of 0. The state holds only what some decision reads.

use evidence::Moment;
use evidence::entry::{Header, Payload};
use serde::Serialize;

use crate::RULES;
use crate::event::{Event, EventError};
use crate::identity;

/// Everything that decisions read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// People, trust root and status.
    pub identity: identity::State,
    /// Number of entries folded.
    pub entries: u64,
    /// Time of the last entry.
    pub time: Moment,
    /// Entries that did not fit the state they met; 0 in a sound ledger.
    pub misfits: u64,
}

impl State {
    /// Folds one entry as it was read.
    ///
    /// # Errors
    /// `EventError` when its kind or rules are newer than this program, or its facts are not canonical.
    pub fn fold(&mut self, header: &Header, facts: &Payload) -> Result<(), EventError> {
        if header.rules > RULES {
            return Err(EventError::Rules(header.rules));
        }
        self.apply(&Event::read(&header.kind, facts)?, header.time);
        Ok(())
    }

    /// Folds one event that happened at a moment.
    pub fn apply(&mut self, event: &Event, moment: Moment) {
        let fits = match event {
            Event::Rooted(event) => self.identity.rooted(event),
            Event::Enrolled(event) => self.identity.enrolled(event, self.entries),
            Event::StatusSet(event) => self.identity.status_set(event),
            Event::Refused(_) => true,
        };
        self.entries += 1;
        self.time = self.time.max(moment);
        self.misfits += u64::from(!fits);
    }
}
