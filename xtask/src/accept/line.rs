//! A line of an area, as a value.

use crate::command::TaskResult;

/// One line of an area.
pub struct Line {
    /// The claim of the line.
    pub claim: &'static str,
    /// Filters of the tests that prove it, or parts of it.
    pub shown_by: &'static [&'static str],
    /// Another check that is run.
    pub done_by: Option<fn() -> TaskResult>,
    /// The part of it that is not built or not proven yet.
    pub lacks: Option<&'static str>,
}
