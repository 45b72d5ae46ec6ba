//! Streams of HTTP/2 whose client does not read: each request of a connection has a task, which ends if its answer lies ready
//! for too long.
//!
//! Invariant: an answer for which the backend is waited for is not meant. A client can keep its connection busy otherwise, so
//! the time is that of the stream.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;

use crate::patience::Patience;

tokio::task_local! {
    static STREAM: Arc<Mark>;
}

/// Marks of a stream.
#[derive(Debug, Default)]
struct Mark {
    /// A part of the answer was handed over, and nobody asked for the next one.
    is_offered: AtomicBool,
    /// Something was asked for since the last look.
    has_moved: AtomicBool,
}

/// Runs the tasks of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    /// Time for which an answer may lie ready.
    pub stalled: Duration,
}

/// Notes that a part of the answer was asked for, and whether there was one.
pub fn note(is_offered: bool) {
    // By HTTP/1.1 there is no task for each request, and the stream itself is looked at.
    let _ = STREAM.try_with(|mark| {
        mark.is_offered.store(is_offered, Ordering::Relaxed);
        mark.has_moved.store(true, Ordering::Relaxed);
    });
}

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (stalled, mark) = (self.stalled, Arc::new(Mark::default()));
        let own = Arc::clone(&mark);
        tokio::spawn(STREAM.scope(mark, async move {
            let (mut stream, mut patience) = (pin!(stream), Patience::default());
            std::future::poll_fn(move |context| {
                if stream.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                if own.has_moved.swap(false, Ordering::Relaxed) || !own.is_offered.load(Ordering::Relaxed) {
                    patience.moved();
                }
                if own.is_offered.load(Ordering::Relaxed) {
                    return patience.poll_over(context, stalled);
                }
                Poll::Pending
            })
            .await;
        }));
    }
}
