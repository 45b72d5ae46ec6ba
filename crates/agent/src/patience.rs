//! Pauses of an agent before it tries the same work again.
//!
//! Invariant: a server that could not be reached is asked again at once, so that work waits only while the server is away;
//! a refused report is sent again at growing intervals, because the same report gets the same answer. The longest pause is
//! short, because a rollback that arrives meanwhile waits for it.

use std::time::Duration;

use wire::ClientError;

use crate::error::{AgentError, DeployError};

/// Why a piece of work is not done.
#[derive(Debug, PartialEq, Eq)]
pub enum NotDone {
    /// Temporary: the next attempt may succeed.
    Passing(String),
    /// The server refuses the report.
    Refused(String),
    /// The release goes from step to step: its report comes at its end.
    UnderWay,
}

impl NotDone {
    /// The reason as a text.
    pub fn text(&self) -> &str {
        match self {
            Self::Passing(what) | Self::Refused(what) => what,
            Self::UnderWay => "the release is rolled out step by step",
        }
    }

    /// Whether somebody should hear of it.
    pub const fn is_trouble(&self) -> bool {
        !matches!(self, Self::UnderWay)
    }
}

impl From<AgentError> for NotDone {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Deploy(DeployError::UnderWay(_)) => Self::UnderWay,
            error => Self::Passing(error.to_string()),
        }
    }
}

/// The result of sending a report.
///
/// # Errors
/// `NotDone` if the report is not recorded, so that its work is still due.
pub fn taken<T>(answer: Result<T, ClientError>) -> Result<(), NotDone> {
    match answer {
        Ok(_) => Ok(()),
        // The work is not due any more: the server has the same report already.
        Err(ClientError::Problem(problem))
            if !problem.reasons.is_empty()
                && problem.reasons.iter().all(|reason| reason.code == NOTHING_DUE) =>
        {
            Ok(())
        }
        Err(error) if error.is_passing() => Err(NotDone::Passing(error.to_string())),
        Err(error) => Err(NotDone::Refused(format!("the server does not accept the report: {error}"))),
    }
}

/// The pauses of an agent.
#[derive(Debug, Default)]
pub struct Patience {
    refused: u32,
}

impl Patience {
    /// The pause after an attempt; `None` if the work is done.
    pub fn after(&mut self, done: &Result<(), NotDone>) -> Option<Duration> {
        match done {
            Ok(()) => {
                self.refused = 0;
                None
            }
            Err(NotDone::Passing(_) | NotDone::UnderWay) => Some(ASK_AGAIN),
            Err(NotDone::Refused(_)) => {
                let pause = ASK_AGAIN.saturating_mul(1 << self.refused.min(PAUSES)).min(ASK_AGAIN_MAX);
                self.refused = self.refused.saturating_add(1);
                Some(pause)
            }
        }
    }
}

const NOTHING_DUE: &str = "nothing-due";
const ASK_AGAIN: Duration = Duration::from_millis(500);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(10);
const PAUSES: u32 = 8;

#[cfg(test)]
mod tests {
    use domain::Reason;
    use wire::{Problem, ProblemKind};

    use super::*;

    fn problem(kind: ProblemKind, codes: &[&str]) -> Result<(), ClientError> {
        let mut problem = Problem::new(kind, "x");
        problem.reasons = codes.iter().map(|code| Reason::new(code, "x", "x")).collect();
        Err(ClientError::Problem(Box::new(problem)))
    }

    /// For each answer to a report: whether the agent is done, tries again soon, or tries again at growing intervals.
    #[test]
    fn each_answer_to_a_report_ends_the_work_or_is_waited_for() {
        for (answer, expected) in [
            (Ok(()), "done"),
            // Only the genuine server can refuse; the answer of another process is ignored.
            (Err(ClientError::Unproven { url: "x".into(), what: "x".into() }), "passing"),
            (problem(ProblemKind::Refused, &["nothing-due"]), "done"),
            (problem(ProblemKind::Refused, &["number-unbelievable"]), "refused"),
            (problem(ProblemKind::Refused, &["nothing-due", "number-unbelievable"]), "refused"),
            (problem(ProblemKind::Malformed, &[]), "refused"),
            (problem(ProblemKind::Unauthenticated, &[]), "refused"),
            (problem(ProblemKind::TooLarge, &[]), "refused"),
            (problem(ProblemKind::Busy, &[]), "passing"),
            (problem(ProblemKind::Full, &[]), "passing"),
            (problem(ProblemKind::Failed, &[]), "passing"),
        ] {
            let text = format!("{answer:?}");
            let found = match taken(answer) {
                Ok(()) => "done",
                Err(NotDone::Refused(_)) => "refused",
                Err(NotDone::Passing(_) | NotDone::UnderWay) => "passing",
            };
            assert_eq!(found, expected, "{text}");
        }
    }

    /// A refused report must not be sent again as fast as the server answers.
    #[test]
    fn attack_a_refused_report_is_sent_less_and_less_often() {
        let mut patience = Patience::default();
        let refused = || Err(NotDone::Refused("x".into()));
        let millis: Vec<_> =
            (0..7).map(|_| patience.after(&refused()).unwrap_or_default().as_millis()).collect();
        assert_eq!(millis, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(patience.after(&Err(NotDone::Passing("x".into()))), Some(ASK_AGAIN));
        assert_eq!(patience.after(&Ok(())), None);
        assert_eq!(patience.after(&refused()), Some(ASK_AGAIN));
    }
}
