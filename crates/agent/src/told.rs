//! Warnings that are said once, and again only after they were not true for a while.
//!
//! Invariant: an agent looks every two seconds. A fault that stays is said when it begins, not at each look.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tracing::warn;

/// The warnings of the last look, and those of this one.
#[derive(Debug, Default)]
pub struct Told {
    before: BTreeSet<String>,
    now: BTreeSet<String>,
}

impl Told {
    /// Says a warning, unless the last look said it, too.
    pub fn warn(&mut self, text: String) {
        if self.is_new(text.clone()) {
            warn!("{text}");
        }
    }

    /// Ends a look.
    pub fn end_turn(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    fn is_new(&mut self, text: String) -> bool {
        let is_new = !self.before.contains(&text);
        self.now.insert(text) && is_new
    }
}

/// Says a warning, unless the last one was the same.
pub fn told_if_new(last: &Mutex<String>, text: String) {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if *last != text {
        warn!("{text}");
        *last = text;
    }
}

#[cfg(test)]
mod tests {
    use super::Told;

    #[test]
    fn what_stays_wrong_is_said_once_and_again_after_it_was_right() {
        let mut told = Told::default();
        let mut look = |texts: &[&str]| {
            let said: Vec<bool> = texts.iter().map(|text| told.is_new((*text).to_owned())).collect();
            told.end_turn();
            said
        };
        assert_eq!(look(&["a", "a", "b"]), [true, false, true]);
        assert_eq!(look(&["b"]), [false]);
        assert_eq!(look(&["a", "b"]), [true, false]);
        assert_eq!(look(&[]), [false; 0]);
        assert_eq!(look(&["b"]), [true]);
    }
}
