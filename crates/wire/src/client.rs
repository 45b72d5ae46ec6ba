//! The client of the API, used by the command line and by every role.
//!
//! Invariant: answers are bounded, every wait has an end, and a refusal is a `CommandOutcome`, not an error.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes as Body;
use domain::RunId;
use evidence::Place;
use evidence::dsse::Envelope;
use evidence::introduction::Stated;
use evidence::run_order::{self, RunOrder};
use evidence::{Bytes, Digest, Id};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{ClientBuilder, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tlog::{NOTE_BYTES_MAX, TilePath};

use crate::client_request::ClientRequest;
use crate::identity::{ClientIdentity, SignInError};
use crate::message::{
    self, AgentWork, BODY_BYTES_MAX, CommandOutcome, EntryView, Installation, PlaceView, RunFilter, RunView,
    RunnerWork, Submission,
};
use crate::problem::{Problem, ProblemKind};
use crate::proof::{Reply, Server};
use crate::{API, LOG_PIECE_BYTES_MAX};

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    /// Whether it uses the server's Unix socket.
    pub(crate) is_local: bool,
    pub(crate) identity: ClientIdentity,
    /// The anchor by which the server proves its identity; `None` if no proof is demanded.
    pub(crate) server: Option<Server>,
}

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed.
    #[error("cannot reach the server at {url}: {source}; is it up? `countersign up`")]
    Unreachable {
        /// URL of the server.
        url: String,
        /// The error.
        source: reqwest::Error,
    },
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
            Self::Answer { .. } | Self::SignIn(_) => false,
        }
    }
}

impl Client {
    /// A client of the server at `url`, for instance `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// `ClientError` if the HTTP library cannot start.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::built(url, Self::builder(), false)
    }

    /// A client that uses the server's Unix socket, at a path of 107 bytes at most.
    ///
    /// # Errors
    /// `ClientError` if the HTTP library cannot start.
    pub fn at_socket(socket: &Path, url: &str) -> Result<Self, ClientError> {
        Self::built(url, Self::builder().unix_socket(socket.to_path_buf()), true)
    }

    fn builder() -> ClientBuilder {
        let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT);
        builder.redirect(reqwest::redirect::Policy::none()).no_proxy().pool_idle_timeout(IDLE_MAX)
    }

    fn built(url: &str, builder: ClientBuilder, is_local: bool) -> Result<Self, ClientError> {
        let url = url.trim_end_matches('/').to_owned();
        match builder.build() {
            Ok(http) => Ok(Self { http, url, is_local, identity: ClientIdentity::Nobody, server: None }),
            Err(source) => Err(ClientError::Unreachable { url, source }),
        }
    }

    /// Sends a person's command and returns its outcome.
    ///
    /// # Errors
    /// `ClientError` if there is no decision to report.
    pub async fn submit(&self, submission: &Submission) -> Result<CommandOutcome, ClientError> {
        let body = serde_json::to_vec(submission).map_err(|error| unreadable("requests", error))?;
        // The signed request is also sent in the header, so that the server knows the sender before it reads the body.
        let signed = Some(submission.request.clone());
        let ask = ClientRequest {
            body: Some(body.into()),
            signed,
            ..ClientRequest::to(Method::POST, "/api/v1/requests")
        };
        match self.answer("requests", self.ask(&ask).await?).await {
            Err(ClientError::Problem(problem)) if problem.kind == ProblemKind::Refused => {
                // A refusal without an entry was only counted, because too many were refused within a minute.
                let Some(entry) = problem.entry else { return Err(ClientError::Problem(problem)) };
                Ok(CommandOutcome {
                    accepted: false,
                    entry,
                    size: None,
                    repeated: false,
                    reasons: problem.reasons,
                })
            }
            other => other,
        }
    }

    /// The installation as the server sees it.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn installation(&self) -> Result<Installation, ClientError> {
        self.get("installation").await
    }

    /// Entries from a number on, as many as the server sends at once.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn entries(&self, from: u64) -> Result<Vec<EntryView>, ClientError> {
        self.get(&format!("entries?from={from}")).await
    }

    /// A blob's bytes, checked against its digest.
    ///
    /// # Errors
    /// `ClientError` if there is no answer, or its bytes have another digest.
    pub async fn blob(&self, digest: &Digest, bytes_max: usize) -> Result<Vec<u8>, ClientError> {
        let operation = format!("blobs/{digest}");
        let path = path_of(&operation);
        let ask = ClientRequest { timeout: TRANSFER_TIMEOUT, ..ClientRequest::to(Method::GET, &path) };
        let (status, bytes) = self.bounded(&operation, self.send_read(ask).await?, bytes_max).await?;
        if !status.is_success() {
            return Err(problem_of(&operation, status, &bytes));
        }
        if Digest::of(&bytes) == *digest || cfg!(feature = "drill-artifact-hash") {
            return Ok(bytes);
        }
        Err(unreadable(&operation, "its bytes have another digest"))
    }

    /// Sends a blob, unless the server has it.
    ///
    /// # Errors
    /// `ClientError` if it was not stored.
    pub async fn put_blob(&self, bytes: Body) -> Result<Digest, ClientError> {
        let digest = Digest::of(&bytes);
        let operation = format!("blobs/{digest}");
        let path = path_of(&operation);
        let known = self.ask(&ClientRequest::to(Method::HEAD, &path)).await?;
        self.proven(&known)?;
        if known.response.status().is_success() {
            return Ok(digest);
        }
        let ask = ClientRequest {
            timeout: TRANSFER_TIMEOUT,
            body: Some(bytes),
            kind: BYTES,
            ..ClientRequest::to(Method::PUT, &path)
        };
        let (status, bytes) = self.bounded(&operation, self.ask(&ask).await?, BODY_BYTES_MAX).await?;
        if status.is_success() { Ok(digest) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// The work that is due on this runner, at most `RUNNER_WORK_MAX` pieces; work of `mine` that is still due is always in
    /// the list. If nothing is due, the server may wait before it answers.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn runner_work(&self, wait: bool, mine: &[Id]) -> Result<Vec<RunnerWork>, ClientError> {
        let mine: Vec<_> = mine.iter().map(Id::to_string).collect();
        self.work("work/runner", &format!("?now={}&mine={}", !wait, mine.join(","))).await
    }

    /// Reports that this runner gives up a piece of work, which ends its run.
    ///
    /// # Errors
    /// `ClientError` if it was not recorded.
    pub async fn give_up_work(&self, nonce: &Id) -> Result<CommandOutcome, ClientError> {
        let operation = format!("work/given-up/{nonce}");
        let reply = self.ask(&ClientRequest::to(Method::POST, &path_of(&operation))).await?;
        self.answer(&operation, reply).await
    }

    /// The evidence that people asked for a run.
    ///
    /// # Errors
    /// `ClientError` if there is no answer, or the run has ended.
    pub async fn run_order(&self, run: RunId) -> Result<RunOrder, ClientError> {
        let operation = format!("work/orders/{run}");
        let reply = self.send_read(ClientRequest::to(Method::GET, &path_of(&operation))).await?;
        let (status, bytes) = self.bounded(&operation, reply, run_order::BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(&operation, status, &bytes));
        }
        RunOrder::decode(&bytes).map_err(|error| unreadable(&operation, error))
    }

    /// The work that is due at this agent's place; if nothing is due, the server waits before it answers.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn agent_work(&self, place: &Place) -> Result<Option<AgentWork>, ClientError> {
        self.work(&format!("work/agent/{place}"), "").await
    }

    async fn work<T: DeserializeOwned>(&self, operation: &str, query: &str) -> Result<T, ClientError> {
        let reply = self
            .send_read(ClientRequest { query, ..ClientRequest::to(Method::GET, &path_of(operation)) })
            .await?;
        self.answer(operation, reply).await
    }

    /// Reports a receipt.
    ///
    /// # Errors
    /// `ClientError` if it was not recorded.
    pub async fn report_receipt(&self, statement: Envelope) -> Result<CommandOutcome, ClientError> {
        self.post("receipts", &message::SignedStatement { statement }).await
    }

    /// Sends an agent's report.
    ///
    /// # Errors
    /// `ClientError` if it was not recorded.
    pub async fn report_release(&self, statement: Envelope) -> Result<CommandOutcome, ClientError> {
        self.post("agent-reports", &message::SignedStatement { statement }).await
    }

    /// Sends a piece of a live log.
    ///
    /// # Errors
    /// `ClientError` if it was not accepted.
    pub async fn send_log(&self, path: &str, piece: Vec<u8>) -> Result<(), ClientError> {
        let operation = format!("logs/{path}");
        let path = path_of(&operation);
        let ask =
            ClientRequest { body: Some(piece.into()), kind: BYTES, ..ClientRequest::to(Method::POST, &path) };
        let (status, bytes) = self.bounded(&operation, self.ask(&ask).await?, BODY_BYTES_MAX).await?;
        if status.is_success() { Ok(()) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// A piece of a log from an offset on, and whether the log is complete; if nothing is new, it answers at once with an
    /// empty piece.
    ///
    /// # Errors
    /// `ClientError` if the log does not exist.
    pub async fn log(&self, path: &str, from: u64) -> Result<(Vec<u8>, bool), ClientError> {
        let operation = format!("logs/{path}");
        let (path, query) = (path_of(&operation), format!("?from={from}&now=true"));
        let reply =
            self.send_read(ClientRequest { query: &query, ..ClientRequest::to(Method::GET, &path) }).await?;
        let complete = reply.response.headers().get("log-complete").is_some_and(|value| value == "true");
        let (status, bytes) = self.bounded(&operation, reply, LOG_PIECE_BYTES_MAX).await?;
        if status.is_success() { Ok((bytes, complete)) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// A run.
    ///
    /// # Errors
    /// `ClientError` if the run does not exist.
    pub async fn run(&self, run: RunId) -> Result<RunView, ClientError> {
        self.get(&format!("runs/{run}")).await
    }

    /// The newest runs, the latest first.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunView>, ClientError> {
        self.get(&format!("runs{}", filter.query())).await
    }

    /// The current view of every place.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn places(&self) -> Result<Vec<PlaceView>, ClientError> {
        self.get("places").await
    }

    /// The evidence of the pending release at a place, collected now.
    ///
    /// # Errors
    /// `ClientError` if no release is pending, or the newest entries are not witnessed yet.
    pub async fn evidence(&self, place: &Place) -> Result<Vec<u8>, ClientError> {
        let operation = format!("evidence/{place}");
        let reply = self.send_read(ClientRequest::to(Method::GET, &path_of(&operation))).await?;
        let (status, bytes) = self.bounded(&operation, reply, evidence::bundle::BYTES_MAX).await?;
        if status.is_success() { Ok(bytes) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// Hashes of the proof that the first `old` entries are the beginning of the first `new`.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Bytes>, ClientError> {
        self.get(&format!("consistency?old={old}&new={new}")).await
    }

    /// Waits until the ledger has more than a number of entries, or a time limit has passed; returns its size.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn wait_past(&self, entries: u64) -> Result<u64, ClientError> {
        self.get(&format!("wait?past={entries}")).await
    }

    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| unreadable(operation, error))?;
        let path = path_of(operation);
        let ask = ClientRequest { body: Some(body.into()), ..ClientRequest::to(Method::POST, &path) };
        self.answer(operation, self.ask(&ask).await?).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, operation: &str) -> Result<T, ClientError> {
        let (before, query) = operation.split_at(operation.find('?').unwrap_or(operation.len()));
        let reply = self
            .send_read(ClientRequest { query, ..ClientRequest::to(Method::GET, &path_of(before)) })
            .await?;
        self.answer(operation, reply).await
    }

    /// Sends one request, once the server has proved its identity.
    pub(crate) async fn ask(&self, ask: &ClientRequest<'_>) -> Result<Reply, ClientError> {
        let key = self.server_key().await?;
        let url = format!("{}{}{}", self.url, ask.path, ask.query);
        let mut request = self.http.request(ask.method.clone(), url).timeout(ask.timeout);
        if let Some(body) = &ask.body {
            request = request.header(CONTENT_TYPE, ask.kind).body(body.clone());
        }
        if let Some(shown) = self.credential_header(ask, key)? {
            request = request.header(AUTHORIZATION, shown);
        }
        let request = request.build().map_err(|source| self.unreachable(source))?;
        self.send_with_proof(request, key).await
    }

    /// The newest checkpoint, a signed note, which everybody may read.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn checkpoint(&self) -> Result<String, ClientError> {
        let reply = self.ask(&ClientRequest::to(Method::GET, "/checkpoint")).await?;
        let (status, bytes) = self.bounded("checkpoint", reply, NOTE_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of("checkpoint", status, &bytes));
        }
        String::from_utf8(bytes).map_err(|error| unreadable("checkpoint", error))
    }

    /// A tile of the ledger, which everybody may read; `None` if the ledger has no such tile.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, ClientError> {
        let operation = path.to_string();
        let reply = self.ask(&ClientRequest::to(Method::GET, &format!("/{operation}"))).await?;
        let (status, bytes) = self.bounded(&operation, reply, BODY_BYTES_MAX).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(bytes)),
            status => Err(problem_of(&operation, status, &bytes)),
        }
    }

    pub(crate) async fn answer<T: DeserializeOwned>(
        &self,
        operation: &str,
        reply: Reply,
    ) -> Result<T, ClientError> {
        let (status, bytes) = self.bounded(operation, reply, BODY_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(operation, status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| unreadable(operation, error))
    }

    /// An answer's status and bytes; the server's signature on them was verified.
    pub(crate) async fn bounded(
        &self,
        operation: &str,
        reply: Reply,
        bytes_max: usize,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        // The signature is checked before the body is read, so that only the server itself can send a large body.
        let stated = self.proven(&reply)?;
        let mut response = reply.response;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > bytes_max {
                return Err(unreadable(operation, format!("more than {bytes_max} bytes")));
            }
        }
        match stated {
            Some(Stated(Some(digest))) if digest != Digest::of(&bytes) => Err(self.unsigned()),
            // Only blobs are sent in pieces without a signed digest, because the request names their digest.
            Some(Stated(None)) if !operation.starts_with(BLOBS) => Err(self.unsigned()),
            _ => Ok((status, bytes)),
        }
    }

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.url.clone(), source }
    }
}

/// The path of an operation.
fn path_of(operation: &str) -> String {
    format!("{API}/{operation}")
}

fn problem_of(operation: &str, status: StatusCode, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => unreadable(operation, format!("status {status} without a problem document")),
    }
}

pub(crate) fn unreadable(operation: &str, what: impl ToString) -> ClientError {
    ClientError::Answer { operation: operation.to_owned(), what: what.to_string() }
}

const BYTES: &str = "application/octet-stream";
/// Prefix of the paths of blobs.
const BLOBS: &str = "blobs/";
const TRANSFER_TIMEOUT: Duration = Duration::from_mins(10);
/// Shorter than a server keeps an idle connection of a stranger, so that a connection is not closed just when it is reused.
const IDLE_MAX: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
