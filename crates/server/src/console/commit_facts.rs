//! Facts of a commit that people know it by.

use std::collections::BTreeMap;

use evidence::Name;

/// Facts of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// First line of its message.
    pub subject: String,
    /// Name of its author.
    pub author: String,
    /// Owners of services, as its release file names them.
    pub owners: BTreeMap<Name, String>,
}
