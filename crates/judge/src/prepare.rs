//! What can be found out about an entry before anything is known of what came before it.
//!
//! Invariant: it depends on the entry alone, so that it may be done for many entries at once, in any order.

use domain::Event;
use evidence::canonical::CanonicalError;
use evidence::dsse::Envelope;
use evidence::entry::{Actor, Auth, Entry, Header};
use evidence::request::{self, Request};
use evidence::vouched::Vouched;
use serde_json::Value;

/// An entry that has been looked at by itself.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) number: u64,
    pub(crate) header: Header,
    pub(crate) event: Event,
    pub(crate) entry: Entry,
    /// Where a person's request is what began it.
    pub(crate) asked: Option<Result<RecordedRequest, String>>,
}

/// A person's request, out of an entry's particulars.
#[derive(Clone, Debug)]
pub(crate) struct RecordedRequest {
    pub envelope: Envelope,
    pub request: Request,
    pub particulars: Value,
    pub vouched: Option<Vouched>,
}

/// Looks at an entry by itself: commitments, event, request, and whether the request's signatures are good at all.
///
/// # Errors
/// In words, when the entry is not one that this program can read.
pub fn prepare(number: u64, entry: Entry) -> Result<Prepared, String> {
    let header = entry.check().map_err(|error| format!("entry {number}: {error}"))?;
    let event =
        Event::read(&header.kind, &entry.facts).map_err(|error| format!("entry {number}: {error}"))?;
    let by_person = matches!((&header.actor, header.auth), (Actor::Person(_), Auth::SignedRequest));
    let asked = by_person.then(|| asked(&header, &entry));
    Ok(Prepared { number, header, event, entry, asked })
}

fn asked(header: &Header, entry: &Entry) -> Result<RecordedRequest, String> {
    let particulars = entry.particulars.as_ref().ok_or("its particulars were erased")?;
    let particulars: Value =
        particulars.decode("particulars").map_err(|error: CanonicalError| error.to_string())?;
    let envelope = particulars.get("request").cloned().ok_or("it holds no signed request")?;
    let envelope: Envelope = serde_json::from_value(envelope).map_err(|error| error.to_string())?;
    let request = Request::read(&envelope).map_err(|error| error.to_string())?;
    let same =
        header.actor == Actor::Person(request.person) && header.idempotency == Some(request.idempotency());
    if !same {
        return Err("the request is another person's".into());
    }
    let vouched = Vouched::of(&envelope, request::NAMESPACE);
    Ok(RecordedRequest { envelope, request, particulars, vouched })
}
