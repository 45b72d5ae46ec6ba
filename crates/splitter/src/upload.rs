//! The body of a request on its way to a backend, frame by frame.
//!
//! Invariant: the time for which the client was waited for is known, so that a slow client does not make a backend look slow,
//! and a client that stands still ends its own request. A body that the backend did not take to its end marks the
//! connection of its client.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::client::Client;
use crate::patience::Patience;

/// The body of a request.
#[derive(Debug)]
pub struct Upload(Option<Box<Open>>);

/// A body that has not ended.
#[derive(Debug)]
struct Open {
    body: Incoming,
    course: Arc<Course>,
    patience: Patience,
    stalled: Duration,
    client: Arc<Client>,
}

/// How far a body has come.
#[derive(Debug)]
pub struct Course {
    began: Instant,
    /// Since when the client is waited for, in microseconds since the beginning, and one more; 0 if it is not.
    waits: AtomicU64,
    /// For how long the client was waited for.
    waited: AtomicU64,
    /// Number of parts that the backend took.
    steps: AtomicU64,
    is_done: AtomicBool,
    is_clients_fault: AtomicBool,
}

/// The client did not finish its request.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client did not finish its request")]
pub struct Unfinished;

impl Upload {
    /// No body.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// The body of a request, and its course if there is one.
    pub fn new(body: Incoming, client: &Arc<Client>, stalled: Duration) -> (Self, Option<Arc<Course>>) {
        if body.is_end_stream() {
            return (Self(None), None);
        }
        let course = Arc::new(Course {
            began: Instant::now(),
            waits: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            is_done: AtomicBool::new(false),
            is_clients_fault: AtomicBool::new(false),
        });
        let open = Open {
            body,
            course: Arc::clone(&course),
            patience: Patience::default(),
            stalled,
            client: Arc::clone(client),
        };
        (Self(Some(Box::new(open))), Some(course))
    }
}

impl Course {
    /// Time for which the client was waited for.
    pub fn waited(&self) -> Duration {
        let since = self.waits.load(Ordering::Relaxed);
        let now = if since > 0 { self.now().saturating_sub(since) } else { 0 };
        Duration::from_micros(self.waited.load(Ordering::Relaxed) + now)
    }

    /// Whether the client is waited for.
    pub fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed) > 0 && !self.is_done.load(Ordering::Relaxed)
    }

    /// Number of parts that the backend took.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Whether the client broke off its request, or stood still.
    pub fn is_clients_fault(&self) -> bool {
        self.is_clients_fault.load(Ordering::Relaxed)
    }

    /// Microseconds since the beginning, and one more.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn begin_wait(&self) {
        if self.waits.load(Ordering::Relaxed) == 0 {
            self.waits.store(self.now(), Ordering::Relaxed);
        }
    }

    fn end_wait(&self) {
        let since = self.waits.swap(0, Ordering::Relaxed);
        if since > 0 {
            self.waited.fetch_add(self.now().saturating_sub(since), Ordering::Relaxed);
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        let Some(open) = &mut self.0 else { return Poll::Ready(None) };
        let frame = match Pin::new(&mut open.body).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                open.course.begin_wait();
                if open.patience.poll_over(context, open.stalled).is_pending() {
                    return Poll::Pending;
                }
                open.course.is_clients_fault.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err(Unfinished)));
            }
        };
        open.course.end_wait();
        open.course.steps.fetch_add(1, Ordering::Relaxed);
        open.patience.moved();
        match frame {
            Some(Ok(frame)) => {
                if open.body.is_end_stream() {
                    open.course.is_done.store(true, Ordering::Relaxed);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => {
                open.course.is_clients_fault.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(Unfinished)))
            }
            None => {
                open.course.is_done.store(true, Ordering::Relaxed);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|open| open.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |open| open.body.size_hint())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.course.is_done.load(Ordering::Relaxed) {
            self.client.leave_unread();
        }
    }
}
