//! An entry of the ledger about a release, as a server tells of it.
//!
//! Invariant: nothing here is proven.

use domain::Event;
use evidence::canonical;
use evidence::entry::{Payload, SALT_BYTES};
use evidence::{Digest, Moment};
use wire::EntryView;

/// An entry of the ledger about the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub entry: u64,
    /// Its time.
    pub time: Moment,
    /// Its facts.
    pub event: Event,
}

impl Told {
    /// An entry as the API answers it; `None` if this program does not know its kind.
    #[must_use]
    pub fn read(view: &EntryView) -> Option<Self> {
        let bytes = canonical::encode("facts", &view.facts).ok()?;
        let event = Event::read(&view.kind, &Payload { salt: [0; SALT_BYTES], bytes }).ok()?;
        Some(Self { entry: view.entry, time: view.time, event })
    }

    /// Digest of the signed request, vote or report that the entry names, if the record shows what it says.
    #[must_use]
    pub const fn envelope(&self) -> Option<Digest> {
        match &self.event {
            Event::AgentReported(reported) => Some(reported.envelope),
            Event::RollbackRequested(back) => Some(back.request),
            Event::Given(given) => Some(given.envelope),
            _ => None,
        }
    }
}
