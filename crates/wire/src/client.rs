//! The client of the API, used by the command line and by every role.
//!
//! Invariant: answers are bounded, every wait has an end, and a refusal is an `CommandOutcome`, not an error.

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
use crate::message::{
    self, AgentWork, BODY_BYTES_MAX, CommandOutcome, EntryView, Installation, PlaceView, RunView, RunnerWork,
    RunsAsked, Submission,
};
use crate::problem::{Problem, ProblemKind};
use crate::proof::{Reply, Server};
use crate::who::{SignInError, Who};
use crate::{API, LOG_PIECE_BYTES_MAX};

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    /// Whether it asks over the server's Unix socket.
    pub(crate) is_local: bool,
    pub(crate) who: Who,
    /// By what the server shows who it is; `None` where nobody asks for that.
    pub(crate) server: Option<Server>,
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
    /// The process that answers did not prove that it is the server. Its answer does not count.
    #[error("the process at {url} did not prove that it is the server: {what}; its answer does not count")]
    Unproven {
        /// Where the server should be.
        url: String,
        /// What is missing.
        what: String,
    },
    /// The person could not sign in.
    #[error("cannot sign in to read: {0}")]
    SignIn(#[from] SignInError),
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

impl ClientError {
    /// Whether the same may be sent again: nobody answered, or the server could not do it just now.
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
    /// `ClientError` when the HTTP library cannot start.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::built(url, Self::builder(), false)
    }

    /// The same over the server's Unix socket, at a path of 107 bytes at most.
    ///
    /// # Errors
    /// `ClientError` when the HTTP library cannot start.
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
            Ok(http) => Ok(Self { http, url, is_local, who: Who::Nobody, server: None }),
            Err(source) => Err(ClientError::Unreachable { url, source }),
        }
    }

    /// Sends a person's command and answers what became of it.
    ///
    /// # Errors
    /// `ClientError` when there is no decision to report.
    pub async fn submit(&self, submission: &Submission) -> Result<CommandOutcome, ClientError> {
        let body = serde_json::to_vec(submission).map_err(|error| unreadable("requests", error))?;
        // The signature goes into the head too, so that the server knows whose body it is before it reads it.
        let signed = Some(submission.request.clone());
        let ask = ClientRequest {
            body: Some(body.into()),
            signed,
            ..ClientRequest::to(Method::POST, "/api/v1/requests")
        };
        match self.answer("requests", self.ask(&ask).await?).await {
            Err(ClientError::Problem(problem)) if problem.kind == ProblemKind::Refused => {
                // Without an entry it was counted: more were refused than are recorded one by one.
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

    /// A blob's bytes, checked against its digest.
    ///
    /// # Errors
    /// `ClientError` when there is no answer, or it is other bytes.
    pub async fn blob(&self, digest: &Digest, bytes_max: usize) -> Result<Vec<u8>, ClientError> {
        let operation = format!("blobs/{digest}");
        let path = path_of(&operation);
        let ask = ClientRequest { timeout: TRANSFER_TIMEOUT, ..ClientRequest::to(Method::GET, &path) };
        let (status, bytes) = self.bounded(&operation, self.asked(ask).await?, bytes_max).await?;
        if !status.is_success() {
            return Err(problem_of(&operation, status, &bytes));
        }
        if Digest::of(&bytes) == *digest || cfg!(feature = "drill-artifact-hash") {
            return Ok(bytes);
        }
        Err(unreadable(&operation, "other bytes than asked for"))
    }

    /// Sends a blob, unless the server has it.
    ///
    /// # Errors
    /// `ClientError` when it was not stored.
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

    /// What is due on this runner, at most `RUNNER_WORK_MAX` pieces; whatever of `mine` is still due is among them. When
    /// nothing is due, the answer may wait a while for something.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn runner_work(&self, wait: bool, mine: &[Id]) -> Result<Vec<RunnerWork>, ClientError> {
        let mine: Vec<_> = mine.iter().map(Id::to_string).collect();
        self.work("work/runner", &format!("?now={}&mine={}", !wait, mine.join(","))).await
    }

    /// Says that this runner gives up a piece of work, which ends its run.
    ///
    /// # Errors
    /// `ClientError` when it was not recorded.
    pub async fn give_up_work(&self, nonce: &Id) -> Result<CommandOutcome, ClientError> {
        let operation = format!("work/given-up/{nonce}");
        let reply = self.ask(&ClientRequest::to(Method::POST, &path_of(&operation))).await?;
        self.answer(&operation, reply).await
    }

    /// By what the server shows that people asked for a run.
    ///
    /// # Errors
    /// `ClientError` when there is no answer, or the run has ended.
    pub async fn run_order(&self, run: RunId) -> Result<RunOrder, ClientError> {
        let operation = format!("work/orders/{run}");
        let reply = self.asked(ClientRequest::to(Method::GET, &path_of(&operation))).await?;
        let (status, bytes) = self.bounded(&operation, reply, run_order::BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(&operation, status, &bytes));
        }
        RunOrder::decode(&bytes).map_err(|error| unreadable(&operation, error))
    }

    /// What is due at this agent's place; waits a while for something when nothing is.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn agent_work(&self, place: &Place) -> Result<Option<AgentWork>, ClientError> {
        self.work(&format!("work/agent/{place}"), "").await
    }

    async fn work<T: DeserializeOwned>(&self, operation: &str, query: &str) -> Result<T, ClientError> {
        let reply = self
            .asked(ClientRequest { query, ..ClientRequest::to(Method::GET, &path_of(operation)) })
            .await?;
        self.answer(operation, reply).await
    }

    /// Reports a receipt.
    ///
    /// # Errors
    /// `ClientError` when it was not recorded.
    pub async fn report_receipt(&self, statement: Envelope) -> Result<CommandOutcome, ClientError> {
        self.post("receipts", &message::Signed { statement }).await
    }

    /// Reports what an agent did.
    ///
    /// # Errors
    /// `ClientError` when it was not recorded.
    pub async fn report_release(&self, statement: Envelope) -> Result<CommandOutcome, ClientError> {
        self.post("agent-reports", &message::Signed { statement }).await
    }

    /// Sends a piece of a log that is still being written.
    ///
    /// # Errors
    /// `ClientError` when it was not taken.
    pub async fn send_log(&self, path: &str, piece: Vec<u8>) -> Result<(), ClientError> {
        let operation = format!("logs/{path}");
        let path = path_of(&operation);
        let ask =
            ClientRequest { body: Some(piece.into()), kind: BYTES, ..ClientRequest::to(Method::POST, &path) };
        let (status, bytes) = self.bounded(&operation, self.ask(&ask).await?, BODY_BYTES_MAX).await?;
        if status.is_success() { Ok(()) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// A piece of a log from an offset on, and whether it is complete with that; answers at once when there is nothing
    /// new.
    ///
    /// # Errors
    /// `ClientError` when there is no such log.
    pub async fn log(&self, path: &str, from: u64) -> Result<(Vec<u8>, bool), ClientError> {
        let operation = format!("logs/{path}");
        let (path, query) = (path_of(&operation), format!("?from={from}&now=true"));
        let reply =
            self.asked(ClientRequest { query: &query, ..ClientRequest::to(Method::GET, &path) }).await?;
        let complete = reply.response.headers().get("log-complete").is_some_and(|value| value == "true");
        let (status, bytes) = self.bounded(&operation, reply, LOG_PIECE_BYTES_MAX).await?;
        if status.is_success() { Ok((bytes, complete)) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// A run.
    ///
    /// # Errors
    /// `ClientError` when there is no such run.
    pub async fn run(&self, run: RunId) -> Result<RunView, ClientError> {
        self.get(&format!("runs/{run}")).await
    }

    /// The newest runs, the latest first.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn runs(&self, asked: &RunsAsked) -> Result<Vec<RunView>, ClientError> {
        self.get(&format!("runs{}", asked.query())).await
    }

    /// What stands at every place.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn places(&self) -> Result<Vec<PlaceView>, ClientError> {
        self.get("places").await
    }

    /// The evidence of the release that stands open at a place, put together now.
    ///
    /// # Errors
    /// `ClientError` when none does, or it is not witnessed yet.
    pub async fn evidence(&self, place: &Place) -> Result<Vec<u8>, ClientError> {
        let operation = format!("evidence/{place}");
        let reply = self.asked(ClientRequest::to(Method::GET, &path_of(&operation))).await?;
        let (status, bytes) = self.bounded(&operation, reply, evidence::bundle::BYTES_MAX).await?;
        if status.is_success() { Ok(bytes) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// Hashes of the proof that the first `old` entries are the beginning of the first `new`.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Bytes>, ClientError> {
        self.get(&format!("consistency?old={old}&new={new}")).await
    }

    /// Waits until the ledger has grown past a number of entries, or a while has passed.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
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
        let reply =
            self.asked(ClientRequest { query, ..ClientRequest::to(Method::GET, &path_of(before)) }).await?;
        self.answer(operation, reply).await
    }

    /// Asks once, in somebody's name, when the server has shown who it is.
    pub(crate) async fn ask(&self, ask: &ClientRequest<'_>) -> Result<Reply, ClientError> {
        let key = self.server_key().await?;
        let url = format!("{}{}{}", self.url, ask.path, ask.query);
        let mut request = self.http.request(ask.method.clone(), url).timeout(ask.timeout);
        if let Some(body) = &ask.body {
            request = request.header(CONTENT_TYPE, ask.kind).body(body.clone());
        }
        if let Some(shown) = self.shows(ask, key)? {
            request = request.header(AUTHORIZATION, shown);
        }
        let request = request.build().map_err(|source| self.unreachable(source))?;
        self.replied(request, key).await
    }

    /// The newest checkpoint, a signed note, which everybody may read.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn checkpoint(&self) -> Result<String, ClientError> {
        let reply = self.ask(&ClientRequest::to(Method::GET, "/checkpoint")).await?;
        let (status, bytes) = self.bounded("checkpoint", reply, NOTE_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of("checkpoint", status, &bytes));
        }
        String::from_utf8(bytes).map_err(|error| unreadable("checkpoint", error))
    }

    /// A tile of the ledger, which everybody may read; `None` when it has none.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
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

    /// An answer's status and bytes, which the server has signed.
    pub(crate) async fn bounded(
        &self,
        operation: &str,
        reply: Reply,
        bytes_max: usize,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        // Before anything of the body is made of, so that it is the server who sends too much.
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
            // In pieces comes what is asked for by its digest, and nothing else.
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
/// Where blobs are.
const BLOBS: &str = "blobs/";
const TRANSFER_TIMEOUT: Duration = Duration::from_mins(10);
/// Shorter than a server waits for the next request of a stranger: a connection is not closed just when it is used again.
const IDLE_MAX: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
