//! The URLs of one server: the one in use, and those to turn to when it cannot be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// At least one URL, without a slash at its end.
#[derive(Clone, Debug)]
pub struct Urls(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    first: String,
    others: Vec<String>,
    turns: AtomicUsize,
}

impl Urls {
    /// One URL.
    pub fn one(url: String) -> Self {
        Self(Arc::new(Ring { first: url, others: Vec::new(), turns: AtomicUsize::new(0) }))
    }

    /// Several URLs, as preferred; `None` for an empty list.
    pub fn new(urls: Vec<String>) -> Option<Self> {
        let mut urls = urls.into_iter();
        let first = urls.next()?;
        Some(Self(Arc::new(Ring { first, others: urls.collect(), turns: AtomicUsize::new(0) })))
    }

    /// The URL in use.
    pub fn current(&self) -> &str {
        let ring = &self.0;
        let at = ring.turns.load(Ordering::Relaxed) % (ring.others.len() + 1);
        at.checked_sub(1).and_then(|other| ring.others.get(other)).unwrap_or(&ring.first)
    }

    /// Uses the next URL from now on.
    pub fn turn(&self) {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Urls;

    #[test]
    fn the_next_url_is_used_after_a_turn() {
        assert!(Urls::new(Vec::new()).is_none());
        let urls = Urls::new(["a", "b", "c"].map(String::from).to_vec()).unwrap();
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(urls.current().to_owned());
            urls.turn();
        }
        assert_eq!(seen, ["a", "b", "c", "a"]);
        let one = Urls::one("a".into());
        one.turn();
        assert_eq!(one.current(), "a");
    }
}
