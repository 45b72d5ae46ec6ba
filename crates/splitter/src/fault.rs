//! Why a table is refused.
//!
//! Invariant: each text names the number or the name and its bound. The file checks nothing.

/// Why a table is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Too many of something.
    #[error("{0} are more than {1}")]
    TooMany(&'static str, usize),
    /// Two groups of one name or token.
    #[error("group `{0}` has the name or token of another one")]
    Twice(String),
    /// A name that cannot be used.
    #[error("`{0}` is no name of letters, digits, `-`, `_` and `.`")]
    BadName(String),
    /// A group without processes.
    #[error("group `{0}` has a weight and no backend")]
    NoBackend(String),
    /// A number beyond its bounds.
    #[error("{0} is outside of {1} to {2}")]
    Outside(&'static str, u64, u64),
}
