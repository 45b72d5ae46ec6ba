//! The order of versions of RPM's packages (<https://rpm.org/docs/latest/manual/dependencies.html#versioning>).
//!
//! Invariant: numbers have any length; `~` is before everything, the end too, and `^` behind the end alone.

use std::cmp::Ordering;

use super::dpkg::{numbers, split};

/// A version: `EPOCH:VERSION-RELEASE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rpm {
    epoch: u64,
    version: String,
    release: Option<String>,
}

impl Rpm {
    /// Reads a version; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        let is_plain = |letter: char| letter.is_ascii_graphic() && letter != '-';
        let is_sound = |part: &str| !part.is_empty() && part.chars().all(is_plain);
        let is_sound = is_sound(version) && release.is_none_or(is_sound);
        is_sound.then(|| Self { epoch, version: version.to_owned(), release: release.map(str::to_owned) })
    }

    /// Compares two versions. One without a release stands for all releases, as in dependencies.
    pub fn compare(&self, other: &Self) -> Ordering {
        let versions = || compare(self.version.as_bytes(), other.version.as_bytes());
        let releases = || match (&self.release, &other.release) {
            (Some(one), Some(other)) => compare(one.as_bytes(), other.as_bytes()),
            _ => Ordering::Equal,
        };
        self.epoch.cmp(&other.epoch).then_with(versions).then_with(releases)
    }
}

fn compare(mut one: &[u8], mut other: &[u8]) -> Ordering {
    let is_sign = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^');
    loop {
        one = split(one, is_sign).1;
        other = split(other, is_sign).1;
        match (one, other) {
            ([b'~', rest @ ..], [b'~', other_rest @ ..]) | ([b'^', rest @ ..], [b'^', other_rest @ ..]) => {
                (one, other) = (rest, other_rest);
                continue;
            }
            ([b'~', ..], _) | ([], [b'^', ..]) => return Ordering::Less,
            (_, [b'~', ..]) | ([b'^', ..], []) => return Ordering::Greater,
            // Against anything but the end, what follows `^` is older.
            ([b'^', ..], _) => return Ordering::Less,
            (_, [b'^', ..]) => return Ordering::Greater,
            ([], []) => return Ordering::Equal,
            ([], _) => return Ordering::Less,
            (_, []) => return Ordering::Greater,
            ([first, ..], [other_first, ..]) => {
                let (is_number, other_is_number) = (first.is_ascii_digit(), other_first.is_ascii_digit());
                if is_number != other_is_number {
                    // A number is newer than a word.
                    return is_number.cmp(&other_is_number);
                }
                let is_same = |byte: &u8| byte.is_ascii_alphanumeric() && byte.is_ascii_digit() == is_number;
                let (part, rest) = split(one, is_same);
                let (other_part, other_rest) = split(other, is_same);
                let order = if is_number { numbers(part, other_part) } else { part.cmp(other_part) };
                if order.is_ne() {
                    return order;
                }
                (one, other) = (rest, other_rest);
            }
        }
    }
}
