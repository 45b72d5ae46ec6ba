//! Problems as the API answers them (RFC 9457), each kind with its status and exit code.

use domain::Reason;
use serde::{Deserialize, Serialize};

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemKind {
    /// The body or a parameter cannot be read.
    #[serde(rename = "tag:countersign,2026:malformed")]
    Malformed,
    /// Nobody known signed the request.
    #[serde(rename = "tag:countersign,2026:unauthenticated")]
    Unauthenticated,
    /// A decision went against the command; it is on record.
    #[serde(rename = "tag:countersign,2026:refused")]
    Refused,
    /// Somebody known asks for what they may not read.
    #[serde(rename = "tag:countersign,2026:forbidden")]
    Forbidden,
    /// There is no such thing.
    #[serde(rename = "tag:countersign,2026:not-found")]
    NotFound,
    /// The idempotency key was used for another command.
    #[serde(rename = "tag:countersign,2026:key-reused")]
    KeyReused,
    /// The body is too large.
    #[serde(rename = "tag:countersign,2026:too-large")]
    TooLarge,
    /// The server has more to do than it takes on.
    #[serde(rename = "tag:countersign,2026:busy")]
    Busy,
    /// The server's disk is full; nothing was done.
    #[serde(rename = "tag:countersign,2026:full")]
    Full,
    /// The server failed; nothing is known to have been done.
    #[serde(rename = "tag:countersign,2026:failed")]
    Failed,
}

/// A problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The kind, a stable URI.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The kind in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is the matter this time, and what to do.
    pub detail: String,
    /// Number of the entry that records it, for refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Every reason, for refusals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
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
            Self::Unauthenticated => "nobody known signed the request",
            Self::Refused => "refused by a decision",
            Self::Forbidden => "you have no right to this",
            Self::NotFound => "there is no such thing",
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
        Self { kind, title, status, detail: detail.into(), entry: None, reasons: Vec::new() }
    }
}
