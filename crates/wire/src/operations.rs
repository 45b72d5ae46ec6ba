//! The operations of the API, one function each.
//!
//! Invariant: a refusal is a `CommandOutcome`, not an error.

use std::time::Duration;

use bytes::Bytes as Body;
use domain::RunId;
use evidence::Place;
use evidence::configuration_order::ConfigurationOrder;
use evidence::dsse::Envelope;
use evidence::previews_order::{self, PreviewsOrder};
use evidence::run_order::{self, RunOrder};
use evidence::secrets_order::SecretsOrder;
use evidence::{Bytes, Digest, Id};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use tlog::{NOTE_BYTES_MAX, TilePath};

use crate::api::{BODY_BYTES_MAX, LOG_PIECE_BYTES_MAX, UPLOAD_BYTES_MAX};
use crate::client::{Client, path_of};
use crate::client_error::{ClientError, problem_of, unreadable};
use crate::client_request::ClientRequest;
use crate::message::{
    AgentWork, ByHandReport, CommandOutcome, EntryView, Installation, PlaceView, ReleaseHistory, RunFilter,
    RunView, RunnerWork, SignedStatement, Submission,
};
use crate::opening::{OpenPage, PageLink};
use crate::page_path::PagePath;
use crate::problem::ProblemKind;
use crate::service::{ServiceLogPosition, ServiceLogView, ServiceReport};

impl Client {
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

    /// The signed enrolment of a person who is enrolled now, by the digest of its payload.
    ///
    /// # Errors
    /// `ClientError` if nobody is enrolled by it.
    pub async fn enrolment(&self, digest: &Digest) -> Result<Envelope, ClientError> {
        let signed: SignedStatement = self.get(&format!("enrolments/{digest}")).await?;
        Ok(signed.statement)
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

    /// Sends the pack of a commit, in the name of the signed request for its run, which is sent afterwards.
    ///
    /// # Errors
    /// `ClientError` if it was not stored.
    pub async fn put_upload(&self, signed: Envelope, pack: Body) -> Result<(), ClientError> {
        let operation = format!("uploads/{}", Digest::of(&pack));
        let path = path_of(&operation);
        let ask = ClientRequest {
            timeout: TRANSFER_TIMEOUT,
            body: Some(pack),
            kind: BYTES,
            signed: Some(signed),
            ..ClientRequest::to(Method::PUT, &path)
        };
        let (status, bytes) = self.bounded(&operation, self.ask(&ask).await?, BODY_BYTES_MAX).await?;
        if status.is_success() { Ok(()) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// The pack that was uploaded for a run, checked against its digest.
    ///
    /// # Errors
    /// `ClientError` if there is no answer, or its bytes have another digest.
    pub async fn upload(&self, run: RunId, digest: &Digest) -> Result<Vec<u8>, ClientError> {
        let operation = format!("work/uploads/{run}");
        let path = path_of(&operation);
        let ask = ClientRequest { timeout: TRANSFER_TIMEOUT, ..ClientRequest::to(Method::GET, &path) };
        let (status, bytes) = self.bounded(&operation, self.send_read(ask).await?, UPLOAD_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(&operation, status, &bytes));
        }
        if Digest::of(&bytes) == *digest {
            return Ok(bytes);
        }
        Err(unreadable(&operation, "its bytes have another digest"))
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

    /// The previews of this agent's template.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn agent_previews(&self, place: &Place) -> Result<PreviewsOrder, ClientError> {
        let operation = format!("work/previews/{place}");
        let reply = self.send_read(ClientRequest::to(Method::GET, &path_of(&operation))).await?;
        let (status, bytes) = self.bounded(&operation, reply, previews_order::BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(&operation, status, &bytes));
        }
        PreviewsOrder::decode(&bytes).map_err(|error| unreadable(&operation, error))
    }

    /// The newest version of each secret of a place, sealed.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn place_secrets(&self, place: &Place) -> Result<SecretsOrder, ClientError> {
        self.get(&format!("place-secrets/{place}")).await
    }

    /// The newest configuration of a place, with the statement that names it.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn place_configuration(&self, place: &Place) -> Result<ConfigurationOrder, ClientError> {
        self.get(&format!("place-configuration/{place}")).await
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
        self.post("receipts", &SignedStatement { statement }).await
    }

    /// Sends an agent's report.
    ///
    /// # Errors
    /// `ClientError` if it was not recorded.
    pub async fn report_release(&self, statement: Envelope) -> Result<CommandOutcome, ClientError> {
        self.post("agent-reports", &SignedStatement { statement }).await
    }

    /// Sends the report about a rollback that the agent carried out by hand.
    ///
    /// # Errors
    /// `ClientError` if it was not recorded.
    pub async fn report_by_hand(&self, report: &ByHandReport) -> Result<CommandOutcome, ClientError> {
        self.post("agent-reports/by-hand", report).await
    }

    /// Sends an agent's observation.
    ///
    /// # Errors
    /// `ClientError` if it was not recorded.
    pub async fn report_observation(&self, statement: Envelope) -> Result<CommandOutcome, ClientError> {
        self.post("observations", &SignedStatement { statement }).await
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

    /// A link that opens a page of the console in a browser.
    ///
    /// # Errors
    /// `ClientError` if there is no answer, or the person may not read.
    pub async fn open_page(&self, page: &PagePath) -> Result<PageLink, ClientError> {
        let body = serde_json::to_vec(&OpenPage { page: page.clone() });
        let body = body.map_err(|error| unreadable("links", error))?;
        let path = path_of("links");
        let ask = ClientRequest { body: Some(body.into()), ..ClientRequest::to(Method::POST, &path) };
        self.answer("links", self.send_read(ask).await?).await
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

    /// A release or rollback with the entries of the ledger about it; number 0 stands for the newest artifact without a number.
    ///
    /// # Errors
    /// `ClientError` if the release does not exist.
    pub async fn release_history(&self, place: &Place, release: u64) -> Result<ReleaseHistory, ClientError> {
        self.get(&format!("releases/{place}/{release}")).await
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

    /// The newest checkpoint, a signed note, which everybody may read.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn checkpoint(&self) -> Result<String, ClientError> {
        self.note("").await
    }

    /// The newest checkpoint that witnesses signed, which may be of fewer entries than the newest one.
    ///
    /// # Errors
    /// `ClientError` if it cannot be read.
    pub async fn witnessed_checkpoint(&self) -> Result<String, ClientError> {
        self.note("?witnessed").await
    }

    async fn note(&self, query: &str) -> Result<String, ClientError> {
        let ask = ClientRequest { query, ..ClientRequest::to(Method::GET, "/checkpoint") };
        let reply = self.ask(&ask).await?;
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

    /// Reports the state and output of a place's service, signed as its agent.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn tell_service(
        &self,
        place: &Place,
        report: &ServiceReport,
    ) -> Result<ServiceLogPosition, ClientError> {
        self.post(&format!("work/services/{place}"), report).await
    }

    /// The output of a place's service from a position on; if nothing is new, the server waits before it answers.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn service_log(
        &self,
        place: &Place,
        from: u64,
        wait: bool,
    ) -> Result<ServiceLogView, ClientError> {
        self.get(&format!("service-logs/{place}?from={from}&wait={wait}")).await
    }
}

/// Media type of bytes.
const BYTES: &str = "application/octet-stream";
const TRANSFER_TIMEOUT: Duration = Duration::from_mins(10);
