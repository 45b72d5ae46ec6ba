//! A piece of the log of one piece of work on one runner.

use serde::Serialize;

use super::shared::{Badge, Time};

/// A log, of which the page shows one piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Log {
    /// The project.
    pub project: String,
    /// The run's id.
    pub run: String,
    /// The run's page.
    pub run_href: String,
    /// Name of the work.
    pub work: String,
    /// The runner.
    pub runner: String,
    /// Its state: `complete`, `live`.
    pub badge: Badge,
    /// Its page, without a query. Links to a line add `?line=N#LN`; a search adds `?q=WORD`.
    pub href: String,
    /// Address of all its bytes.
    pub raw: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Number of its lines, if they were counted.
    pub lines_total: Option<u64>,
    /// The lines of this piece in order; of a search, the lines that hold the word.
    pub lines: Vec<LogLine>,
    /// Address of the piece before this one.
    pub earlier: Option<String>,
    /// Address of the piece after this one. For a live log, this address also answers with lines that come later.
    pub later: Option<String>,
    /// Address of the last piece.
    pub newest: Option<String>,
    /// The search, if the page answers one.
    pub search: Option<Search>,
    /// The same work on other runners.
    pub others: Vec<super::run::LogLink>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct LogLine {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes as text, with colour codes and without the end of the line.
    pub text: String,
    /// Its time, if the log has times.
    pub time: Option<Time>,
}

/// A search within a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Search {
    /// The word.
    pub query: String,
    /// Number of lines that were found.
    pub found: u64,
    /// Whether the whole log was searched.
    pub complete: bool,
}
