//! Findings: reasons against a release, each with its remedy.
//!
//! Invariant: the ledger records the digest of a verdict with the texts of its findings, and replay compares it. So the
//! text of an existing finding never changes.

use std::fmt;

use policy::Finding;

/// Findings about a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Reasons against.
    pub against: Vec<Finding>,
    /// Reasons why no decision can be made.
    pub unclear: Vec<Finding>,
}

/// A flaw of the evidence: it is forged, contradictory or missing. The caller knows the remedy.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{code}: {what}")]
pub struct Flaw {
    /// Code of the finding.
    pub code: &'static str,
    /// Description of the fault.
    pub what: String,
}

impl Flaw {
    pub(crate) fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into() }
    }
}

impl Findings {
    pub(crate) fn against(&mut self, code: &str, what: impl Into<String>, remedy: &str) {
        self.against.push(finding(code, what, remedy));
    }

    pub(crate) fn unclear(&mut self, code: &str, what: impl Into<String>, remedy: &str) {
        self.unclear.push(finding(code, what, remedy));
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.against.iter().chain(&self.unclear);
        let lines: Vec<_> = all.map(|finding| format!("{}: {}", finding.code, finding.what)).collect();
        f.write_str(&lines.join("; "))
    }
}

fn finding(code: &str, what: impl Into<String>, remedy: &str) -> Finding {
    Finding { code: code.to_owned(), what: what.into(), remedy: remedy.to_owned() }
}

/// Findings with a single reason against the release.
pub fn one_finding(code: &str, what: impl Into<String>, remedy: &str) -> Findings {
    Findings { against: vec![finding(code, what, remedy)], unclear: Vec::new() }
}

/// The finding for a flaw whose only remedy is other evidence.
pub fn broken(flaw: Flaw) -> Findings {
    one_finding(flaw.code, flaw.what, NEW_BUNDLE)
}

pub const NEW_BUNDLE: &str = "ask for the evidence again; if it stays so, somebody has changed it";
pub const FORKED: &str = "do not sign or apply anything, and tell your colleagues: its history was changed";
pub const PIN: &str = "pin the root that your colleagues have";
pub const RENEW_ROOT: &str = "have the root holders sign a new root";
