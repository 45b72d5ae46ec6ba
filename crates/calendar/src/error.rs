//! Errors of rules and calendars: each names its place and the remedy.

use std::io;

use evidence::windows::WindowsError;

/// Errors of compiling windows.
#[derive(Debug, thiserror::Error)]
pub enum CalendarError {
    /// A file says something that is unsound, or that this program does not know.
    #[error("{place}: {what}")]
    Fault {
        /// File, and line or rule.
        place: String,
        /// The fault and its remedy.
        what: String,
    },
    /// A file cannot be read.
    #[error("{name}: {source}")]
    Read {
        /// The file.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// The intervals do not fit into a document.
    #[error(transparent)]
    Windows(#[from] WindowsError),
}

/// A fault without its place, which callers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct What(pub String);

impl What {
    pub(crate) fn at(self, place: impl Into<String>) -> CalendarError {
        CalendarError::Fault { place: place.into(), what: self.0 }
    }
}

/// A fault of a text.
pub(crate) fn what<T>(text: impl Into<String>) -> Result<T, What> {
    Err(What(text.into()))
}

/// At most 60 characters of a foreign text, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    short.escape_debug().to_string()
}
