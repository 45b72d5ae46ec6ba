//! Findings: what stands against a release, each with its remedy.

use std::fmt;

use policy::Finding;

/// What stands against a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Reasons against.
    pub against: Vec<Finding>,
    /// Reasons why no decision can be made.
    pub unclear: Vec<Finding>,
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

/// Findings with one reason against.
pub fn one_finding(code: &str, what: impl Into<String>, remedy: &str) -> Findings {
    Findings { against: vec![finding(code, what, remedy)], unclear: Vec::new() }
}

pub fn broken((code, what): (&'static str, String)) -> Findings {
    one_finding(code, what, NEW_BUNDLE)
}

pub const NEW_BUNDLE: &str = "ask for the evidence again; if it stays so, somebody has changed it";
pub const FORKED: &str = "do not sign or apply anything, and tell your colleagues: its history was changed";
pub const PIN: &str = "pin the root that your colleagues have";
pub const RENEW_ROOT: &str = "have the root holders sign a new root";
