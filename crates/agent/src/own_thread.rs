//! A dedicated thread for a value that works with child processes.
//!
//! Invariant: every operation on the value runs on one thread, which lives as long as the handle. The kernel ends a child
//! that follows its parent when the *thread* ends that started it (prctl(2), `PR_SET_PDEATHSIG`), and a runtime ends its
//! threads for blocking work after some idle time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

/// A value on a dedicated thread.
#[derive(Debug)]
pub struct OwnThread<T> {
    jobs: SyncSender<Job<T>>,
}

/// Why something was not done to its end.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OwnThreadError {
    /// Too much waits already.
    #[error("too much is waiting to be done")]
    Full,
    /// It panicked.
    #[error("it failed unexpectedly; please report it")]
    Panicked,
    /// The thread ended meanwhile.
    #[error("the thread has ended")]
    Ended,
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

impl<T: Send + 'static> OwnThread<T> {
    /// Moves a value to a new thread.
    pub fn start(name: &str, mut value: T) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job<T>>(WAITING_MAX);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            for job in queue {
                job(&mut value);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Does something with the value, after what was asked before.
    ///
    /// # Errors
    /// `OwnThreadError` when it was not done to its end.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, OwnThreadError> {
        let (answer, answered) = oneshot::channel();
        let job: Job<T> = Box::new(move |value| {
            let done = catch_unwind(AssertUnwindSafe(|| work(value)));
            // Nobody waits any more: what was to be done is done all the same.
            drop(answer.send(done.map_err(|_| OwnThreadError::Panicked)));
        });
        self.jobs.try_send(job).map_err(|_| OwnThreadError::Full)?;
        answered.await.map_err(|_| OwnThreadError::Ended)?
    }
}

/// Most operations that wait.
const WAITING_MAX: usize = 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    /// Operations at the same time, which a pool would spread over its threads, and an operation after a panic.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everything_is_done_on_one_thread_in_order() {
        let own = OwnThread::start("test", Vec::new()).unwrap();
        let noted = |note: u32| {
            own.run(move |notes: &mut Vec<u32>| {
                notes.push(note);
                (thread::current().id(), notes.clone())
            })
        };
        let (first, second, third) = tokio::join!(noted(1), noted(2), noted(3));
        let threads = [first.unwrap().0, second.unwrap().0, third.as_ref().unwrap().0];
        assert_eq!(third.unwrap().1, [1, 2, 3]);
        let panicked = own.run(|_| panic!("on purpose")).await;
        assert_eq!(panicked, Err::<(), _>(OwnThreadError::Panicked));
        let (after, notes) = noted(4).await.unwrap();
        assert_eq!(notes, [1, 2, 3, 4]);
        assert_eq!(threads, [after; 3]);
        assert_ne!(after, thread::current().id());
    }
}
