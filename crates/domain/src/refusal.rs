//! Refusals: decisions against a command, with all reasons and their remedies.
//!
//! Invariant: a refusal has at least one reason. Codes are stable and in kebab-case; texts may be improved.
//! A refusal is data and is recorded; it is never an `Error`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason against a command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable code, for instance `subject-taken`.
    pub code: String,
    /// Description of the problem: a sentence without a full stop.
    pub what: String,
    /// Action that resolves the problem.
    pub remedy: String,
}

/// A decision against a command. It is serialized as the list of its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Reason>", into = "Vec<Reason>")]
pub struct Refusal {
    first: Reason,
    rest: Vec<Reason>,
}

impl Reason {
    /// Creates a reason.
    #[must_use]
    pub fn new(code: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.to_owned(), what: what.into(), remedy: remedy.into() }
    }
}

impl Refusal {
    /// Creates a refusal from reasons; `None` for an empty list.
    #[must_use]
    pub fn of(reasons: Vec<Reason>) -> Option<Self> {
        let mut reasons = reasons.into_iter();
        reasons.next().map(|first| Self { first, rest: reasons.collect() })
    }

    /// The same refusal with every text cut to this number of characters.
    #[must_use]
    pub fn with_texts_of(self, chars_max: usize) -> Self {
        let cut = |text: String| match text.char_indices().nth(chars_max) {
            Some((at, _)) => format!("{}…", text.split_at(at).0),
            None => text,
        };
        let cut = |reason: Reason| Reason { what: cut(reason.what), remedy: cut(reason.remedy), ..reason };
        Self { first: cut(self.first), rest: self.rest.into_iter().map(cut).collect() }
    }

    /// All reasons, in the order in which they were found.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// The error of a refusal without a reason.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a refusal needs at least one reason")]
pub struct NoReason;

impl TryFrom<Vec<Reason>> for Refusal {
    type Error = NoReason;

    fn try_from(reasons: Vec<Reason>) -> Result<Self, Self::Error> {
        Self::of(reasons).ok_or(NoReason)
    }
}

impl From<Refusal> for Vec<Reason> {
    fn from(refusal: Refusal) -> Self {
        std::iter::once(refusal.first).chain(refusal.rest).collect()
    }
}

impl From<Reason> for Refusal {
    fn from(first: Reason) -> Self {
        Self { first, rest: Vec::new() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.reasons().map(|r| format!("{}: {}; {}", r.code, r.what, r.remedy)).collect();
        f.write_str(&lines.join("\n"))
    }
}
