//! A report as runners state it.

use std::collections::BTreeMap;

use evidence::Name;
use evidence::document::ReportRef;

/// One report of a step or check, as its runners state it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenReport {
    /// The step or check that left it.
    pub step: Name,
    /// Its path in the workspace.
    pub path: String,
    /// The statement of each runner about it.
    pub by: BTreeMap<Name, ReportRef>,
}
