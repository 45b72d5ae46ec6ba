//! Failures of handlers, answered as problem documents.

use std::fmt;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use ledger::{BlobError, LedgerError};
use wire::{PROBLEM_JSON, Problem, ProblemKind};

use super::requests::{self, FailureReason};
use crate::edge::EdgeError;
use crate::job::IntakeError;
use crate::sessions::SessionError;

/// A problem document as an answer.
#[derive(Debug)]
pub struct Failure(Problem);

/// The problem document of an answer, beside its body.
#[derive(Clone, Debug)]
pub struct ProblemDocument(pub Problem);

impl Failure {
    /// A failure of a kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Problem::new(kind, detail))
    }

    /// Its kind.
    pub const fn kind(&self) -> ProblemKind {
        self.0.kind
    }

    /// Whether it was refused for this reason alone.
    pub fn is_only(&self, code: &str) -> bool {
        !self.0.reasons.is_empty() && self.0.reasons.iter().all(|reason| reason.code == code)
    }

    /// A failure that is not the requester's fault.
    pub fn failed(error: impl fmt::Display) -> Self {
        Self::new(ProblemKind::Failed, error.to_string())
    }

    /// A refusal with its entry and reasons.
    pub fn refused(entry: Option<u64>, refusal: &Refusal) -> Self {
        let mut problem = Problem::new(ProblemKind::Refused, refusal.to_string());
        problem.entry = entry;
        problem.reasons = refusal.reasons().cloned().collect();
        Self(problem)
    }

    /// A refusal that is counted and not recorded as a separate entry.
    pub fn counted(refusal: &Refusal, most: u32) -> Self {
        let mut failure = Self::refused(None, refusal);
        failure.0.detail = format!(
            "this refusal is counted and not recorded as a separate entry: more than {most} requests of yours were refused in a \
             minute"
        );
        failure
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.title, self.0.detail)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let failed = (self.0.kind == ProblemKind::Failed).then(|| FailureReason(self.0.detail.clone()));
        let problem = Problem { request_id: requests::id(), ..self.0 };
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], Json(&problem)).into_response();
        response.extensions_mut().insert(ProblemDocument(problem));
        if let Some(why) = failed {
            response.extensions_mut().insert(why);
        }
        response
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::new(ProblemKind::Failed, error.to_string())
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        let kind = match error {
            BlobError::Missing(_) => ProblemKind::NotFound,
            BlobError::Long { .. } => ProblemKind::TooLarge,
            BlobError::Io(_) | BlobError::Changed { .. } => ProblemKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<EdgeError> for Failure {
    fn from(error: EdgeError) -> Self {
        let kind = match error {
            EdgeError::Malformed(_) => ProblemKind::Malformed,
            EdgeError::Unauthenticated(_) => ProblemKind::Unauthenticated,
            EdgeError::Forbidden(_) => ProblemKind::Forbidden,
            EdgeError::Session(SessionError::Used) => ProblemKind::Unauthenticated,
            EdgeError::Session(SessionError::Many) => ProblemKind::Busy,
            EdgeError::Session(SessionError::Randomness) => ProblemKind::Failed,
            EdgeError::DiskFull(_) => ProblemKind::Full,
            EdgeError::Evidence(_)
            | EdgeError::Randomness(_)
            | EdgeError::Signing(_)
            | EdgeError::Quotas(_)
            | EdgeError::Ledger(_)
            | EdgeError::Blob(_) => ProblemKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        let kind = match error {
            IntakeError::Busy | IntakeError::RefusedReads(_) => ProblemKind::Busy,
            IntakeError::DiskFull(_) => ProblemKind::Full,
            IntakeError::Unfit(_) => ProblemKind::TooLarge,
            IntakeError::Stopped(_) | IntakeError::Append(_) => ProblemKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use domain::Reason;

    use super::{Failure, ProblemKind, Refusal};

    #[test]
    fn a_failure_is_for_a_reason_alone_if_it_has_no_other_one() {
        let refused = |codes: &[&str]| {
            let reasons = codes.iter().map(|code| Reason::new(code, "x", "x")).collect();
            Failure::refused(
                None,
                &Refusal::of(reasons).unwrap_or_else(|| Reason::new("other", "x", "x").into()),
            )
        };
        for (codes, is_only) in [
            (&["nothing-due"][..], true),
            (&["nothing-due", "nothing-due"], true),
            (&["nothing-due", "number-unbelievable"], false),
            (&["number-unbelievable"], false),
        ] {
            assert_eq!(refused(codes).is_only("nothing-due"), is_only, "{codes:?}");
        }
        assert!(!Failure::new(ProblemKind::Busy, "x").is_only("nothing-due"));
    }
}
