//! The order of versions of Alpine's packages (<https://wiki.alpinelinux.org/wiki/APKBUILD_Reference#pkgver>).
//!
//! Invariant: a text of another form than `NUMBER{.NUMBER}[LETTER]{_SUFFIX[NUMBER]}[~COMMIT][-rNUMBER]` is no version.

use std::cmp::Ordering;

use super::dpkg::{numbers, split};

/// A version: its parts, from the left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apk(Vec<Part>);

/// A part. Of two versions that are equal before it, the one whose part stands higher in this list is newer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    First(Vec<u8>),
    Number(Vec<u8>),
    Letter(u8),
    Suffix(usize, Vec<u8>),
    Commit(Vec<u8>),
    Revision(Vec<u8>),
}

impl Apk {
    /// Reads a version; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, mut rest) = digits(text.as_bytes())?;
        let mut parts = vec![Part::First(first)];
        while let Some(after) = rest.strip_prefix(b".") {
            let (number, after) = digits(after)?;
            parts.push(Part::Number(number));
            rest = after;
        }
        if let [letter @ b'a'..=b'z', after @ ..] = rest {
            parts.push(Part::Letter(*letter));
            rest = after;
        }
        while let Some(after) = rest.strip_prefix(b"_") {
            let (name, after) = split(after, u8::is_ascii_lowercase);
            let rank = SUFFIXES.iter().position(|known| known.as_bytes() == name)?;
            let (number, after) = split(after, u8::is_ascii_digit);
            parts.push(Part::Suffix(rank, number.to_vec()));
            rest = after;
        }
        if let Some(after) = rest.strip_prefix(b"~") {
            let (commit, after) = split(after, u8::is_ascii_hexdigit);
            parts.push(Part::Commit((!commit.is_empty()).then(|| commit.to_vec())?));
            rest = after;
        }
        if let Some(after) = rest.strip_prefix(b"-r") {
            let (number, after) = digits(after)?;
            parts.push(Part::Revision(number));
            rest = after;
        }
        rest.is_empty().then_some(Self(parts))
    }

    /// Compares two versions.
    pub fn compare(&self, other: &Self) -> Ordering {
        let longest = self.0.len().max(other.0.len());
        let orders = (0..longest).map(|at| match (self.0.get(at), other.0.get(at)) {
            (Some(one), Some(other)) => one.compare(other),
            (Some(one), None) => one.against_end(),
            (None, Some(other)) => other.against_end().reverse(),
            (None, None) => Ordering::Equal,
        });
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Part {
    const fn rank(&self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(..) => 3,
            Self::Commit(_) => 4,
            Self::Revision(_) => 5,
        }
    }

    /// Whether the version is one before that without the part, as a release candidate is.
    const fn is_before(&self) -> bool {
        matches!(self, Self::Suffix(rank, _) if *rank < BEFORE)
    }

    const fn against_end(&self) -> Ordering {
        if self.is_before() { Ordering::Less } else { Ordering::Greater }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::First(one), Self::First(other)) | (Self::Revision(one), Self::Revision(other)) => {
                numbers(one, other)
            }
            // A number with a zero before it is a fraction.
            (Self::Number(one), Self::Number(other)) if one.starts_with(b"0") || other.starts_with(b"0") => {
                one.cmp(other)
            }
            (Self::Number(one), Self::Number(other)) => numbers(one, other),
            (Self::Letter(one), Self::Letter(other)) => one.cmp(other),
            (Self::Suffix(one, number), Self::Suffix(other, other_number)) => {
                one.cmp(other).then_with(|| numbers(number, other_number))
            }
            (Self::Commit(one), Self::Commit(other)) => one.cmp(other),
            _ if self.is_before() => Ordering::Less,
            _ if other.is_before() => Ordering::Greater,
            _ => other.rank().cmp(&self.rank()),
        }
    }
}

fn digits(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (digits, rest) = split(bytes, u8::is_ascii_digit);
    (!digits.is_empty()).then(|| (digits.to_vec(), rest))
}

/// Known suffixes in their order: the first four are before a release.
const SUFFIXES: [&str; 9] = ["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"];
const BEFORE: usize = 4;
