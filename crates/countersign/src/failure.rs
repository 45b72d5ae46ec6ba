//! Failures of the command line: a message for a person, or JSON, and an exit code.

use std::fmt;
use std::process::ExitCode;

use domain::Reason;
use domain::gate::GateOutcome;
use policy::Finding;
use serde_json::json;

use crate::output::{self, Output};

/// Why a verb did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    reasons: Vec<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Error,
    Usage,
    Refused,
    Undecided,
    ReaderGone,
    Interrupted,
}

impl Failure {
    /// The world failed, or bad input: exit code 1.
    pub fn error(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Error, message: message.to_string(), reasons: Vec::new() }
    }

    /// The command line asks for something that makes no sense: exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Usage, message: message.to_string(), reasons: Vec::new() }
    }

    /// A decision went against the command: exit code 3.
    pub fn refused(entry: u64, reasons: Vec<Reason>) -> Self {
        let message = format!("refused by a decision, on record as entry {entry}");
        Self { kind: Kind::Refused, message, reasons }
    }

    /// A decision went against the command, one of more than are recorded one by one: exit code 3.
    pub fn counted(message: String, reasons: Vec<Reason>) -> Self {
        Self { kind: Kind::Refused, message, reasons }
    }

    /// A decision of a gate or agent went against it, or could not be made: exit code 3 or 4.
    pub fn decided(outcome: GateOutcome, message: impl fmt::Display, findings: Vec<Finding>) -> Self {
        let kind = if outcome == GateOutcome::Undecided { Kind::Undecided } else { Kind::Refused };
        let reason = |finding: Finding| Reason::new(&finding.code, finding.what, finding.remedy);
        Self { kind, message: message.to_string(), reasons: findings.into_iter().map(reason).collect() }
    }

    /// Somebody ended the verb, and not what it waited for: exit code 130, as a shell gives it after Ctrl-C.
    pub fn interrupted(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Interrupted, message: message.to_string(), reasons: Vec::new() }
    }

    /// Whoever reads the output has closed it and wants no more: ends quietly with exit code 0.
    pub fn reader_gone() -> Self {
        Self { kind: Kind::ReaderGone, message: "the reader has gone".into(), reasons: Vec::new() }
    }

    /// What is said of it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Prints the failure, for people on standard error or as JSON on standard output, and answers its
    /// exit code.
    pub fn report(&self, output: Output) -> ExitCode {
        match (self.kind, output) {
            (Kind::ReaderGone, _) => {}
            (_, Output::Text) => self.report_text(),
            (_, Output::Json) => {
                let said = json!({ "error": self.message, "reasons": self.reasons });
                // Whoever read a role's standard output may be gone; what went wrong is said all the same.
                if output::stream(format!("{}\n", shown::json(&said.to_string())).as_bytes()).is_err() {
                    self.report_text();
                }
            }
        }
        ExitCode::from(match self.kind {
            Kind::ReaderGone => 0,
            Kind::Error => 1,
            Kind::Usage => 2,
            Kind::Refused => 3,
            Kind::Undecided => 4,
            Kind::Interrupted => 130,
        })
    }

    fn report_text(&self) {
        output::say(&format!("error: {}", shown::text(&self.message)));
        for Reason { code, what, remedy } in &self.reasons {
            let [code, what, remedy] = [code, what, remedy].map(|text| shown::below(text));
            output::say(&format!("  {code}: {what}\n    remedy: {remedy}"));
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::error(error)
    }
}
