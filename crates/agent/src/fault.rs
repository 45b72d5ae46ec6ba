//! Why something does not run.

/// Why something does not run.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what}")]
pub struct Fault {
    /// Code for the report.
    pub code: &'static str,
    /// The reason, in words.
    pub what: String,
}

impl Fault {
    /// A fault with a code for the report.
    pub fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into() }
    }
}
