//! Failures of the command line: a message for a person, the reasons of a decision, and an exit code.

use std::fmt;

use domain::Reason;
use domain::gate::GateOutcome;
use policy::Finding;

/// Why a verb failed.
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
    /// The world failed, or the input is invalid: exit code 1.
    pub fn error(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Error, message: message.to_string(), reasons: Vec::new() }
    }

    /// The command line is invalid: exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Usage, message: message.to_string(), reasons: Vec::new() }
    }

    /// A decision went against the command: exit code 3.
    pub fn refused(entry: u64, reasons: Vec<Reason>) -> Self {
        let message = format!("refused by a decision, recorded as entry {entry}");
        Self { kind: Kind::Refused, message, reasons }
    }

    /// A decision went against the command, but only the number of such decisions is recorded: exit code 3.
    pub fn counted(message: String, reasons: Vec<Reason>) -> Self {
        Self { kind: Kind::Refused, message, reasons }
    }

    /// A gate or an agent decided against the release, or could not decide: exit code 3 or 4.
    pub fn decided(outcome: GateOutcome, message: impl fmt::Display, findings: Vec<Finding>) -> Self {
        let kind = if outcome == GateOutcome::Undecided { Kind::Undecided } else { Kind::Refused };
        let reason = |finding: Finding| Reason::new(&finding.code, finding.what, finding.remedy);
        Self { kind, message: message.to_string(), reasons: findings.into_iter().map(reason).collect() }
    }

    /// A person ended the verb before its result was there: exit code 130, as a shell reports it after Ctrl-C.
    pub fn interrupted(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Interrupted, message: message.to_string(), reasons: Vec::new() }
    }

    /// The reader of the output has closed it: the verb ends quietly with exit code 0.
    pub fn reader_gone() -> Self {
        Self { kind: Kind::ReaderGone, message: "the reader has gone".into(), reasons: Vec::new() }
    }

    /// The message of the failure.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why the command was refused, or could not be decided.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Whether there is nobody to print it for.
    pub const fn is_quiet(&self) -> bool {
        matches!(self.kind, Kind::ReaderGone)
    }

    /// The exit code that scripts tell it by.
    pub const fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::ReaderGone => 0,
            Kind::Error => 1,
            Kind::Usage => 2,
            Kind::Refused => 3,
            Kind::Undecided => 4,
            Kind::Interrupted => 130,
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::error(error)
    }
}
