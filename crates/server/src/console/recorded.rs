//! Words of people and agents in signed statements on disk: reasons, tickets, explanations of failures, observations.
//!
//! Invariant: a statement was verified when it was recorded; one that cannot be read gives no words.

use evidence::Digest;
use evidence::approval::Signed;
use evidence::dsse::Envelope;
use evidence::observations::Observation;
use evidence::report::AgentReport;
use judge::Store as _;

use crate::place_view;
use crate::shared::Shared;

/// The agent's explanation of a failure.
pub fn report_detail(shared: &Shared, envelope: &Digest) -> Option<String> {
    let report = AgentReport::read(&read(shared, envelope)?).ok()?;
    Some(report.detail).filter(|detail| !detail.is_empty())
}

/// An observation in a few words, and why.
pub fn observation(shared: &Shared, envelope: &Digest) -> Option<(String, String)> {
    let body = Observation::read(&read(shared, envelope)?).ok()?.body;
    Some((body.summary(), body.detail()))
}

/// The reason of an approval or rejection, with its ticket.
pub fn vote_reason(shared: &Shared, envelope: &Digest) -> Option<String> {
    let signed = Signed::read(&read(shared, envelope)?).ok()?;
    Some(with_ticket(&signed.said.reason, signed.said.ticket.as_deref()))
}

/// The reason of a request, if it has one.
pub fn request_reason(shared: &Shared, envelope: &Digest) -> Option<String> {
    place_view::reason(shared, envelope)
}

/// A reason with its ticket.
pub fn with_ticket(reason: &str, ticket: Option<&str>) -> String {
    ticket.map_or_else(|| reason.to_owned(), |ticket| format!("{reason} ({ticket})"))
}

fn read(shared: &Shared, envelope: &Digest) -> Option<Envelope> {
    Envelope::decode(&shared.gatekeeper.store().blob(envelope).ok()?).ok()
}
