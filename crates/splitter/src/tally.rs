//! The counts of one group, from its beginning to its end, and the guard of each request that it has.
//!
//! Invariant: a request is counted exactly once, however it ends: a guard that is dropped without a word was ended by its
//! client. After a group was told to drain, nothing begins there: the guard and the order look at each other's mark in
//! opposite order, so one of them sees it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::buckets::{BUCKET_LAST, bucket};
use crate::figures::{ClientErrors, Errors, GroupFigures};

/// Counts of a group.
#[derive(Debug)]
pub struct Tally {
    /// Its name.
    pub id: String,
    /// The number of the table with which it began.
    pub begun: u64,
    /// The value of the sticky cookie that stands for it, unless its table says another.
    pub token: String,
    draining: AtomicBool,
    /// Number of times that it began to drain.
    drains: AtomicU64,
    in_flight: AtomicU64,
    counts: Counts,
    latency: Box<[AtomicU64]>,
    /// The last request has ended.
    empty: Notify,
    /// All requests are broken off.
    is_cut: AtomicBool,
    cut: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    status: AtomicU64,
    connect: AtomicU64,
    broken: AtomicU64,
    timeout: AtomicU64,
    client_status: AtomicU64,
    aborted: AtomicU64,
    retried: AtomicU64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the whole of an answer.
    Answered(StatusCode),
    /// A connection without answers has ended on both sides.
    Passed,
    /// No backend took a connection.
    Connect,
    /// The backend broke it off.
    Broken,
    /// The backend did not go on.
    Timeout,
    /// The client broke it off.
    Aborted,
}

impl Tally {
    /// Begins a group.
    pub fn new(id: String, begun: u64, token: String) -> Self {
        Self {
            id,
            begun,
            token,
            draining: AtomicBool::new(false),
            drains: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            counts: Counts::default(),
            latency: (0..=BUCKET_LAST).map(|_| AtomicU64::new(0)).collect(),
            empty: Notify::new(),
            is_cut: AtomicBool::new(false),
            cut: Arc::new(Notify::new()),
        }
    }

    /// Begins a request, unless the group drains.
    pub fn enter(self: &Arc<Self>) -> Option<UnderWay> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let under_way = UnderWay { tally: Arc::clone(self), begun: Instant::now(), ended: false, cut: None };
        if self.draining.load(Ordering::SeqCst) {
            under_way.undone();
            return None;
        }
        Some(under_way)
    }

    /// Begins no further request until [`Tally::open`]. The number of this time, if it did not drain before.
    pub fn drain(&self) -> Option<u64> {
        let before = self.draining.swap(true, Ordering::SeqCst);
        (!before).then(|| self.drains.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Whether it begins no request.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Begins requests again.
    pub fn open(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
        self.draining.store(false, Ordering::SeqCst);
    }

    /// Breaks off all requests, if the group still drains since that time.
    pub fn cut_off(&self, time: u64) {
        if self.draining.load(Ordering::SeqCst) && self.drains.load(Ordering::SeqCst) == time {
            self.is_cut.store(true, Ordering::SeqCst);
            self.cut.notify_waiters();
        }
    }

    /// Requests under way.
    pub fn left(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Resolves when no request is under way.
    pub async fn emptied(&self) {
        loop {
            let empty = self.empty.notified();
            if self.left() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// Counts a request that was sent to a second backend.
    pub fn note_retry(&self) {
        self.counts.retried.fetch_add(1, Ordering::Relaxed);
    }

    /// The figures at this moment.
    pub fn figures(&self, serving: bool) -> GroupFigures {
        let counts = &self.counts;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let latency = (0..).zip(&self.latency).map(|(index, count)| (index, of(count)));
        GroupFigures {
            id: self.id.clone(),
            begun: self.begun,
            serving,
            errors: Errors {
                status: of(&counts.status),
                connect: of(&counts.connect),
                broken: of(&counts.broken),
                timeout: of(&counts.timeout),
            },
            client: ClientErrors { status: of(&counts.client_status), aborted: of(&counts.aborted) },
            retried: of(&counts.retried),
            in_flight: self.left(),
            latency: latency.filter(|(_, count)| *count > 0).collect(),
            // Last, so that no part is above the whole.
            requests: of(&counts.requests),
        }
    }

    fn count(&self, end: End) {
        let counts = &self.counts;
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let part = match end {
            End::Answered(status) if status.is_server_error() => &counts.status,
            End::Answered(status) if status.is_client_error() => &counts.client_status,
            End::Answered(_) | End::Passed => return,
            End::Connect => &counts.connect,
            End::Broken => &counts.broken,
            End::Timeout => &counts.timeout,
            End::Aborted => &counts.aborted,
        };
        part.fetch_add(1, Ordering::Relaxed);
    }

    fn leave(&self) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.empty.notify_waiters();
        }
    }
}

/// A request of a group that has not ended.
#[derive(Debug)]
pub struct UnderWay {
    tally: Arc<Tally>,
    begun: Instant,
    ended: bool,
    cut: Option<Pin<Box<OwnedNotified>>>,
}

impl UnderWay {
    /// The group's counts.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts the time to the head of its answer, without the time for which its client was waited for.
    pub fn note_head(&self, waited: Duration) {
        let time = self.begun.elapsed().saturating_sub(waited);
        let index = bucket(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        if let Some(count) = self.tally.latency.get(usize::from(index)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ready as soon as the request has to be broken off.
    pub fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let tally = &self.tally;
        let cut = self.cut.get_or_insert_with(|| Box::pin(Arc::clone(&tally.cut).notified_owned()));
        if cut.as_mut().poll(context).is_ready() || tally.is_cut.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Ends it.
    pub fn end(mut self, end: End) {
        self.ended = true;
        self.tally.count(end);
    }

    /// It never began.
    fn undone(mut self) {
        self.ended = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.ended {
            self.tally.count(End::Aborted);
        }
        self.tally.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_counted_once_by_how_it_ended() {
        let tally = Arc::new(Tally::new("a".to_owned(), 1, "t".to_owned()));
        let enter = || tally.enter().unwrap();
        for end in [
            End::Answered(StatusCode::OK),
            End::Answered(StatusCode::NOT_FOUND),
            End::Answered(StatusCode::BAD_GATEWAY),
            End::Connect,
            End::Broken,
            End::Timeout,
            End::Aborted,
            End::Passed,
        ] {
            enter().end(end);
        }
        drop(enter());
        let open = enter();
        let figures = tally.figures(true);
        assert_eq!(figures.errors, Errors { status: 1, connect: 1, broken: 1, timeout: 1 });
        assert_eq!(figures.client, ClientErrors { status: 1, aborted: 2 });
        assert_eq!((figures.requests, figures.in_flight, figures.errors.total()), (9, 1, 4));
        drop(open);
        assert_eq!((tally.left(), figures.client.total()), (0, 3));
    }

    #[test]
    fn nothing_begins_in_a_group_that_drains() {
        let tally = Arc::new(Tally::new("a".to_owned(), 1, "t".to_owned()));
        let mut open = tally.enter().unwrap();
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(open.poll_cut(&mut context).is_pending());
        tally.cut_off(0);
        assert!(open.poll_cut(&mut context).is_pending(), "it does not drain");
        assert_eq!((tally.drain(), tally.drain()), (Some(1), None));
        assert!(tally.enter().is_none());
        tally.cut_off(0);
        assert!(open.poll_cut(&mut context).is_pending(), "another time");
        tally.cut_off(1);
        assert!(open.poll_cut(&mut context).is_ready());
        drop(open);
        assert_eq!((tally.left(), tally.figures(true).requests), (0, 1));
        tally.open();
        assert!(tally.enter().is_some());
    }
}
