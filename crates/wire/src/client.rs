//! The client of the API, used by the command line and by every role.
//!
//! Invariant: answers are bounded, every wait has an end, and a refusal is an `Outcome`, not an error.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes as Body;
use domain::{Place, RunId};
use evidence::claim::Claim;
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::run_order::{self, RunOrder};
use evidence::{Bytes, CommitId, Digest, Id, Moment, Name};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::{
    AgentWork, BODY_BYTES_MAX, EntryView, Installation, Outcome, PlaceView, RunView, RunnerWork, Signed,
    Submission,
};
use crate::problem::{Problem, ProblemKind};
use crate::{API, LOG_PIECE_BYTES_MAX};

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    machine: Option<Arc<Machine>>,
}

/// The machine in whose name a client asks.
#[derive(Debug)]
pub struct Machine {
    /// The installation.
    pub installation: Id,
    /// Its name.
    pub name: Name,
    /// Its key.
    pub signer: MachineSigner,
    /// Its clock.
    pub now: fn() -> Moment,
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

impl ClientError {
    /// Whether the same may be sent again: nobody answered, or the server could not do it just now.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => problem.status >= 500,
            Self::Answer { .. } => false,
        }
    }
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
            Ok(http) => Ok(Self { http, url, machine: None }),
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
                // Without an entry it was counted: more were refused than are recorded one by one.
                let Some(entry) = problem.entry else { return Err(ClientError::Problem(problem)) };
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

    /// The same client, asking in the name of a machine.
    #[must_use]
    pub fn with_machine(mut self, machine: Machine) -> Self {
        self.machine = Some(Arc::new(machine));
        self
    }

    /// A blob's bytes, checked against its digest.
    ///
    /// # Errors
    /// `ClientError` when there is no answer, or it is other bytes.
    pub async fn blob(&self, digest: &Digest, bytes_max: usize) -> Result<Vec<u8>, ClientError> {
        let operation = format!("blobs/{digest}");
        let url = format!("{}{API}/{operation}", self.url);
        let request = self.http.get(url).timeout(TRANSFER_TIMEOUT);
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let (status, bytes) = self.bounded(&operation, response, bytes_max).await?;
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
        let url = format!("{}{API}/{operation}", self.url);
        let known = self.http.head(&url).send().await.map_err(|source| self.unreachable(source))?;
        if known.status().is_success() {
            return Ok(digest);
        }
        let request =
            self.claimed(self.http.put(url), "PUT", &operation)?.timeout(TRANSFER_TIMEOUT).body(bytes);
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let (status, bytes) = self.bounded(&operation, response, BODY_BYTES_MAX).await?;
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
    pub async fn give_up_work(&self, nonce: &Id) -> Result<Outcome, ClientError> {
        let operation = format!("work/given-up/{nonce}");
        let request = self.http.post(format!("{}{API}/{operation}", self.url));
        let request = self.claimed(request, "POST", &operation)?;
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        self.answer(&operation, response).await
    }

    /// By what the server shows that people asked for a run.
    ///
    /// # Errors
    /// `ClientError` when there is no answer, or the run has ended.
    pub async fn run_order(&self, run: RunId) -> Result<RunOrder, ClientError> {
        let operation = format!("work/orders/{run}");
        let request = self.http.get(format!("{}{API}/{operation}", self.url));
        let request = self.claimed(request, "GET", &operation)?;
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let (status, bytes) = self.bounded(&operation, response, run_order::BYTES_MAX).await?;
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
        let request = self.http.get(format!("{}{API}/{operation}{query}", self.url));
        let request = self.claimed(request, "GET", operation)?;
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        self.answer(operation, response).await
    }

    /// Reports a receipt.
    ///
    /// # Errors
    /// `ClientError` when it was not recorded.
    pub async fn report_receipt(&self, statement: Envelope) -> Result<Outcome, ClientError> {
        self.post("receipts", &Signed { statement }).await
    }

    /// Reports what an agent did.
    ///
    /// # Errors
    /// `ClientError` when it was not recorded.
    pub async fn report_release(&self, statement: Envelope) -> Result<Outcome, ClientError> {
        self.post("agent-reports", &Signed { statement }).await
    }

    /// Sends a piece of a log that is still being written.
    ///
    /// # Errors
    /// `ClientError` when it was not taken.
    pub async fn send_log(&self, path: &str, piece: Vec<u8>) -> Result<(), ClientError> {
        let operation = format!("logs/{path}");
        let request = self.http.post(format!("{}{API}/{operation}", self.url));
        let request = self.claimed(request, "POST", &operation)?.body(piece);
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let (status, bytes) = self.bounded(&operation, response, BODY_BYTES_MAX).await?;
        if status.is_success() { Ok(()) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// A piece of a log from an offset on, and whether it is complete with that; waits a while for more when there is
    /// none.
    ///
    /// # Errors
    /// `ClientError` when there is no such log.
    pub async fn log(&self, path: &str, from: u64) -> Result<(Vec<u8>, bool), ClientError> {
        let operation = format!("logs/{path}");
        let url = format!("{}{API}/{operation}?from={from}", self.url);
        let response = self.http.get(url).send().await.map_err(|source| self.unreachable(source))?;
        let complete = response.headers().get("log-complete").is_some_and(|value| value == "true");
        let (status, bytes) = self.bounded(&operation, response, LOG_PIECE_BYTES_MAX).await?;
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
    pub async fn runs(&self) -> Result<Vec<RunView>, ClientError> {
        self.get("runs").await
    }

    /// The newest runs of a commit, the latest first.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn runs_of(&self, project: &Name, commit: &CommitId) -> Result<Vec<RunView>, ClientError> {
        self.get(&format!("runs?project={project}&commit={commit}")).await
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
        let url = format!("{}{API}/{operation}", self.url);
        let response = self.http.get(url).send().await.map_err(|source| self.unreachable(source))?;
        let (status, bytes) = self.bounded(&operation, response, evidence::bundle::BYTES_MAX).await?;
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

    async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let request = self.http.post(format!("{}{API}/{operation}", self.url)).json(body);
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        self.answer(operation, response).await
    }

    /// Sends something under the machine's claim.
    pub(crate) async fn post_claimed<B: Serialize, T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let request = self.http.post(format!("{}{API}/{operation}", self.url)).json(body);
        let request = self.claimed(request, "POST", operation)?;
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        self.answer(operation, response).await
    }

    /// Adds the claim by which a machine shows who it is.
    fn claimed(
        &self,
        request: RequestBuilder,
        method: &str,
        operation: &str,
    ) -> Result<RequestBuilder, ClientError> {
        let Some(machine) = &self.machine else { return Ok(request) };
        let claim = Claim {
            v: 1,
            installation: machine.installation,
            machine: machine.name.clone(),
            operation: format!("{method} {API}/{operation}"),
            issued: (machine.now)(),
        };
        let signed = claim.sign(&machine.signer).map_err(|error| unreadable(operation, error))?;
        let bytes = signed.encode().map_err(|error| unreadable(operation, error))?;
        Ok(request.header("authorization", format!("{SCHEME} {}", STANDARD.encode(bytes))))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, operation: &str) -> Result<T, ClientError> {
        let url = format!("{}{API}/{operation}", self.url);
        let response = self.http.get(url).send().await.map_err(|source| self.unreachable(source))?;
        self.answer(operation, response).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        operation: &str,
        response: Response,
    ) -> Result<T, ClientError> {
        let (status, bytes) = self.bounded(operation, response, BODY_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(operation, status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| unreadable(operation, error))
    }

    async fn bounded(
        &self,
        operation: &str,
        mut response: Response,
        bytes_max: usize,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > bytes_max {
                return Err(unreadable(operation, format!("more than {bytes_max} bytes")));
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

/// The claim inside an `Authorization` header, not verified.
#[must_use]
pub fn claim_of(header: &str) -> Option<Envelope> {
    let encoded = header.strip_prefix(SCHEME)?.trim();
    Envelope::decode(&STANDARD.decode(encoded).ok()?).ok()
}

const SCHEME: &str = "Countersign";
const TRANSFER_TIMEOUT: Duration = Duration::from_mins(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
