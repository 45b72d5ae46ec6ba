//! A finding of a report, before it has an identity.
//!
//! Invariant: its rule and its message are texts that a document may hold.

use std::collections::BTreeSet;

use evidence::Moment;
use evidence::document::findings::Class;
use evidence::document::{MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, text};

use super::severity::Rating;

/// A finding of a report, before it has an identity.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Sort of the problem.
    pub class: Class,
    /// Id of the rule, or the record's own id of an advisory.
    pub rule: String,
    /// Other ids of the same problem.
    pub aliases: BTreeSet<String>,
    /// Severity.
    pub rating: Rating,
    /// Probability of exploitation, in hundredths of a percent.
    pub epss: Option<u16>,
    /// Whether the problem is known to be exploited.
    pub exploited: bool,
    /// Whether the tool only suspects it.
    pub unconfirmed: bool,
    /// Whether it says that something was not read.
    pub undecided: bool,
    /// The tool's sentence.
    pub message: String,
    /// Place.
    pub place: DraftSite,
    /// Time at which the advisory was published.
    pub published: Option<Moment>,
    /// Smallest version without the problem.
    pub fixed: Option<String>,
}

/// Place of a draft. Drafts of a file are ordered by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DraftSite {
    /// A place in a file.
    File {
        /// Path, see `path`.
        path: String,
        /// Lines and columns.
        region: Region,
    },
    /// A package URL.
    Component(String),
    /// Method, path and parameter of a request.
    Page(String, String, Option<String>),
    /// No place.
    Whole,
}

/// Lines and columns of a place. Absent values come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Region {
    /// First line.
    pub first: Option<u32>,
    /// Column in the first line.
    pub column: Option<u32>,
    /// Last line.
    pub last: Option<u32>,
    /// Column in the last line.
    pub end: Option<u32>,
}

impl Draft {
    /// A draft of which only the needed parts are known. Rule and message are cut here, because a report may name one
    /// long text in each of its entries.
    pub(super) fn new(class: Class, rule: &str, rating: Rating, message: &str, place: DraftSite) -> Self {
        Self {
            class,
            rule: text(rule, TEXT_BYTES_MAX),
            aliases: BTreeSet::new(),
            rating,
            epss: None,
            exploited: false,
            unconfirmed: false,
            undecided: false,
            message: text(message, MESSAGE_BYTES_MAX),
            place,
            published: None,
            fixed: None,
        }
    }
}
