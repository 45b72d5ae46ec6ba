//! Windows: the times in which releases of a place may begin, named by the environment statement. Format:
//! `docs/formats/windows.md`.
//!
//! Invariant: a moment is open only inside one of the listed intervals; before `from`, from `until` on and between intervals the
//! windows are closed. This module knows no calendars and no time zones: crate `calendar` makes the intervals on the
//! machine of a signer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::{Digest, Moment};

/// Largest document in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// Highest number of intervals.
pub const INTERVALS_MAX: usize = 4_096;
/// Highest number of sources.
pub const SOURCES_MAX: usize = 64;
/// Longest time that a document may speak about.
pub const SPAN_MAX: Duration = Duration::from_secs(400 * 24 * 3_600);
/// Longest name of a source and of a compiler, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// The times in which releases may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Version of this format; 1.
    pub v: u8,
    /// First moment that the document speaks about.
    pub from: Moment,
    /// First moment that it no longer speaks about.
    pub until: Moment,
    /// Open intervals: sorted, none touches the next.
    pub open: Vec<Interval>,
    /// Files that the intervals were compiled from, sorted by name.
    pub sources: Vec<WindowSource>,
    /// Program and zone data that compiled them.
    pub compiled_by: String,
}

/// An interval, written `[start, end]`: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Moment, Moment)", into = "(Moment, Moment)")]
pub struct Interval {
    /// First moment inside.
    pub start: Moment,
    /// First moment after it.
    pub end: Moment,
}

/// A file that intervals were compiled from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSource {
    /// Name of the file, as the rules name it.
    pub name: String,
    /// Digest of its bytes.
    pub digest: Digest,
}

/// The state of windows at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// A release may begin.
    Open {
        /// First moment at which it may no longer.
        until: Moment,
    },
    /// No release may begin.
    Closed {
        /// The next opening; absent if the document has none.
        opens: Option<Moment>,
    },
}

/// Errors of reading windows.
#[derive(Debug, thiserror::Error)]
pub enum WindowsError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A rule of the format is broken.
    #[error("windows: {0}")]
    Rule(&'static str),
}

impl Windows {
    /// Parses windows.
    ///
    /// # Errors
    /// `WindowsError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, WindowsError> {
        let windows: Self = canonical::decode("windows", bytes, BYTES_MAX)?;
        windows.check().map(|()| windows)
    }

    /// Encodes the windows into their canonical bytes. Their digest names them.
    ///
    /// # Errors
    /// `WindowsError` when a rule is broken.
    pub fn encode(&self) -> Result<Vec<u8>, WindowsError> {
        self.check()?;
        let bytes = canonical::encode("windows", self)?;
        rule(bytes.len() <= BYTES_MAX, "they have more than 256 KiB")?;
        Ok(bytes)
    }

    /// Digest that names the windows.
    ///
    /// # Errors
    /// `WindowsError` when they cannot be encoded.
    pub fn digest(&self) -> Result<Digest, WindowsError> {
        Ok(Digest::of(&self.encode()?))
    }

    /// Whether a release may begin at a moment. Judges ask nothing else.
    #[must_use]
    pub fn state_at(&self, moment: Moment) -> WindowState {
        let next = self.open.partition_point(|interval| interval.end <= moment);
        match self.open.get(next) {
            Some(interval) if interval.start <= moment => WindowState::Open { until: interval.end },
            following => WindowState::Closed { opens: following.map(|interval| interval.start) },
        }
    }

    /// The open intervals between two moments, cut at them.
    #[must_use]
    pub fn between(&self, from: Moment, until: Moment) -> Vec<Interval> {
        let cut = |it: &Interval| Interval { start: it.start.max(from), end: it.end.min(until) };
        self.open.iter().map(cut).filter(|it| it.start < it.end).collect()
    }

    fn check(&self) -> Result<(), WindowsError> {
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.from < self.until, "`until` is not after `from`")?;
        rule(self.until <= self.from.later_by(SPAN_MAX), "`until` is more than 400 days after `from`")?;
        rule(self.open.len() <= INTERVALS_MAX, "there are more than 4,096 intervals")?;
        rule(
            self.open.iter().all(|interval| interval.start < interval.end),
            "an interval ends before it starts",
        )?;
        let apart = self.open.is_sorted_by(|a, b| a.end < b.start);
        rule(apart, "`open` is not sorted, or two intervals touch")?;
        let first = self.open.first().is_none_or(|interval| self.from <= interval.start);
        let last = self.open.last().is_none_or(|interval| interval.end <= self.until);
        rule(first && last, "an interval is not between `from` and `until`")?;
        rule(self.sources.len() <= SOURCES_MAX, "there are more than 64 sources")?;
        rule(
            self.sources.is_sorted_by(|a, b| a.name < b.name),
            "`sources` are not sorted, or a name stands twice",
        )?;
        let named = |name: &String| {
            !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control)
        };
        let mut names = self.sources.iter().map(|source| &source.name).chain([&self.compiled_by]);
        rule(names.all(named), "a name is empty, has more than 128 bytes or a control character")
    }
}

impl From<(Moment, Moment)> for Interval {
    fn from((start, end): (Moment, Moment)) -> Self {
        Self { start, end }
    }
}

impl From<Interval> for (Moment, Moment) {
    fn from(interval: Interval) -> Self {
        (interval.start, interval.end)
    }
}

fn rule(holds: bool, text: &'static str) -> Result<(), WindowsError> {
    if holds { Ok(()) } else { Err(WindowsError::Rule(text)) }
}
