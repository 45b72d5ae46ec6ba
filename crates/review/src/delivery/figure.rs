//! A figure by week: its value over the last four weeks, the four before, and its points.
//!
//! Invariant: a week without data has no height and says so. A median of fewer than [`FEW`] values is called too few.

use super::weeks::{RECENT, WEEKS, Weeks};
use crate::duration;

/// A figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its title.
    pub title: &'static str,
    /// Its value over the last four weeks.
    pub value: String,
    /// The things that are counted, and the value before.
    pub sentence: String,
    /// Its weeks, the oldest first.
    pub points: Vec<Point>,
}

/// A week of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The week.
    pub label: String,
    /// Its height; 0 without data.
    pub height: u64,
    /// Its value in words.
    pub value: String,
}

/// The words of a figure.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Its title.
    pub title: &'static str,
    /// The things that are counted, without a full stop.
    pub counted: &'static str,
    /// One thing that is counted, and several.
    pub unit: (&'static str, &'static str),
}

/// Spans of time by week: a median.
pub fn spans(words: Words, weeks: Weeks, by_week: &[Vec<u64>]) -> Figure {
    let value = |all: &[u64]| median(all).map(duration::words);
    let points = points(weeks, |week| {
        let all = by_week.get(week).map(Vec::as_slice).unwrap_or_default();
        match value(all) {
            Some(said) => {
                (median(all).unwrap_or_default().max(1), format!("{said}, {}", count(words, all.len())))
            }
            None => (0, format!("no {}", words.unit.0)),
        }
    });
    let recent = together(by_week, WEEKS - RECENT);
    let before = together(by_week, WEEKS - 2 * RECENT);
    Figure {
        title: words.title,
        value: value(&recent).unwrap_or_else(|| NOTHING.to_owned()),
        sentence: sentence(words, recent.len(), (before.len(), value(&before))),
        points,
    }
}

/// Parts of a whole by week: a share in percent.
pub fn shares(words: Words, weeks: Weeks, by_week: &[(u64, u64)]) -> Figure {
    let value = |(part, all): (u64, u64)| (all > 0).then(|| format!("{} %", percent(part, all)));
    let points = points(weeks, |week| {
        let (part, all) = by_week.get(week).copied().unwrap_or_default();
        match value((part, all)) {
            Some(said) => (percent(part, all), format!("{said}, {part} of {}", number(words, all))),
            None => (0, format!("no {}", words.unit.0)),
        }
    });
    let sum = |from: usize| {
        let some = by_week.iter().skip(from).take(RECENT);
        some.fold((0, 0), |(part, all), (more, of)| (part + more, all + of))
    };
    let (recent, before) = (sum(WEEKS - RECENT), sum(WEEKS - 2 * RECENT));
    let size = |all: u64| usize::try_from(all).unwrap_or(usize::MAX);
    let sentence = match (recent, value(before)) {
        ((_, 0), was) => sentence(words, 0, (size(before.1), was)),
        ((part, all), was) => {
            let counted = format!("{}: {part} of {} in four weeks", words.counted, number(words, all));
            match was {
                Some(was) if size(before.1) >= FEW && size(all) >= FEW => {
                    format!("{counted}. It was {was} in the four before.")
                }
                _ if size(all) < FEW => format!("{counted}, too few for a trend."),
                _ => format!("{counted}. It is too early to compare."),
            }
        }
    };
    Figure {
        title: words.title,
        value: value(recent).unwrap_or_else(|| NOTHING.to_owned()),
        sentence,
        points,
    }
}

/// Numbers by week.
pub fn numbers(words: Words, weeks: Weeks, by_week: &[u64]) -> Figure {
    let points = points(weeks, |week| {
        let all = by_week.get(week).copied().unwrap_or_default();
        (all, if all == 0 { format!("no {}", words.unit.0) } else { number(words, all) })
    });
    let sum = |from: usize| by_week.iter().skip(from).take(RECENT).sum::<u64>();
    let (recent, before) = (sum(WEEKS - RECENT), sum(WEEKS - 2 * RECENT));
    let was = format!("{}; {} in the four weeks before.", words.counted, number(words, before));
    Figure { title: words.title, value: format!("{recent} in four weeks"), sentence: was, points }
}

/// The middle one of several values; of an even number, the mean of the middle two.
pub fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let (half, last) = (sorted.len() / 2, sorted.len().checked_sub(1)?);
    let upper = sorted.get(half.min(last))?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    sorted.get(half - 1).map(|lower| lower.midpoint(*upper))
}

fn points(weeks: Weeks, of: impl Fn(usize) -> (u64, String)) -> Vec<Point> {
    let point = |week| {
        let (height, value) = of(week);
        Point { label: weeks.label(week), height, value }
    };
    (0..WEEKS).map(point).collect()
}

/// All values of the four weeks from one on.
fn together(by_week: &[Vec<u64>], from: usize) -> Vec<u64> {
    by_week.iter().skip(from).take(RECENT).flatten().copied().collect()
}

fn sentence(words: Words, recent: usize, (before, value): (usize, Option<String>)) -> String {
    let counted = words.counted;
    match (recent, value) {
        (0, None) => format!("{counted}. There is no {} in eight weeks.", words.unit.0),
        (0, Some(value)) => {
            format!("{counted}. There is no {} in four weeks; {value} in the four before.", words.unit.0)
        }
        (recent, _) if recent < FEW => format!("{counted}. {}, too few for a trend.", count(words, recent)),
        (recent, Some(value)) if before >= FEW => {
            format!("{counted}: {} in four weeks. It was {value} in the four before.", count(words, recent))
        }
        (recent, _) => {
            format!("{counted}: {} in four weeks. It is too early to compare.", count(words, recent))
        }
    }
}

fn count(words: Words, count: usize) -> String {
    shown::counted(count, words.unit.0, words.unit.1)
}

fn number(words: Words, all: u64) -> String {
    count(words, usize::try_from(all).unwrap_or(usize::MAX))
}

/// A share in percent, to the nearest one; only none of them is 0, and only all of them are 100.
fn percent(part: u64, all: u64) -> u64 {
    let Some(nearest) = (part * 200 + all).checked_div(all * 2) else { return 0 };
    match part {
        0 => 0,
        part if part >= all => 100,
        _ => nearest.clamp(1, 99),
    }
}

/// The value of a figure without data.
pub const NOTHING: &str = "nothing yet";
/// Fewer values than these give no trend.
pub const FEW: usize = 3;
