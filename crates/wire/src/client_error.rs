//! The reasons why a client has no usable answer.

use reqwest::StatusCode;

use crate::problem::Problem;
use crate::sign_in::SignInError;

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed.
    #[error("cannot reach the server at {url}: {}", remedied(url, source))]
    Unreachable {
        /// URL of the server.
        url: String,
        /// The error.
        source: reqwest::Error,
    },
    /// The text is no address of a server.
    #[error("`{0}` is not the URL of a server: expected for example `http://127.0.0.1:8080`")]
    Url(String),
    /// TLS cannot be spoken with the server.
    #[error("TLS: {0}")]
    Tls(String),
    /// The process that answers did not prove that it is the server, so its answer does not count.
    #[error("the process at {url} did not prove that it is the server: {what}; its answer does not count")]
    Unproven {
        /// URL at which the server should be.
        url: String,
        /// The missing proof.
        what: String,
    },
    /// The person could not sign in.
    #[error("cannot sign in to read: {0}")]
    SignIn(#[from] SignInError),
    /// The server answered with a problem.
    #[error("{}: {}{}", .0.title, .0.detail, .0.where_to_look())]
    Problem(Box<Problem>),
    /// The answer does not follow the API.
    #[error("the server's answer to `{operation}` cannot be read: {what}")]
    Answer {
        /// The operation.
        operation: String,
        /// The fault.
        what: String,
    },
}

impl ClientError {
    /// Whether the same request may be sent again: there was no answer, or the server was temporarily unable.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unproven { .. } => true,
            Self::Problem(problem) => problem.status >= 500,
            Self::Answer { .. } | Self::SignIn(_) | Self::Url(_) | Self::Tls(_) => false,
        }
    }
}

/// The innermost reason of a failed request. Over TLS it tells what the handshake found.
#[must_use]
pub fn innermost(failure: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = failure;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

/// The failure of a connection, with the remedy.
fn remedied(url: &str, failure: &reqwest::Error) -> String {
    if !url.starts_with("https://") {
        return format!("{failure}; is it up? `countersign up`");
    }
    let reason = innermost(failure);
    format!(
        "{reason}; is `countersign server --tls` up there, and does your pin name its address and authority?"
    )
}

/// The error for an answer that is no success.
pub fn problem_of(operation: &str, status: StatusCode, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => unreadable(operation, format!("status {status} without a problem document")),
    }
}

/// The error for an answer that does not follow the API.
pub fn unreadable(operation: &str, what: impl ToString) -> ClientError {
    ClientError::Answer { operation: operation.to_owned(), what: what.to_string() }
}
