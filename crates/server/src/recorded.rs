//! Log lines for recorded entries: the life of runs and releases at `info`, every other entry at `debug`.
//!
//! Invariant: a line is written after its entry is durable, and names the request that brought it, where one did.

use domain::{Event, RunId};
use evidence::Place;
use tracing::{Span, debug, info};

/// Says that an entry was recorded.
pub fn say(span: &Span, event: &Event, entry: u64) {
    let (run, place) = about(event);
    let (run, place) = (run.map(tracing::field::display), place.map(tracing::field::display));
    let kind = event.kind();
    span.in_scope(|| match is_life(event) {
        true => info!(run, place, entry, "recorded {kind}"),
        false => debug!(run, place, entry, "recorded {kind}"),
    });
}

/// Whether it begins, ends or turns something that an operator knows by name.
const fn is_life(event: &Event) -> bool {
    matches!(
        event,
        Event::Rooted(_)
            | Event::StatusSet(_)
            | Event::EnvironmentSet(_)
            | Event::PreviewEnding(_)
            | Event::Started(_)
            | Event::Ended(_)
            | Event::Judged(_)
            | Event::Unplannable(_)
            | Event::ReleaseDue(_)
            | Event::Held(_)
            | Event::AgentReported(_)
            | Event::Observed(_)
            | Event::RollbackRequested(_)
            | Event::AdvanceRequested(_)
            | Event::ChecksLost(_)
    )
}

/// The run and the place that it is about.
fn about(event: &Event) -> (Option<RunId>, Option<&Place>) {
    match event {
        Event::Taken(event) => (Some(event.run), None),
        Event::Started(event) => (Some(event.run), None),
        Event::Due(event) => (Some(event.run), None),
        Event::Reported(event) => (Some(event.run), None),
        Event::Agreed(event) => (Some(event.run), None),
        Event::Ended(event) => (Some(event.run), None),
        Event::Built(event) => (Some(event.run), None),
        Event::Wanted(event) => (Some(event.run), Some(&event.place)),
        Event::Proposed(event) => (Some(event.run), Some(&event.place)),
        Event::EnvironmentSet(event) => (None, Some(&event.place)),
        Event::PreviewEnding(event) => (None, Some(&event.place)),
        Event::GateDue(event) => (None, Some(&event.place)),
        Event::Judged(event) => (None, Some(&event.place)),
        Event::Given(event) => (None, Some(&event.place)),
        Event::Unplannable(event) => (None, Some(&event.place)),
        Event::Promoted(event) => (None, Some(&event.place)),
        Event::ReleaseDue(event) => (None, Some(&event.place)),
        Event::Held(event) => (None, Some(&event.place)),
        Event::AgentReported(event) => (None, Some(&event.place)),
        Event::Observed(event) => (None, Some(&event.place)),
        Event::RollbackRequested(event) => (None, Some(&event.place)),
        Event::AdvanceRequested(event) => (None, Some(&event.place)),
        Event::ChecksLost(event) => (None, Some(&event.place)),
        Event::Rooted(_)
        | Event::Enrolled(_)
        | Event::StatusSet(_)
        | Event::Stated(_)
        | Event::SecretPut(_)
        | Event::SecretDestroyed(_)
        | Event::Recorded(_)
        | Event::Snapshotted(_)
        | Event::Refused(_) => (None, None),
    }
}
