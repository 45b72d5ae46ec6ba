//! Reasons against a release, and reasons why nothing can be decided, each with its remedy.
//!
//! Invariant: the ledger records the digest of a verdict with the texts of its reasons, and replay compares it. So the
//! text of an existing reason never changes.

use std::fmt;

use policy::Reason;

/// Reasons about a release. A *finding* is something else: what a scanner found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Reasons against.
    pub against: Vec<Reason>,
    /// Reasons why no decision can be made.
    pub unclear: Vec<Reason>,
}

/// A flaw of the evidence: it is forged, contradictory or missing. The caller knows the remedy.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{code}: {what}")]
pub struct Flaw {
    /// Code of the reason.
    pub code: &'static str,
    /// Description of the fault.
    pub what: String,
}

impl Flaw {
    pub(crate) fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into() }
    }
}

impl Reasons {
    pub(crate) fn against(&mut self, code: &str, what: impl Into<String>, remedy: &str) {
        self.against.push(reason(code, what, remedy));
    }

    /// Whether there are reasons, and each of them has this code.
    #[must_use]
    pub fn are_only(&self, code: &str) -> bool {
        let mut all = self.against.iter().chain(&self.unclear).peekable();
        all.peek().is_some() && all.all(|reason| reason.code == code)
    }

    pub(crate) fn unclear(&mut self, code: &str, what: impl Into<String>, remedy: &str) {
        self.unclear.push(reason(code, what, remedy));
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.against.iter().chain(&self.unclear);
        let lines: Vec<_> = all.map(|reason| format!("{}: {}", reason.code, reason.what)).collect();
        f.write_str(&lines.join("; "))
    }
}

fn reason(code: &str, what: impl Into<String>, remedy: &str) -> Reason {
    Reason { code: code.to_owned(), what: what.into(), remedy: remedy.to_owned(), finding: None }
}

/// Reasons with a single reason against the release.
pub fn one_reason(code: &str, what: impl Into<String>, remedy: &str) -> Reasons {
    Reasons { against: vec![reason(code, what, remedy)], unclear: Vec::new() }
}

/// The reason for a flaw whose only remedy is other evidence.
pub fn broken(flaw: Flaw) -> Reasons {
    one_reason(flaw.code, flaw.what, NEW_BUNDLE)
}

pub const NEW_BUNDLE: &str = "ask for the evidence again; if it stays so, somebody has changed it";
pub const FORKED: &str = "do not sign or apply anything, and tell your colleagues: its history was changed";
pub const PIN: &str = "pin the root that your colleagues have";
pub const RENEW_ROOT: &str = "have the root holders sign a new root";
