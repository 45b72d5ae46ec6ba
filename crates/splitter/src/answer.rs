//! The body of an answer on its way to a client, which drives the connection that it comes from.
//!
//! Invariant: it ends like its origin. If the backend breaks off, stands still, or its group is cut off, then the client's
//! connection is broken off, too. The request is counted when the last byte is here, however long the client reads.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::backend::Busy;
use crate::client::Visit;
use crate::link::Link;
use crate::patience::Patience;
use crate::streams;
use crate::tally::{End, UnderWay};
use crate::upload::Course;

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// Words of our own.
    Own(Option<Bytes>),
    /// A backend's.
    Relayed(Box<Relayed>),
}

/// The body of a backend's answer.
#[derive(Debug)]
pub struct Relayed {
    body: Incoming,
    open: Option<Open>,
    patience: Patience,
}

/// Everything that ends with the answer.
#[derive(Debug)]
pub struct Open {
    /// The request, as its group counts it.
    pub under_way: UnderWay,
    /// The same, as its client's connection sees it.
    pub visit: Visit,
    /// The backend.
    pub busy: Busy,
    /// Its connection; none by HTTP/2.
    pub link: Option<Link>,
    /// The answer's status.
    pub status: StatusCode,
    /// The course of the request's body.
    pub course: Option<Arc<Course>>,
    /// Time for which the backend may stand still.
    pub time: Duration,
}

/// The answer is not whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer is not whole")]
pub struct BrokenOff;

impl Relayed {
    /// The body of an answer.
    pub fn new(body: Incoming, open: Open) -> Self {
        let mut relayed = Self { body, open: Some(open), patience: Patience::default() };
        relayed.settle();
        relayed
    }

    /// Counts the request if the answer is whole.
    fn settle(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Some(link) = open.link {
            open.busy.end(link);
        }
        open.under_way.end(End::Answered(open.status));
        open.visit.end();
    }

    fn break_off(&mut self, end: End) -> BrokenOff {
        if let Some(open) = self.open.take() {
            let clients = open.course.is_some_and(|course| course.is_clients_fault());
            open.under_way.end(if clients { End::Aborted } else { end });
            open.visit.client().abort();
            if !clients {
                open.visit.end();
            }
        }
        BrokenOff
    }

    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        if open.under_way.poll_cut(context).is_ready() {
            return Poll::Ready(Some(Err(self.break_off(End::Broken))));
        }
        // The first look says that more is wanted; the connection reads it; the second look takes it.
        let mut frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_pending()
            && let Some(link) = &mut open.link
        {
            let ended = link.poll_drive(context).is_ready();
            frame = Pin::new(&mut self.body).poll_frame(context);
            if ended && frame.is_pending() {
                return Poll::Ready(Some(Err(self.break_off(End::Broken))));
            }
        }
        match frame {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.moved();
                self.settle();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(self.break_off(End::Broken)))),
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                if self.patience.poll_over(context, open.time).is_ready() {
                    return Poll::Ready(Some(Err(self.break_off(End::Timeout))));
                }
                Poll::Pending
            }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Self::Own(words) => Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
            Self::Relayed(relayed) => {
                let frame = relayed.poll_body(context);
                streams::note(frame.is_ready());
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(words) => words.is_none(),
            Self::Relayed(relayed) => relayed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(words) => {
                let length = words.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Relayed(relayed) => relayed.body.size_hint(),
        }
    }
}
