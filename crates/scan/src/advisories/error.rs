//! Errors of advisories.

use evidence::document::DocumentError;

/// Errors of building and reading a database of advisories, and of judging by it.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoriesError {
    /// The database cannot be read.
    #[error("the advisories cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// The database is not whole, or of another format.
    #[error("the advisories are damaged: {what}; run `countersign osv sync` again")]
    Damaged {
        /// The part, and its fault.
        what: String,
    },
    /// A record or a feed is not of its format.
    #[error("{name}: {why}; get this file again from its source, or remove it")]
    Format {
        /// Name of the file.
        name: String,
        /// The cause.
        why: String,
    },
    /// There is more than a database may hold.
    #[error("more than {max} {what}; choose fewer ecosystems with `--ecosystem`")]
    Many {
        /// Things that are counted.
        what: &'static str,
        /// Highest number.
        max: usize,
    },
    /// One vulnerability has more ids than a finding may have.
    #[error("the advisories name one vulnerability by more than {max} ids, one of them `{id}`")]
    Aliases {
        /// One of them.
        id: String,
        /// Highest number.
        max: usize,
    },
    /// The result is no sound document.
    #[error(transparent)]
    Document(#[from] DocumentError),
}
