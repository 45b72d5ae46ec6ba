//! A page that could not be shown.

use serde::Serialize;

use super::shared::Command;

/// Reason why a page could not be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Problem {
    /// The status of the answer.
    pub status: u16,
    /// A sentence: `This release does not exist`.
    pub title: String,
    /// More about it, and the next action.
    pub detail: String,
    /// Commands that resolve it.
    pub commands: Vec<Command>,
    /// A page that goes on from here, with its name.
    pub onward: Option<(String, String)>,
}
