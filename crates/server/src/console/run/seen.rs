//! A run with everything that its page is made of.

use std::collections::BTreeMap;

use domain::build::Started;
use domain::{Event, State};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::entry::Header;
use evidence::receipt::{PAYLOAD_TYPE, Receipt};
use evidence::{Moment, Name};
use judge::Store as _;
use review::duration;
use wire::{WorkKind, WorkView};

use super::logs;
use crate::console::commits;
use crate::console::reading::Reading;
use crate::console::words::person;
use crate::http::problem::Failure;
use crate::views::runs::{RunRow, WorkSpan};

/// A run with everything that its page is made of.
#[derive(Debug)]
pub struct Seen<'a> {
    pub at: &'a Reading<'a>,
    pub state: &'a State,
    pub row: RunRow,
    pub started: Started,
    /// Receipts by work and runner.
    pub receipts: BTreeMap<(WorkKind, String, Name), Receipt>,
}

impl<'a> Seen<'a> {
    pub fn of(at: &'a Reading<'a>, state: &'a State, row: RunRow) -> Result<Self, Failure> {
        let store = at.shared.gatekeeper.store();
        let entry = store.entry(row.view.entry).map_err(Failure::failed)?;
        let header = Header::decode(&entry.header).map_err(Failure::failed)?;
        let event = Event::read(&header.kind, &entry.facts).map_err(Failure::failed)?;
        let Event::Started(started) = event else {
            return Err(Failure::failed(format!("entry {} is not the start of a run", row.view.entry)));
        };
        let mut receipts = BTreeMap::new();
        for (work, span) in row.view.works.iter().zip(&row.spans) {
            if let (Some(runner), Some(envelope)) = (&work.runner, &span.receipt) {
                let bytes = at.shared.gatekeeper.blobs().read(envelope, ENVELOPE_BYTES_MAX as u64)?;
                let envelope = Envelope::decode(&bytes).map_err(Failure::failed)?;
                let payload = envelope.payload(PAYLOAD_TYPE).map_err(Failure::failed)?;
                let receipt = serde_json::from_slice(payload).map_err(Failure::failed)?;
                receipts.insert((work.kind, work.name.clone(), runner.clone()), receipt);
            }
        }
        Ok(Self { at, state, row, started, receipts })
    }

    pub fn works(&self) -> impl Iterator<Item = (&WorkView, &WorkSpan)> {
        self.row.view.works.iter().zip(&self.row.spans)
    }

    /// Milliseconds from the start of the run.
    pub fn since_start(&self, moment: Moment) -> u64 {
        moment.millis().saturating_sub(self.row.started.millis())
    }

    pub fn receipt(&self, kind: WorkKind, name: &str, runner: &Name) -> Option<&Receipt> {
        self.receipts.get(&(kind, name.to_owned(), runner.clone()))
    }

    /// Address of the log of a piece of work.
    pub fn log_href(&self, work: &WorkView) -> Option<String> {
        logs::log_href(self.row.view.run, work)
    }

    /// Facts of the line below the title.
    pub fn sub(&self) -> Vec<String> {
        let by = self.row.requester.map(|by| format!("asked for by {}", person(self.at.shared, by)));
        let took = self.row.ended.map(|end| format!("took {}", duration::words(self.since_start(end))));
        let author = commits::of(self.at.shared, self.row.view.run, &self.row.view.commit);
        let author = author.map(|facts| format!("commit by {}", facts.author));
        by.into_iter().chain(author).chain(took).collect()
    }
}
