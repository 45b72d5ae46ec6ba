//! Requests to the ledger of a place for as long as the demo runs, at a steady rate, and what became of them.
//!
//! Invariant: a request is counted once, as answered or as failed; an answer counts only whole. The next request does not wait for the
//! one before (an open loop), so a service that stalls is not asked less.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Running requests to one place.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
    /// The first failures, in words.
    why: Mutex<Vec<String>>,
}

/// Counts of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests that were answered with status 200.
    pub answered: u64,
    /// Requests that were not: another status, or none.
    pub failed: u64,
}

impl Traffic {
    /// Asks the service at a port of this machine for its balance.
    pub fn to(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let begun = Instant::now();
        let threads = (0..CLIENTS).map(|client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.ask(port, begun + PERIOD / CLIENTS * client))
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// The first failures, in words.
    pub fn why(&self) -> Vec<String> {
        self.shared.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counts so far.
    pub fn counted(&self) -> Counted {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted { answered: of(&self.shared.answered), failed: of(&self.shared.failed) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Counted {
    /// The sum of two.
    pub const fn plus(self, other: Self) -> Self {
        Self { answered: self.answered + other.answered, failed: self.failed + other.failed }
    }

    /// The counts since others.
    pub const fn since(self, before: Self) -> Self {
        Self { answered: self.answered - before.answered, failed: self.failed - before.failed }
    }
}

impl Shared {
    fn ask(&self, port: u16, mut next: Instant) {
        while !self.is_over.load(Ordering::Relaxed) {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let begun = Instant::now();
            let count = match balance(port) {
                Ok(()) => &self.answered,
                Err(error) => {
                    let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
                    if why.len() < WHY_MAX {
                        why.push(format!("{error} after {} ms", begun.elapsed().as_millis()));
                    }
                    &self.failed
                }
            };
            count.fetch_add(1, Ordering::Relaxed);
            next += PERIOD;
        }
    }
}

/// One request; fails unless its answer is whole and has status 200.
fn balance(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /balance HTTP/1.1\r\nHost: ledger\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let is_answer = head.starts_with("HTTP/1.1 200") && body.parse::<i64>().is_ok();
    let first = head.lines().next().unwrap_or_default();
    if is_answer { Ok(()) } else { Err(std::io::Error::other(format!("`{first}` and {} bytes", body.len()))) }
}

/// Clients of one place, and the time between two requests of each: 100 requests a second.
const CLIENTS: u32 = 4;
const PERIOD: Duration = Duration::from_millis(40);
/// Time after which an answer counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);
const WHY_MAX: usize = 16;
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
