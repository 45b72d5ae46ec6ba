//! The stream of changes for one browser (server-sent events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Invariant: an event names places and runs that the reader may read, and the size of the ledger, which is public. The
//! right is checked again before each event and each heartbeat; without it the stream ends. A stream has a separate place
//! (`listen::become_stream`), so that ordinary requests never wait for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use wire::ProblemKind;

use crate::caller::Caller;
use crate::clock;
use crate::http::problem::Failure;
use crate::http::requester::blocking;
use crate::http::right;
use crate::live::between;
use crate::shared::Shared;
use crate::watchers::{BEHIND_MAX, Change};

/// Everything that one stream needs until it ends.
struct Stream {
    shared: Arc<Shared>,
    /// The request, by which the right is checked again.
    parts: Parts,
    changes: broadcast::Receiver<Arc<Change>>,
    stopping: watch::Receiver<bool>,
    /// Size of the ledger that the browser knows of.
    told: u64,
    /// The first event.
    first: Option<Message>,
}

/// The data of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Message {
    /// Size of the ledger.
    entries: u64,
    /// Places with new entries.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    places: BTreeSet<String>,
    /// Runs with new entries.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    runs: BTreeSet<String>,
    /// Whether anything may have changed, because too much did, or what concerns the whole installation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    all: bool,
}

/// Opens the stream.
pub async fn stream(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let caller = right::visitor(&shared, &parts).await?.caller;
    let known = known(&parts);
    // Before the size is read, so that no entry falls between both.
    let changes = shared.watchers.watch();
    let told = shared.intake.state().entries;
    let (at, identity) = (Arc::clone(&shared), caller.identity());
    let first = blocking(move || missed(&at, &caller, known, told)).await?;
    if !listen::become_stream(&identity) {
        let what =
            "too many streams are open; close some of your pages, or reload this one to see what is new";
        return Err(Failure::new(ProblemKind::Busy, what));
    }
    let stopping = shared.stopping.clone();
    let stream = Stream { shared, parts, changes, stopping, told, first: Some(first) };
    let pieces = futures_util::stream::unfold(stream, |mut stream| async {
        let piece = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(piece)), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // The place of a stream is not one for further requests.
        (header::CONNECTION, "close"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The size of the ledger that the browser knows of: of its last event, else of the page that opens the stream.
fn known(parts: &Parts) -> Option<u64> {
    let last = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = || parts.uri.query()?.strip_prefix("after=")?.parse().ok();
    last.or_else(after)
}

/// The changes after the last event that the browser has seen.
fn missed(shared: &Shared, caller: &Caller, known: Option<u64>, told: u64) -> Result<Message, Failure> {
    let mut message = Message { entries: told, ..Message::default() };
    match known {
        None => {}
        Some(known) if known <= told && told - known <= BEHIND_MAX as u64 => {
            let found = shared.gatekeeper.readers().with(|reader| between(reader, known, told))?;
            found.iter().for_each(|change| message.add(shared, caller, change));
        }
        // Far behind, or ahead of this ledger, which was restored.
        Some(_) => message.all = true,
    }
    Ok(message)
}

impl Stream {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(format!("retry: {RETRY_MILLIS}\n\n{}", first.text()?));
        }
        if *self.stopping.borrow() {
            return None;
        }
        let woken = tokio::select! {
            change = self.changes.recv() => Some(change),
            () = tokio::time::sleep(HEARTBEAT) => None,
            _ = self.stopping.changed() => return None,
        };
        // A session that ended, or a right that was withdrawn, ends the stream.
        let caller = right::visitor(&self.shared, &self.parts).await.ok()?.caller;
        let Some(change) = woken else { return Some(":\n\n".to_owned()) };
        let mut message = Message { entries: self.told, ..Message::default() };
        let mut next = Some(change);
        while let Some(change) = next.take() {
            match change {
                Ok(change) => message.add(&self.shared, &caller, &change),
                Err(broadcast::error::RecvError::Lagged(_)) => message.all = true,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
            // Changes that came together are told together.
            next = match self.changes.try_recv() {
                Ok(change) => Some(Ok(change)),
                Err(broadcast::error::TryRecvError::Lagged(count)) => {
                    Some(Err(broadcast::error::RecvError::Lagged(count)))
                }
                Err(_) => None,
            };
        }
        self.told = message.entries;
        message.text()
    }
}

impl Message {
    fn add(&mut self, shared: &Shared, caller: &Caller, change: &Change) {
        self.entries = self.entries.max(change.size);
        let may = |project| caller.may_read(project, &shared.intake.state(), clock::now());
        match &change.project {
            Some(project) if may(project) => {
                self.places.extend(change.place.as_ref().map(ToString::to_string));
                self.runs.extend(change.run.clone());
            }
            Some(_) => {}
            // A root, a status or an enrolment may change every page; a refusal is on none of them.
            None => self.all |= !change.is_refusal,
        }
    }

    fn text(&self) -> Option<String> {
        let data = serde_json::to_string(self).ok()?;
        Some(format!("id: {}\nevent: entry\ndata: {data}\n\n", self.entries))
    }
}

const HEARTBEAT: Duration = Duration::from_secs(15);
const RETRY_MILLIS: u32 = 2_000;
