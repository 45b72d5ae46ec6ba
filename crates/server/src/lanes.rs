//! Two queues with one reader: one for tasks that go first, one for everything else.
//!
//! Invariant: both are bounded, and a task that goes first is read next, however many ordinary tasks wait. The reader
//! ends when every sender is gone and both queues are empty; senders are told when it has ended.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The senders' end. The queues close when it is dropped.
#[derive(Debug)]
pub struct Lanes<T>(Arc<Queues<T>>);

/// The reader's end.
#[derive(Debug)]
pub struct Tasks<T>(Arc<Queues<T>>);

/// Why a task was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneError {
    /// Its lane is full.
    Busy,
    /// The reader has ended.
    Ended,
}

/// The result of reading.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// A task.
    Task(T),
    /// No task arrived within the time limit.
    Nothing,
    /// No more tasks can arrive.
    Closed,
}

#[derive(Debug)]
struct Queues<T> {
    waiting: Mutex<Waiting<T>>,
    came: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    first: VecDeque<T>,
    ordinary: VecDeque<T>,
    closed: bool,
    ended: bool,
}

impl<T> Lanes<T> {
    /// Empty queues.
    pub fn open() -> (Self, Tasks<T>) {
        let waiting =
            Waiting { first: VecDeque::new(), ordinary: VecDeque::new(), closed: false, ended: false };
        let queues = Arc::new(Queues { waiting: Mutex::new(waiting), came: Condvar::new() });
        (Self(Arc::clone(&queues)), Tasks(queues))
    }

    /// Adds a task to its lane.
    ///
    /// # Errors
    /// `LaneError` if it was not accepted.
    pub fn send(&self, task: T, goes_first: bool) -> Result<(), LaneError> {
        let mut waiting = self.0.waiting();
        if waiting.ended {
            return Err(LaneError::Ended);
        }
        let (lane, most) = match goes_first {
            true => (&mut waiting.first, FIRST_MAX),
            false => (&mut waiting.ordinary, QUEUE_MAX),
        };
        if lane.len() >= most {
            return Err(LaneError::Busy);
        }
        lane.push_back(task);
        drop(waiting);
        self.0.came.notify_one();
        Ok(())
    }

    /// Number of tasks that wait: those that go first, and ordinary ones.
    pub fn count(&self) -> (usize, usize) {
        let waiting = self.0.waiting();
        (waiting.first.len(), waiting.ordinary.len())
    }

    /// Whether the reader has ended.
    pub fn has_ended(&self) -> bool {
        self.0.waiting().ended
    }
}

impl<T> Drop for Lanes<T> {
    fn drop(&mut self) {
        self.0.waiting().closed = true;
        self.0.came.notify_all();
    }
}

impl<T> Tasks<T> {
    /// The next task; waits for one, at most for the given time.
    pub fn next(&self, within: Option<Duration>) -> Next<T> {
        let idle = |waiting: &mut Waiting<T>| waiting.is_idle();
        let waiting = self.0.waiting();
        let mut waiting = match within {
            None => self.0.came.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner),
            Some(within) => {
                let waited = self.0.came.wait_timeout_while(waiting, within, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        match waiting.next() {
            Some(task) => Next::Task(task),
            None if waiting.closed => Next::Closed,
            None => Next::Nothing,
        }
    }

    /// The next task, if one is waiting.
    pub fn at_once(&self) -> Option<T> {
        self.0.waiting().next()
    }
}

impl<T> Drop for Tasks<T> {
    /// Senders that wait for an answer are told that none comes, also if the reader's thread has failed.
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.ended = true;
        let left = (std::mem::take(&mut waiting.first), std::mem::take(&mut waiting.ordinary));
        drop(waiting);
        drop(left);
    }
}

impl<T> Queues<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Waiting<T> {
    fn is_idle(&self) -> bool {
        self.first.is_empty() && self.ordinary.is_empty() && !self.closed
    }

    fn next(&mut self) -> Option<T> {
        self.first.pop_front().or_else(|| self.ordinary.pop_front())
    }
}

/// Most waiting ordinary tasks.
pub const QUEUE_MAX: usize = 16_384;
/// Most waiting tasks in the lane that goes first.
pub const FIRST_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FIRST_MAX, LaneError, Lanes, Next, QUEUE_MAX};
    #[test]
    fn attack_what_goes_first_is_next_when_the_queue_is_full() {
        let (lanes, tasks) = Lanes::open();
        for number in 0..QUEUE_MAX {
            lanes.send(number, false).unwrap();
        }
        assert_eq!(lanes.send(0, false), Err(LaneError::Busy));
        lanes.send(usize::MAX, true).unwrap();
        assert_eq!((tasks.at_once(), tasks.next(None)), (Some(usize::MAX), Next::Task(0)));
        for number in 0..FIRST_MAX {
            lanes.send(number, true).unwrap();
        }
        assert_eq!(lanes.send(0, true), Err(LaneError::Busy), "this lane is bounded too");
    }

    #[test]
    fn each_end_learns_that_the_other_is_gone() {
        let (lanes, tasks) = Lanes::open();
        lanes.send(1, false).unwrap();
        drop(lanes);
        assert_eq!(tasks.next(None), Next::Task(1), "waiting tasks are still read");
        assert_eq!(tasks.next(Some(Duration::MAX)), Next::Closed);
        let (lanes, tasks) = Lanes::<u32>::open();
        assert_eq!(tasks.next(Some(Duration::ZERO)), Next::Nothing);
        drop(lanes);
        let (lanes, tasks) = Lanes::open();
        let (answer, answered) = std::sync::mpsc::channel::<()>();
        lanes.send(answer, true).unwrap();
        drop(tasks);
        assert!(lanes.has_ended() && answered.recv().is_err());
        assert_eq!(lanes.send(std::sync::mpsc::channel().0, true), Err(LaneError::Ended));
    }

    #[test]
    fn a_reader_that_waits_is_woken() {
        let (lanes, tasks) = Lanes::open();
        let reader = std::thread::spawn(move || {
            let next = || if let Next::Task(number) = tasks.next(None) { Some(number) } else { None };
            std::iter::from_fn(next).sum::<u32>()
        });
        for number in 0..100 {
            lanes.send(number, number % 2 == 0).unwrap();
        }
        drop(lanes);
        assert_eq!(reader.join().unwrap(), 4_950);
    }
}
