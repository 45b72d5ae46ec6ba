//! Preparation of an entry for replay: all checks that need no knowledge of earlier entries.
//!
//! Invariant: the result depends on the entry alone. So many entries can be prepared in parallel and in any order.

use std::sync::Arc;

use domain::{Event, EventError};
use evidence::canonical::CanonicalError;
use evidence::dsse::Envelope;
use evidence::entry::{Actor, Auth, Entry, EntryError, Header};
use evidence::request::{self, Request, RequestError};
use evidence::vouched::Vouched;
use serde_json::Value;

use crate::lines::{LinesError, lines_of};

/// An entry that passed all checks that need nothing else.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) number: u64,
    pub(crate) header: Header,
    pub(crate) event: Event,
    pub(crate) entry: Entry,
    /// The person's request, if a request caused the entry.
    pub(crate) asked: Option<Result<RecordedRequest, Arc<RecordedRequestError>>>,
    /// Why the lines of the entry are unsound, if it has lines.
    pub(crate) lines: Option<Result<(), LinesError>>,
}

/// A person's request from the particulars of an entry.
#[derive(Clone, Debug)]
pub(crate) struct RecordedRequest {
    pub envelope: Envelope,
    pub request: Request,
    pub particulars: Value,
    pub vouched: Option<Vouched>,
}

/// Reasons why this program cannot read an entry.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Header, commitments or payloads are unsound.
    #[error("entry {number}: {source}")]
    Entry {
        /// Number of the entry.
        number: u64,
        /// The fault.
        source: EntryError,
    },
    /// This program cannot read the facts as an event.
    #[error("entry {number}: {source}")]
    Event {
        /// Number of the entry.
        number: u64,
        /// The fault.
        source: EventError,
    },
}

/// Reasons why the particulars of an entry do not contain the request of the person in its header.
#[derive(Debug, thiserror::Error)]
pub enum RecordedRequestError {
    /// The particulars were erased.
    #[error("its particulars were erased")]
    Erased,
    /// The particulars contain no request.
    #[error("it holds no signed request")]
    Missing,
    /// The request names another person or another idempotency key.
    #[error("the request is another person's")]
    OtherPerson,
    /// The particulars are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The particulars have another form.
    #[error(transparent)]
    Shape(#[from] serde_json::Error),
    /// The request is unsound.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Prepares an entry: verifies its commitments, reads event and request, and verifies the request's signatures under
/// the keys inside them.
///
/// # Errors
/// `PrepareError` when this program cannot read the entry.
pub fn prepare(number: u64, entry: Entry) -> Result<Prepared, PrepareError> {
    let header = entry.check().map_err(|source| PrepareError::Entry { number, source })?;
    let event =
        Event::read(&header.kind, &entry.facts).map_err(|source| PrepareError::Event { number, source })?;
    let by_person = matches!((&header.actor, header.auth), (Actor::Person(_), Auth::SignedRequest));
    let asked = by_person.then(|| asked(&header, &entry).map_err(Arc::new));
    let lines = match &event {
        Event::Recorded(facts) => Some(lines_of(&header, facts, &entry).map(drop)),
        _ => None,
    };
    Ok(Prepared { number, header, event, entry, asked, lines })
}

impl Prepared {
    /// The person's request that caused the entry.
    pub(crate) fn request(&self) -> Result<&RecordedRequest, Arc<RecordedRequestError>> {
        let asked = self.asked.as_ref().ok_or_else(|| Arc::new(RecordedRequestError::Missing))?;
        asked.as_ref().map_err(Arc::clone)
    }
}

fn asked(header: &Header, entry: &Entry) -> Result<RecordedRequest, RecordedRequestError> {
    let particulars = entry.particulars.as_ref().ok_or(RecordedRequestError::Erased)?;
    let particulars: Value = particulars.decode("particulars")?;
    let envelope = particulars.get("request").cloned().ok_or(RecordedRequestError::Missing)?;
    let envelope: Envelope = serde_json::from_value(envelope)?;
    let request = Request::read(&envelope)?;
    let same =
        header.actor == Actor::Person(request.person) && header.idempotency == Some(request.idempotency());
    if !same {
        return Err(RecordedRequestError::OtherPerson);
    }
    let vouched = Vouched::of(&envelope, request::NAMESPACE);
    Ok(RecordedRequest { envelope, request, particulars, vouched })
}
