//! Lines on their way to standard error: a bounded queue, and a thread that writes.
//!
//! Invariant: a thread that logs never waits for the reader of the log. A pipe that nobody empties would otherwise stop the role that
//! writes into it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

/// The way in.
#[derive(Clone, Debug, Default)]
pub struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<PendingLines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PendingLines {
    lines: VecDeque<String>,
    is_writing: bool,
    /// Lines that found no room since the last one that was written.
    lost: u64,
}

impl Queue {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// If the system starts no further thread.
    pub fn start(thread: Builder, to: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Self::default();
        let own = Self(Arc::clone(&queue.0));
        drop(thread.name("journal".into()).spawn(move || own.write(to))?);
        Ok(queue)
    }

    /// Puts a line into the queue, or counts it.
    pub fn send(&self, line: String) {
        let mut pending = self.pending();
        if pending.lines.len() < LINES_MAX {
            pending.lines.push_back(line);
            self.0.changed.notify_all();
        } else {
            pending.lost += 1;
        }
    }

    /// Waits until every line is written, for a bounded time: when nobody reads, there is nobody left to wait for.
    pub fn flush(&self) {
        let is_busy = |pending: &mut PendingLines| pending.is_writing || !pending.lines.is_empty();
        drop(self.0.changed.wait_timeout_while(self.pending(), FLUSH_MAX, is_busy));
    }

    fn write(&self, mut to: impl Write) {
        loop {
            let (line, lost) = self.next();
            // A reader that has gone, or a full disk, ends no role: the next line is tried all the same.
            let _ = to.write_all(line.as_bytes());
            if lost > 0 {
                tracing::warn!(lost, "{lost} lines were not written: standard error was not read in time");
            }
            self.pending().is_writing = false;
            self.0.changed.notify_all();
        }
    }

    /// The next line, and how many were lost before it.
    fn next(&self) -> (String, u64) {
        let mut pending = self.pending();
        loop {
            if let Some(line) = pending.lines.pop_front() {
                pending.is_writing = true;
                return (line, std::mem::take(&mut pending.lost));
            }
            pending = self.0.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn pending(&self) -> MutexGuard<'_, PendingLines> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines that wait; a line has some hundred bytes.
const LINES_MAX: usize = 4096;
const FLUSH_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::Builder;

    use super::{LINES_MAX, Queue};

    /// Writes nothing until it is let, and tells what it was given.
    struct Stuck(Receiver<()>, Sender<String>, Sender<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.2.send(());
            let _ = self.0.recv();
            self.1.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
            Err(io::Error::other("a full disk"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_thread_that_cannot_start_is_an_error() {
        // No address space has room for such a stack.
        let huge = Builder::new().stack_size(1 << 60);
        assert!(Queue::start(huge, io::sink()).is_err());
    }

    #[test]
    fn attack_a_reader_that_does_not_read_holds_nobody_up() {
        let (go, wait) = channel();
        let (sender, written) = channel();
        let (stuck, is_stuck) = channel();
        let queue = Queue::start(Builder::new(), Stuck(wait, sender, stuck)).unwrap();
        queue.send("0\n".into());
        // From here on the thread holds the first line, and takes no other and no count.
        is_stuck.recv().unwrap();
        for n in 1..LINES_MAX * 2 {
            queue.send(format!("{n}\n"));
        }
        let lost = queue.pending().lost;
        assert_eq!(lost, LINES_MAX as u64 - 1);
        drop(go);
        queue.flush();
        // A write that fails does not end the thread.
        assert_eq!(written.try_iter().count(), LINES_MAX * 2 - usize::try_from(lost).unwrap());
        queue.send("last\n".into());
        queue.flush();
        assert_eq!(written.try_iter().collect::<String>(), "last\n");
    }
}
