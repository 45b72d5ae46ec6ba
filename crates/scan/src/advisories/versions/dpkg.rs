//! The order of versions of Debian's packages (<https://www.debian.org/doc/debian-policy/ch-controlfields.html#version>).
//!
//! Invariant: numbers have any length, and `~` is before everything, the end too.

use std::cmp::Ordering;

/// A version: `EPOCH:UPSTREAM-REVISION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dpkg {
    epoch: u64,
    upstream: String,
    revision: String,
}

impl Dpkg {
    /// Reads a version; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".+-~:".contains(letter);
        let is_sound = !upstream.is_empty() && rest.chars().all(is_plain) && !revision.contains(':');
        is_sound.then(|| Self { epoch, upstream: upstream.to_owned(), revision: revision.to_owned() })
    }

    /// Compares two versions.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(self.upstream.as_bytes(), other.upstream.as_bytes()))
            .then_with(|| compare(self.revision.as_bytes(), other.revision.as_bytes()))
    }
}

/// Compares parts: text without digits, then a number, and again.
fn compare(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (text, rest) = split(one, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = split(other, |byte| !byte.is_ascii_digit());
        let (number, rest) = split(rest, u8::is_ascii_digit);
        let (other_number, other_rest) = split(other_rest, u8::is_ascii_digit);
        let order = texts(text, other_text).then_with(|| numbers(number, other_number));
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

fn texts(one: &[u8], other: &[u8]) -> Ordering {
    let longest = one.len().max(other.len());
    let ranks = (0..longest).map(|at| rank(one.get(at)).cmp(&rank(other.get(at))));
    ranks.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The rank of a character: `~`, the end, letters, everything else.
fn rank(byte: Option<&u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(byte) if byte.is_ascii_alphabetic() => 2 + u16::from(*byte),
        Some(byte) => 258 + u16::from(*byte),
    }
}

/// Compares numbers of any length.
pub(super) fn numbers(one: &[u8], other: &[u8]) -> Ordering {
    let plain = |digits: &[u8]| digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let one = one.get(plain(one)..).unwrap_or_default();
    let other = other.get(plain(other)..).unwrap_or_default();
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// The first bytes of one sort, and the rest.
pub(super) fn split(bytes: &[u8], is: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !is(byte)).unwrap_or(bytes.len()))
}
