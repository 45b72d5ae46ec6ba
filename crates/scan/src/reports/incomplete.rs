//! A scan that did not see everything: the tool says that it left a file, a rule or a part out.
//!
//! Invariant: such a word of a tool is a finding of one fixed rule, never silence. It only warns, because a tool names
//! here also what it never meant to read; a tool that says that it failed is refused where its report is read.

use evidence::document::findings::{Class, Severity};

use super::draft::{Draft, DraftSite};
use super::severity::Rating;

/// The rule of these findings.
pub(super) const RULE: &str = "scan-incomplete";

/// The finding. Nobody knows how bad it is that a part was not read.
pub(super) fn draft(message: &str, place: DraftSite) -> Draft {
    Draft {
        unconfirmed: true,
        undecided: true,
        ..Draft::new(Class::Code, RULE, Rating::of(Severity::Unknown), message, place)
    }
}
