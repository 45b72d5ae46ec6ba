//! A natural order of versions of any ecosystem: it decides which of two stated fixes a joined finding keeps.
//!
//! Invariant: the order is total, so that the answer does not depend on which of two documents comes first. It is not the
//! order of an ecosystem: nothing decides by it whether a version is vulnerable.

use std::cmp::Ordering;

/// The later of two versions; equal ones are told apart by their text.
pub(super) fn later(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if compare(&one, &other).is_ge() { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// Compares part by part: numbers as numbers, `1.0-rc1` before `1.0`, `1.0` before `1.0.1`, `1.0a` and `1.0-2`.
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    parts(one).cmp(&parts(other)).then_with(|| one.cmp(other))
}

/// A part of a version, in the order of the kinds.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'v> {
    /// A word that names a version before the release.
    Before(String),
    End,
    Word(&'v str),
    /// A number of any length: without zeros in front, the longer one is greater.
    Number(usize, &'v str),
}

fn parts(version: &str) -> Vec<Part<'_>> {
    let version = version.trim();
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let (epoch, version) = match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (epoch, rest)
        }
        _ => ("0", version),
    };
    // Build metadata says nothing about the order.
    let mut rest = version.split('+').next().unwrap_or_default();
    let mut parts = vec![number(epoch)];
    while let Some(first) = rest.chars().next() {
        if first == '~' {
            parts.push(Part::Before(String::new()));
        }
        let is_part: fn(char) -> bool = match first {
            c if c.is_ascii_digit() => |c| c.is_ascii_digit(),
            c if c.is_alphabetic() => char::is_alphabetic,
            _ => {
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
        };
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        rest = tail;
        let word = part.to_lowercase();
        parts.push(match () {
            () if first.is_ascii_digit() => number(part),
            // A single letter is a later release, unless a number follows: `1.0.2a`, but `1.0a1`.
            () if BEFORE.contains(&word.as_str())
                && (word.len() > 1 || rest.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                Part::Before(word)
            }
            () => Part::Word(part),
        });
    }
    parts.push(Part::End);
    parts
}

fn number(digits: &str) -> Part<'_> {
    let digits = digits.trim_start_matches('0');
    Part::Number(digits.len(), digits)
}

/// Words of versions that come before their release.
const BEFORE: [&str; 11] = ["a", "alpha", "b", "beta", "c", "dev", "m", "pre", "preview", "rc", "snapshot"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        let versions = [
            "",
            "0.9",
            "v1.0.dev1",
            "1.0-SNAPSHOT",
            "1.0",
            "1.0.0",
            "1.0.1",
            "1.0-2",
            "1.0.2",
            "1.0.2a",
            "1.0.2k-4",
            "1.0.10",
            "1.2.0-alpha",
            "1.2.0-beta.2",
            "1.2.0-beta.11",
            "1.2.0-rc.1",
            "1.2.0",
            "1.9.0",
            "1.10.0",
            "4.17.21",
            "10.0",
            "20240101",
            "99999999999999999999999",
            "1:0.1",
        ];
        let mut sorted = versions;
        sorted.reverse();
        sorted.sort_by(|a, b| compare(a, b));
        assert_eq!(sorted, versions);
        for (earlier, later) in
            [("1.0a1", "1.0"), ("1.0~rc1", "1.0"), ("1.0~rc1-1", "1.0-1"), ("2.0b2", "2.0rc1")]
        {
            assert_eq!(compare(earlier, later), Ordering::Less, "{earlier} {later}");
        }
    }

    #[test]
    fn the_later_fix_is_kept_in_either_order() {
        let texts = ["1.9", "1.10", "v1.10", "1.10+b", "\u{e9}", "1.010"];
        for one in texts {
            for other in texts {
                let kept = |a: &str, b: &str| later(Some(a.to_owned()), Some(b.to_owned())).unwrap();
                assert_eq!(kept(one, other), kept(other, one), "{one} {other}");
            }
        }
        assert_eq!(later(Some("9.0".into()), Some("10.0".into())).as_deref(), Some("10.0"));
        assert_eq!(later(None, Some("1".into())).as_deref(), Some("1"));
        assert_eq!(later(None, None), None);
    }
}
