//! The body of an answer, which says when it has ended.
//!
//! Invariant: whoever is sent an answer is not idle before the last of its bytes was taken, or it was given up.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::places::Place;

/// A body, and the place that it is sent to.
#[derive(Debug)]
pub struct Answered {
    body: Body,
    place: Arc<Place>,
}

impl Answered {
    /// The body of an answer on this place.
    pub const fn new(body: Body, place: Arc<Place>) -> Self {
        Self { body, place }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.place.answered();
    }
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
