//! The body of an answer, which reports when it has ended.
//!
//! Invariant: a connection does not count as idle until the last byte of its answer was taken or the answer was
//! abandoned.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::slots::Slot;

/// A body, and the slot of its connection.
#[derive(Debug)]
pub struct AnswerBody {
    body: Body,
    slot: Arc<Slot>,
}

impl AnswerBody {
    /// Creates the body of an answer on this slot.
    pub const fn new(body: Body, slot: Arc<Slot>) -> Self {
        Self { body, slot }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.slot.note_answer_end();
    }
}

impl HttpBody for AnswerBody {
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
