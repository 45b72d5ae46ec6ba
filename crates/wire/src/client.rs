//! The client of the API, used by the command line and by every role.
//!
//! Invariant: answers are bounded, every wait has an end, and a refusal is an `Outcome`, not an error.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::API;
use crate::message::{BODY_BYTES_MAX, EntryView, Installation, Outcome, Submission};
use crate::problem::{Problem, ProblemKind};

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// Why the server gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection, or it broke.
    #[error("cannot reach the server at {url}: {source}; is it up? `countersign up`")]
    Unreachable {
        /// The server.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// The server answered with a problem.
    #[error("{}: {}", .0.title, .0.detail)]
    Problem(Box<Problem>),
    /// The answer is not what the contract says.
    #[error("the server's answer to `{operation}` cannot be read: {what}")]
    Answer {
        /// The operation.
        operation: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Client {
    /// A client of the server at `url`, for instance `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// `ClientError` when the HTTP library cannot start.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let built = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        let url = url.trim_end_matches('/').to_owned();
        match built {
            Ok(http) => Ok(Self { http, url }),
            Err(source) => Err(ClientError::Unreachable { url, source }),
        }
    }

    /// Sends a person's command and answers what became of it.
    ///
    /// # Errors
    /// `ClientError` when there is no decision to report.
    pub async fn submit(&self, submission: &Submission) -> Result<Outcome, ClientError> {
        let request = self.http.post(format!("{}{API}/requests", self.url)).json(submission);
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        match self.answer("requests", response).await {
            Err(ClientError::Problem(problem)) if problem.kind == ProblemKind::Refused => {
                let entry =
                    problem.entry.ok_or_else(|| unreadable("requests", "a refusal without its entry"))?;
                Ok(Outcome { accepted: false, entry, size: None, repeated: false, reasons: problem.reasons })
            }
            other => other,
        }
    }

    /// The installation as the server sees it.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn installation(&self) -> Result<Installation, ClientError> {
        self.get("installation").await
    }

    /// Entries from a number on, as many as the server gives at once.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn entries(&self, from: u64) -> Result<Vec<EntryView>, ClientError> {
        self.get(&format!("entries?from={from}")).await
    }

    /// A blob's bytes, unverified: the caller compares the digest.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn blob(&self, digest: &evidence::Digest) -> Result<Vec<u8>, ClientError> {
        let operation = format!("blobs/{digest}");
        let url = format!("{}{API}/{operation}", self.url);
        let response = self.http.get(url).send().await.map_err(|source| self.unreachable(source))?;
        let (status, bytes) = self.bounded(&operation, response).await?;
        if status.is_success() { Ok(bytes) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    async fn get<T: DeserializeOwned>(&self, operation: &str) -> Result<T, ClientError> {
        let url = format!("{}{API}/{operation}", self.url);
        let response = self.http.get(url).send().await.map_err(|source| self.unreachable(source))?;
        self.answer(operation, response).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        operation: &str,
        response: Response,
    ) -> Result<T, ClientError> {
        let (status, bytes) = self.bounded(operation, response).await?;
        if !status.is_success() {
            return Err(problem_of(operation, status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| unreadable(operation, error))
    }

    async fn bounded(
        &self,
        operation: &str,
        mut response: Response,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > BODY_BYTES_MAX {
                return Err(unreadable(operation, format!("more than {BODY_BYTES_MAX} bytes")));
            }
        }
        Ok((status, bytes))
    }

    fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.url.clone(), source }
    }
}

fn problem_of(operation: &str, status: StatusCode, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => unreadable(operation, format!("status {status} without a problem document")),
    }
}

fn unreadable(operation: &str, what: impl ToString) -> ClientError {
    ClientError::Answer { operation: operation.to_owned(), what: what.to_string() }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
