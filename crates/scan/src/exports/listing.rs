//! Findings as a person reads them.
//!
//! Invariant: no text of them holds a secret.

/// The findings of a scan.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The findings.
    pub rows: Vec<Row>,
    /// Files that were not scanned, each with the reason.
    pub unread: Vec<(String, String)>,
}

/// A finding.
#[derive(Clone, Debug)]
pub struct Row {
    /// Identity.
    pub id: String,
    /// Id of the rule or of the advisory.
    pub rule: String,
    /// Whether it is a secret; else it is about a package.
    pub is_secret: bool,
    /// Whether it stops the scan.
    pub is_stopping: bool,
    /// Severity, from 0.0 to 10.0.
    pub score: f32,
    /// Path of the file, if it is about one.
    pub file: Option<String>,
    /// Line, counted from 1, if it is about one.
    pub line: Option<u32>,
    /// Sentence about it.
    pub message: String,
    /// The way to mend it.
    pub remedy: String,
}
