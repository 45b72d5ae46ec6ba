//! The reports and observations that a policy reads: its set `reads`.
//!
//! Invariant: a repository decides which reports its steps leave; only the signed policy decides which of them must be
//! there. So a step that somebody removed is missed.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use evidence::document::DocumentKind;
use evidence::observations::ObservationKind;
use evidence::{Digest, Name};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reports of one kind that a policy reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Kind of the documents.
    pub kind: DocumentKind,
    /// Format of the reports, as pipelines declare it; `None` for any.
    #[serde(default)]
    pub format: Option<Name>,
    /// The work that may have made them.
    #[serde(default, deserialize_with = "Producers::read")]
    pub producer: Producers,
    /// Lowest number of runners that must have made the report. 0 reads it where it is there and demands nothing.
    #[serde(default = "one")]
    pub runners: u32,
    /// Highest age in days of the knowledge that the tool used. Without a known date the age is unknown, which does not
    /// meet the demand.
    #[serde(default)]
    pub days: Option<NonZeroU32>,
    /// Whether the input contains the documents. Otherwise it contains their counts only.
    #[serde(default = "yes")]
    pub content: bool,
    /// The work whose reports are meant.
    #[serde(default)]
    pub from: ReportsFrom,
}

/// The work whose reports a policy reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportsFrom {
    /// Steps of the build.
    #[default]
    Build,
    /// Checks of the release in the environment before.
    Before,
}

/// Observations of one kind, by the agents of the environment before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadObservation {
    /// The kind.
    #[serde(rename = "observation")]
    pub kind: ObservationKind,
    /// Highest age in hours. With it, the observation has to be there; without it, it is read where it is there.
    #[serde(default)]
    pub hours: Option<NonZeroU32>,
}

/// How what runs in the environment before differs from the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadParity {
    /// Whether it is read.
    pub parity: bool,
}

/// Everything that a policy reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllReads {
    /// Reports.
    pub reports: BTreeSet<Read>,
    /// Observations.
    pub observations: BTreeSet<ReadObservation>,
    /// Whether it reads how what runs in the environment before differs.
    pub parity: bool,
}

impl AllReads {
    /// The elements of a set `reads`, by what they are about.
    pub(crate) fn of(elements: BTreeSet<AnyRead>) -> Self {
        let parity = elements.contains(&AnyRead::Parity(ReadParity { parity: true }));
        let reports = elements.iter().cloned().filter_map(AnyRead::reports).collect();
        Self {
            reports,
            observations: elements.into_iter().filter_map(AnyRead::observations).collect(),
            parity,
        }
    }
}

/// An element of the set `reads`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AnyRead {
    Reports(Read),
    Observations(ReadObservation),
    Parity(ReadParity),
}

impl AnyRead {
    /// The reports, if it is about reports.
    pub(crate) fn reports(self) -> Option<Read> {
        if let Self::Reports(read) = self { Some(read) } else { None }
    }

    /// The observations, if it is about observations.
    pub(crate) fn observations(self) -> Option<ReadObservation> {
        if let Self::Observations(read) = self { Some(read) } else { None }
    }
}

impl<'de> Deserialize<'de> for AnyRead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let element = Value::deserialize(deserializer)?;
        let read = match (element.get("observation"), element.get("parity")) {
            (Some(_), _) => serde_json::from_value(element).map(Self::Observations),
            (None, Some(_)) => serde_json::from_value(element).map(Self::Parity),
            (None, None) => serde_json::from_value(element).map(Self::Reports),
        };
        read.map_err(serde::de::Error::custom)
    }
}

impl Read {
    /// The reports in words, such as `findings of format sarif`.
    #[must_use]
    pub fn reports(&self) -> String {
        match &self.format {
            Some(format) => format!("{} of format {format}", self.kind),
            None => self.kind.to_string(),
        }
    }
}

/// Why the reports that a policy reads are unknown.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ReadsError(pub(crate) String);

/// Work that may make a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Producers {
    /// Any work: presence is demanded, honesty is not.
    #[default]
    Any,
    /// The runner's own scan of the verified source.
    Runner,
    /// A step with all that it needs, by digest.
    Step(Digest),
}

impl Producers {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "any" => Ok(Self::Any),
            "runner" => Ok(Self::Runner),
            digest => digest.parse().map(Self::Step).map_err(|_| {
                serde::de::Error::custom(format!(
                    "`producer` is `{digest}`, not `any`, `runner` or the digest of a step, `sha256:...`"
                ))
            }),
        }
    }
}

impl std::fmt::Display for Producers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any step"),
            Self::Runner => f.write_str("the runner's own scan"),
            Self::Step(digest) => write!(f, "step {digest}"),
        }
    }
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}
