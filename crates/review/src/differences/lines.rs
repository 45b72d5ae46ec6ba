//! Lines of differences: of tables, of values with names, and of texts.

use std::collections::BTreeMap;

use super::difference::{Line, Sign};

impl Line {
    pub(crate) fn new(sign: Sign, text: &str) -> Self {
        Self { sign, text: shown::brief(text, LINE_CHARS) }
    }
}

/// The entries that only one of two tables has, and those that differ.
pub(super) fn of_maps<T: PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    one: impl Fn(&str, &T) -> String,
    both: impl Fn(&str, &T, &T) -> String,
) -> Vec<Line> {
    let mut rows: BTreeMap<&String, (Option<&T>, Option<&T>)> = BTreeMap::new();
    for (key, value) in old {
        rows.entry(key).or_default().0 = Some(value);
    }
    for (key, value) in new {
        rows.entry(key).or_default().1 = Some(value);
    }
    let line = |(key, row): (&String, (Option<&T>, Option<&T>))| match row {
        (None, Some(value)) => Some(Line::new(Sign::Added, &one(key, value))),
        (Some(value), None) => Some(Line::new(Sign::Removed, &one(key, value))),
        (Some(old), Some(new)) if old != new => Some(Line::new(Sign::Changed, &both(key, old, new))),
        _ => None,
    };
    rows.into_iter().filter_map(line).collect()
}

/// The same for values in words.
pub(crate) fn of_values(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Line> {
    of_maps(
        old,
        new,
        |name, value| format!("{name}: {value}"),
        |name, old, new| format!("{name}: {old} to {new}"),
    )
}

/// The lines that only one of two texts has, each as often as it is there more often: first those that are gone.
pub(crate) fn of_texts(old: &str, new: &str) -> Vec<Line> {
    let only = |text: &str, other: &str, sign| -> Vec<Line> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for line in other.lines() {
            *counts.entry(line).or_default() += 1;
        }
        let mut lines = Vec::new();
        for line in text.lines() {
            match counts.get_mut(line) {
                Some(count) if *count > 0 => *count -= 1,
                _ if line.trim().is_empty() => {}
                _ => lines.push(Line::new(sign, line)),
            }
        }
        lines
    };
    let removed = only(old, new, Sign::Removed);
    removed.into_iter().chain(only(new, old, Sign::Added)).collect()
}

const LINE_CHARS: usize = 200;
