//! A policy with its files, as it was read for one gate input.

use std::collections::BTreeMap;

use review::policy_facts::PolicyFacts;

/// A policy with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyReading {
    /// Texts by name.
    pub files: BTreeMap<String, String>,
    /// Everything that people ask about it; or why it cannot be read.
    pub facts: Result<PolicyFacts, String>,
}
