//! Failures of the command line: a message for a person, the reasons of a decision, and an exit code.

use std::fmt;

use client::log_tail::LogTail;
use domain::Reason;
use domain::gate::GateOutcome;

/// Why a verb failed.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    reasons: Vec<Reason>,
    logs: Vec<LogTail>,
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
        Self { kind: Kind::Error, message: message.to_string(), reasons: Vec::new(), logs: Vec::new() }
    }

    /// The command line is invalid: exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Usage, message: message.to_string(), reasons: Vec::new(), logs: Vec::new() }
    }

    /// A decision went against the command: exit code 3.
    pub fn refused(entry: u64, reasons: Vec<Reason>) -> Self {
        let message = format!("refused by a decision, recorded as entry {entry}");
        Self { kind: Kind::Refused, message, reasons, logs: Vec::new() }
    }

    /// A decision went against the command, but only the number of such decisions is recorded: exit code 3.
    pub fn counted(message: String, reasons: Vec<Reason>) -> Self {
        Self { kind: Kind::Refused, message, reasons, logs: Vec::new() }
    }

    /// A gate or an agent decided against the release, or could not decide: exit code 3 or 4.
    pub fn decided(outcome: GateOutcome, message: impl fmt::Display, reasons: Vec<policy::Reason>) -> Self {
        let kind = if outcome == GateOutcome::Undecided { Kind::Undecided } else { Kind::Refused };
        let reason = |reason: policy::Reason| Reason::new(&reason.code, reason.what, reason.remedy);
        let reasons = reasons.into_iter().map(reason).collect();
        Self { kind, message: message.to_string(), reasons, logs: Vec::new() }
    }

    /// The failure that an error of the crate `client` stands for.
    fn of_client(error: &client::Error) -> Self {
        match error {
            client::Error::Ambiguous(what) => Self::usage(what),
            client::Error::Interrupted(what) => Self::interrupted(what),
            client::Error::Refused { entry, reasons } => Self::refused(*entry, reasons.clone()),
            client::Error::Counted { message, reasons } => Self::counted(message.clone(), reasons.clone()),
            client::Error::Decided { outcome, message, reasons } => {
                Self::decided(*outcome, message, reasons.clone())
            }
            other => Self::error(other),
        }
    }

    /// A person ended the verb before its result was there: exit code 130, as a shell reports it after Ctrl-C.
    pub fn interrupted(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Interrupted, message: message.to_string(), reasons: Vec::new(), logs: Vec::new() }
    }

    /// The reader of the output has closed it: the verb ends quietly with exit code 0.
    pub fn reader_gone() -> Self {
        Self {
            kind: Kind::ReaderGone,
            message: "the reader has gone".into(),
            reasons: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// The same failure in other words.
    #[must_use]
    pub fn saying(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// The same failure with the ends of the logs that tell the cause.
    #[must_use]
    pub fn with_logs(self, logs: Vec<LogTail>) -> Self {
        Self { logs, ..self }
    }

    /// The message of the failure.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why the command was refused, or could not be decided.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The ends of logs that tell the cause.
    pub fn logs(&self) -> &[LogTail] {
        &self.logs
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

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let any: &(dyn std::error::Error + 'static) = &error;
        match any.downcast_ref::<client::Error>() {
            Some(known) => Self::of_client(known),
            None => Self::error(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use client::Error;
    use domain::Reason;
    use domain::gate::GateOutcome;

    use super::Failure;

    #[test]
    fn each_error_of_the_client_has_its_exit_code() {
        let reasons = vec![Reason::new("own-change", "what", "remedy")];
        for (error, code, count) in [
            (Error::Unusable("a".into()), 1, 0),
            (Error::Ambiguous("a".into()), 2, 0),
            (Error::Refused { entry: 7, reasons: reasons.clone() }, 3, 1),
            (Error::Counted { message: "a".into(), reasons }, 3, 1),
            (decided(GateOutcome::Fail), 3, 0),
            (decided(GateOutcome::Undecided), 4, 0),
            (Error::Interrupted("a"), 130, 0),
        ] {
            let (words, failure) = (error.to_string(), Failure::from(error));
            assert_eq!((failure.exit_code(), failure.reasons().len()), (code, count), "{words}");
            assert_eq!(failure.message(), words);
        }
    }

    fn decided(outcome: GateOutcome) -> Error {
        Error::Decided { outcome, message: "a".into(), reasons: Vec::new() }
    }

    /// The client looks for the ledger's file, and does not know the crate that makes it.
    #[test]
    fn the_client_looks_for_the_file_that_the_ledger_makes() {
        assert_eq!(client::home::DATABASE, ledger::DATABASE);
    }
}
