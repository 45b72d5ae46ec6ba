//! An id for each request: all that the server says about the request carries it, and so does the answer.
//!
//! Invariant: the id is drawn here, never taken from a client: no client can put words or another request's id into the log. An answer
//! with 500 is an error that an operator has to know of; a client that causes such answers at will gets a line a minute.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use evidence::Id;
use tracing::{Instrument as _, debug, error, error_span};
use wire::REQUEST_ID_HEADER;

use crate::line_limit::{self, LineLimit};
use crate::salt;

tokio::task_local! {
    static REQUEST: Id;
}

/// The limit on lines about failures.
#[derive(Debug, Default)]
pub struct Failures(Mutex<LineLimit>);

/// Why a request failed, on its way to the log beside the answer.
#[derive(Clone, Debug)]
pub struct FailureReason(pub String);

/// The id of the request that is answered here.
pub fn id() -> Option<Id> {
    REQUEST.try_with(|id| *id).ok()
}

/// Answers a request under its id.
pub async fn named(State(failures): State<Arc<Failures>>, request: Request, next: Next) -> Response {
    // Without randomness nothing can be committed either, so such a request changes nothing.
    let Ok(id) = salt::bytes().map(Id::from_random) else { return next.run(request).await };
    let span = error_span!("request", request_id = %id);
    let answered = async {
        let (method, path, begun) =
            (request.method().clone(), request.uri().path().to_owned(), Instant::now());
        let mut response = next.run(request).await;
        let status = response.status().as_u16();
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(FailureReason(what)) = response.extensions_mut().remove() {
            match failures.admit(Instant::now()) {
                Some(count) => {
                    error!(%method, path, status, "the server failed: {what}{}", line_limit::suffix(count))
                }
                None => debug!(%method, path, status, "the server failed: {what}"),
            }
        }
        debug!(%method, path, status, millis, "answered");
        if let Ok(text) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert(REQUEST_ID_HEADER, text);
        }
        response
    };
    REQUEST.scope(id, answered.instrument(span)).await
}

impl Failures {
    fn admit(&self, now: Instant) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).admit(now)
    }
}
