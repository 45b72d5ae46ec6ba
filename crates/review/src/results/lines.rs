//! Lines about results: counts in words, and how many of a list are shown.

use std::collections::BTreeMap;

/// Counts in words, the severest first; `nothing` if nothing is counted.
#[must_use]
pub fn counts(items: &BTreeMap<String, u64>) -> String {
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut counted: Vec<_> = items.iter().filter(|(_, count)| **count > 0).collect();
    counted.sort_by_key(|(name, _)| place(name));
    let words: Vec<_> =
        counted.iter().map(|(name, count)| format!("{count} {}", shown::brief(name, TOOL_CHARS))).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

pub(super) fn bounded<T>(all: &[T], what: &str, lines: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    let mut shown: Vec<_> = all.iter().take(SHOWN_MAX).flat_map(lines).collect();
    shown.extend(more(all.len() as u64, all.len().min(SHOWN_MAX), what));
    shown
}

/// A line about entries that are not shown.
pub(super) fn more(all: u64, shown: usize, what: &str) -> Option<String> {
    let hidden = all.saturating_sub(shown as u64);
    let hidden = usize::try_from(hidden).unwrap_or(usize::MAX);
    (hidden > 0).then(|| {
        format!(
            "  and {}; `-o json` lists the first {LISTED_MAX}",
            shown::many(hidden, &format!("more {what}"))
        )
    })
}

/// Most findings and tests that are listed as data.
pub const LISTED_MAX: usize = 100;
/// Most that are shown as text.
pub(super) const SHOWN_MAX: usize = 10;
pub(super) const PATH_CHARS: usize = 120;
pub(super) const TOOL_CHARS: usize = 60;
pub(super) const MESSAGE_CHARS: usize = 160;
/// Names of counts, in the order of text.
const ORDER: [&str; 12] = [
    "critical",
    "high",
    "unknown",
    "medium",
    "low",
    "none",
    "unconfirmed",
    "failed",
    "error",
    "passed",
    "flaky",
    "skipped",
];
