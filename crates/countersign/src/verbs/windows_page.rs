//! Windows as a signer reads them before a signature: their rules, and the next open times.
//!
//! Invariant: the digest of the windows stands in the statement, so whatever is not listed is signed all the same; the page says
//! how many open times it does not list, and how to list them.

use std::fmt::Write as _;

use evidence::Moment;
use evidence::windows::Windows;

use crate::failure::Failure;

/// How much of windows a page lists.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// Every open time.
    All,
    /// The next ones after a moment.
    Next(Moment),
}

/// Windows in lines: where they come from, then open times, one to a line. Bytes that are empty are no windows.
pub fn text(bytes: &[u8], extent: Extent) -> Result<String, Failure> {
    if bytes.is_empty() {
        return Ok(String::new());
    }
    let windows = Windows::decode(bytes)?;
    let Windows { from, until, compiled_by, .. } = &windows;
    let mut text = format!("=== windows from {from} until {until}, by {compiled_by}\n");
    for source in &windows.sources {
        text += &format!("from {} with digest {}\n", source.name, source.digest);
    }
    let (after, most) = match extent {
        Extent::All => (None, usize::MAX),
        Extent::Next(moment) => (Some(moment), NEXT),
    };
    let mut listed = 0;
    for open in windows.open.iter().filter(|open| after.is_none_or(|after| open.end > after)).take(most) {
        // A line that cannot be written to memory does not exist.
        let _ = writeln!(text, "open from {} until {}", open.start, open.end);
        listed += 1;
    }
    let more = windows.open.len() - listed;
    if let (1.., Some(last)) = (more, windows.open.last()) {
        let all = windows.open.len();
        let _ = writeln!(
            text,
            "and {more} more of {all} open times, the last until {}; --all lists each",
            last.end
        );
    }
    Ok(text)
}

/// The file of rules that windows were compiled from, as its author wrote it.
pub fn rules(name: &str, text: &str) -> String {
    format!("=== rules in {name}\n{}\n", text.trim_end())
}

/// Number of open times that a page lists.
const NEXT: usize = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evidence::windows::Interval;

    use super::*;

    fn windows(count: u64) -> Vec<u8> {
        let from: Moment = "2026-11-30T00:00:00.000Z".parse().unwrap();
        let hour = |hour: u64| from.later_by(Duration::from_hours(hour));
        let open = (0..count).map(|day| Interval { start: hour(24 * day + 9), end: hour(24 * day + 16) });
        let until = hour(24 * 300);
        let open = open.collect();
        let windows = Windows { v: 1, from, until, open, sources: Vec::new(), compiled_by: "a test".into() };
        windows.encode().unwrap()
    }

    #[test]
    fn the_next_times_are_listed_and_the_others_counted() {
        let bytes = windows(229);
        assert_eq!(text(&bytes, Extent::All).unwrap().lines().count(), 230);
        let now = "2026-12-02T10:00:00.000Z".parse().unwrap();
        let page = text(&bytes, Extent::Next(now)).unwrap();
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines.len(), 7, "{page}");
        assert_eq!(lines[1], "open from 2026-12-02T09:00:00.000Z until 2026-12-02T16:00:00.000Z");
        let rest =
            "and 224 more of 229 open times, the last until 2027-07-16T16:00:00.000Z; --all lists each";
        assert_eq!(lines[6], rest);
        assert_eq!(text(&windows(3), Extent::Next(now)).unwrap().lines().count(), 3, "{page}");
        assert_eq!(text(b"", Extent::All).unwrap(), "");
        assert!(text(b"{", Extent::All).is_err());
    }
}
