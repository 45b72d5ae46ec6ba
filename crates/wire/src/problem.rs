//! Problem documents of the API (RFC 9457); each kind has an HTTP status and an exit code.

use domain::Reason;
use evidence::Id;
use serde::{Deserialize, Serialize};

/// The kind of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemKind {
    /// The body or a parameter is malformed.
    #[serde(rename = "tag:countersign,2026:malformed")]
    Malformed,
    /// No known person or machine signed the request.
    #[serde(rename = "tag:countersign,2026:unauthenticated")]
    Unauthenticated,
    /// A decision went against the command; it is recorded.
    #[serde(rename = "tag:countersign,2026:refused")]
    Refused,
    /// The sender is known but may not read this.
    #[serde(rename = "tag:countersign,2026:forbidden")]
    Forbidden,
    /// The requested object does not exist.
    #[serde(rename = "tag:countersign,2026:not-found")]
    NotFound,
    /// The idempotency key was used for another command.
    #[serde(rename = "tag:countersign,2026:key-reused")]
    KeyReused,
    /// The body is too large.
    #[serde(rename = "tag:countersign,2026:too-large")]
    TooLarge,
    /// The server has too much work.
    #[serde(rename = "tag:countersign,2026:busy")]
    Busy,
    /// The server's disk is full; nothing was done.
    #[serde(rename = "tag:countersign,2026:full")]
    Full,
    /// The server failed; it is unknown whether anything was done.
    #[serde(rename = "tag:countersign,2026:failed")]
    Failed,
}

/// A problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The kind, a stable URI.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// Description of the kind.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// The fault in this case, and the remedy.
    pub detail: String,
    /// Number of the entry that records it, for refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Every reason, for refusals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The request to which this answers, as the server's log names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Id>,
}

impl ProblemKind {
    /// HTTP status of this kind.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Refused | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::TooLarge => 413,
            Self::KeyReused => 422,
            Self::Busy => 503,
            Self::Full => 507,
            Self::Failed => 500,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "the request cannot be read",
            Self::Unauthenticated => "no known person or machine signed the request",
            Self::Refused => "refused by a decision",
            Self::Forbidden => "you have no right to this",
            Self::NotFound => "it does not exist",
            Self::TooLarge => "the body is too large",
            Self::KeyReused => "the idempotency key was used for another command",
            Self::Busy => "the server is busy",
            Self::Full => "the server's disk is full",
            Self::Failed => "the server failed",
        }
    }
}

impl Problem {
    /// A problem of a kind.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (title, status) = (kind.title().to_owned(), kind.status());
        Self {
            kind,
            title,
            status,
            detail: detail.into(),
            entry: None,
            reasons: Vec::new(),
            request_id: None,
        }
    }

    /// For a failure of the server: the words by which its operator finds it in the server's log.
    #[must_use]
    pub fn where_to_look(&self) -> String {
        match self.request_id {
            Some(id) if self.kind == ProblemKind::Failed => format!(" (request {id} in the server's log)"),
            _ => String::new(),
        }
    }
}
