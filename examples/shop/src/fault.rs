//! A switch for faults, so that a release can be bad on purpose.
//!
//! It is the variable `SHOP_FAULT`, or a file named by `SHOP_FAULT_FILE`, which is read again for each request. A file may name
//! a version before the faults, so that of two versions with one directory only one is bad: `1.1.0 errors=20`.
//!
//! | word | fault |
//! |---|---|
//! | `errors=N` | N of 100 requests are answered with 500 |
//! | `latency=MS` | each request takes so many milliseconds longer |
//! | `slow=N` | only N of 100 requests take longer |
//! | `leak=BYTES` | each request keeps so much memory for ever |
//! | `crash=N` | the process aborts at its request number N |
//!
//! Faults come evenly, without chance: `errors=20` is every fifth request. `/health` is always well, so that only numbers show
//! the fault.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Faults of a process.
#[derive(Debug, Default)]
pub struct Fault {
    words: String,
    file: Option<String>,
    version: &'static str,
    requests: AtomicU64,
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Fault {
    /// The faults of this process.
    pub fn of(version: &'static str) -> Self {
        let words = env::var("SHOP_FAULT").unwrap_or_default();
        Self { words, file: env::var("SHOP_FAULT_FILE").ok(), version, ..Self::default() }
    }

    /// Whether the next request fails; it may take longer, or be the last one.
    pub fn strikes(&self) -> bool {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let words = self.words();
        let of = |name: &str| value(&words, name);
        if of("crash").is_some_and(|last| number >= last) {
            // Nobody may read it.
            let _ = writeln!(io::stderr(), "crash at request {number}, as asked for");
            std::process::abort();
        }
        if let Some(bytes) = of("leak") {
            let mut kept = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            kept.push(vec![1; usize::try_from(bytes).unwrap_or(0)]);
        }
        if let Some(time) = of("latency").filter(|_| is_struck(number, of("slow").unwrap_or(100))) {
            thread::sleep(Duration::from_millis(time));
        }
        is_struck(number, of("errors").unwrap_or(0))
    }

    fn words(&self) -> String {
        let file = self.file.as_ref().and_then(|path| fs::read_to_string(path).ok());
        let Some(text) = file else { return self.words.clone() };
        match text.split_once(' ') {
            Some((version, _)) if version.starts_with(|first: char| first.is_ascii_digit()) && version != self.version => {
                String::new()
            }
            _ => text,
        }
    }
}

/// Whether a request is among so many of 100, evenly.
fn is_struck(number: u64, of_hundred: u64) -> bool {
    number * of_hundred / 100 > (number - 1) * of_hundred / 100
}

fn value(words: &str, name: &str) -> Option<u64> {
    let pairs = words.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.filter(|(own, _)| *own == name).find_map(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_evenly() {
        let fault = Fault { words: "errors=20".into(), ..Fault::default() };
        let struck: Vec<bool> = (0..10).map(|_| fault.strikes()).collect();
        assert_eq!(struck.iter().filter(|struck| **struck).count(), 2);
        assert!(struck[4] && struck[9]);
        assert!((0..100).all(|_| !Fault::default().strikes()));
    }

    #[test]
    fn words_are_read_by_their_names() {
        assert_eq!(value("errors=5 latency=300", "latency"), Some(300));
        assert_eq!(value("errors=x", "errors"), None);
        assert_eq!(value("", "crash"), None);
    }
}
