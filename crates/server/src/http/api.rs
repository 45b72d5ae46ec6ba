//! Operations of the API. Each only translates; the work is done by intake, the edge or the ledger.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::{Event, Refusal};
use evidence::dsse::Envelope;
use evidence::entry::Entry;
use evidence::request::Request;
use evidence::{Digest, Name};
use ledger::{LedgerError, Tiles};
use serde::Deserialize;
use serde_json::Value;
use tlog::inclusion_proof;
use wire::{CommandOutcome, Credential, EntryView, Installation, ProblemKind, Submission};

use super::freshness::up_to_date;
use super::problem::Failure;
use super::requester::Requester;
use super::requester::blocking;
use super::{right, secrets};
use crate::caller::Caller;
use crate::clock;
use crate::installation_view;
use crate::job::{Answer, Job};
use crate::shared::Shared;
use crate::views::project_of;

/// The part of a command that is decoded before its sender is known.
#[derive(Debug, Deserialize)]
struct SubmissionHeader {
    request: Envelope,
}

/// A person's command. Statements and attachments are decoded only after a known person's signature was found.
pub async fn submit(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let body = body.map_err(|rejection| {
        let large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let kind = if large { ProblemKind::TooLarge } else { ProblemKind::Malformed };
        Failure::new(kind, rejection.body_text())
    })?;
    check_type(&headers)?;
    let keeper = Arc::clone(&shared);
    let admitted = blocking(move || {
        let (state, now) = (keeper.intake.state(), clock::now());
        let front: SubmissionHeader = serde_json::from_slice(&body).map_err(malformed)?;
        same_request(&headers, &front.request)?;
        let person = keeper.gatekeeper.signed(&state, &front.request, now)?.person;
        let submission: Submission = serde_json::from_slice(&body).map_err(malformed)?;
        check_key(&headers, &submission)?;
        check_upload(&keeper, &submission)?;
        secrets::check_value(&keeper, &submission)?;
        let job = keeper.gatekeeper.admit(&state, &submission, now)?;
        Ok((job, submission, person))
    });
    let (job, submission, person) = admitted.await?;
    let answer = decided(&shared, job, secrets::destroys(&submission)).await?;
    if answer.is_first() {
        listen::note_identity(&person.to_string());
    }
    blocking(move || outcome(&shared, &submission, &answer)).await
}

/// The writer's answer. The vault's part of a destruction goes on if the sender is gone meanwhile.
async fn decided(shared: &Arc<Shared>, job: Job, destroys: bool) -> Result<Answer, Failure> {
    if !destroys {
        return Ok(shared.intake.submit(job).await?);
    }
    let at = Arc::clone(shared);
    let destroyed = tokio::spawn(async move {
        let answer = at.intake.submit(job).await?;
        blocking(move || secrets::destroy(&at, &answer).map(|()| answer)).await
    });
    destroyed.await.map_err(Failure::failed)?
}

/// A page in a browser may send other content types to any server without asking, so only JSON is accepted.
fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if sent.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Failure::new(ProblemKind::Malformed, "a command is sent as `application/json`"))
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ProblemKind::Malformed, error.to_string())
}

/// The request in the header, which reserved memory for the body, must be the one in the body.
fn same_request(headers: &HeaderMap, request: &Envelope) -> Result<(), Failure> {
    match right::credential(headers) {
        Some(Credential::Request(head)) if head != *request => Err(Failure::new(
            ProblemKind::Malformed,
            "the signed request in the header `Authorization` differs from the one in the body",
        )),
        _ => Ok(()),
    }
}

/// The `Idempotency-Key` header, if it is sent, must be the nonce that the person signed.
fn check_key(headers: &HeaderMap, submission: &Submission) -> Result<(), Failure> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(()) };
    let request = Request::read(&submission.request);
    let request = request.map_err(|error| Failure::new(ProblemKind::Malformed, error.to_string()))?;
    // The header is a structured field: a quoted string (draft-ietf-httpapi-idempotency-key-header).
    let sent = key.to_str().unwrap_or_default().trim_matches('"');
    if sent == request.nonce.to_string() {
        return Ok(());
    }
    Err(Failure::new(ProblemKind::Malformed, "`Idempotency-Key` is not the nonce of the signed request"))
}

/// The upload that a submission names must be here.
fn check_upload(shared: &Shared, submission: &Submission) -> Result<(), Failure> {
    let Some(upload) = &submission.upload else { return Ok(()) };
    let request = Request::read(&submission.request);
    let request = request.map_err(|error| Failure::new(ProblemKind::Malformed, error.to_string()))?;
    let project = request.arguments.get("project").and_then(|project| project.as_str()?.parse().ok());
    match project.is_some_and(|project| shared.uploads.has(&project, upload)) {
        true => Ok(()),
        false => {
            Err(Failure::new(ProblemKind::Malformed, format!("upload {upload} is named but was not sent")))
        }
    }
}

fn outcome(shared: &Shared, submission: &Submission, answer: &Answer) -> Result<Response, Failure> {
    let keeper = &shared.gatekeeper;
    let told = |refusal: &Refusal| secrets::told(submission, refusal);
    let accepted = |entry, size, repeated| {
        let outcome =
            CommandOutcome { accepted: true, entry, size: Some(size), repeated, reasons: Vec::new() };
        Ok(Json(outcome).into_response())
    };
    match answer {
        Answer::Accepted { entry, size } => accepted(*entry, *size, false),
        Answer::Refused { entry: None, refusal } => {
            Err(Failure::counted(&told(refusal), keeper.limits().refusals_per_minute))
        }
        Answer::Refused { entry, refusal } => Err(Failure::refused(*entry, &told(refusal))),
        Answer::Repeated(entry) if !keeper.is_same(*entry, submission)? => {
            let detail =
                format!("entry {entry} records another command under the same key; draw a new nonce");
            Err(Failure::new(ProblemKind::KeyReused, detail))
        }
        Answer::Repeated(entry) => match keeper.refusal(*entry)? {
            Some(refusal) => Err(Failure::refused(Some(*entry), &told(&refusal))),
            None => accepted(*entry, shared.intake.state().entries, true),
        },
    }
}

/// The installation as this server sees it.
pub async fn installation(State(shared): State<Arc<Shared>>) -> Result<Json<Installation>, Failure> {
    // Reading the trust root blocks on the disk.
    blocking(move || {
        up_to_date(&shared)?;
        installation_view::current(&shared, &shared.intake.state(), clock::now())
    })
    .await
    .map(Json)
}

/// Start of a listing.
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    from: u64,
}

/// Entries from a number on, at most 256 and about 2 MiB.
pub async fn entries(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(ListQuery { from }): Query<ListQuery>,
) -> Result<Response, Failure> {
    let read = blocking(move || {
        let (state, now) = (shared.intake.state(), clock::now());
        let may = |project: Option<&Name>, event: &Event| {
            caller.may_read_entry(project_of(project, event), event, &state, now)
        };
        shared.gatekeeper.readers().with(|reader| {
            let size = reader.head()?.frontier.size();
            let entries = reader.entries(from.min(size), size.min(from.saturating_add(PAGE)))?;
            let mut bytes = 0;
            let within = entries.iter().zip(from..).take_while(|(entry, _)| {
                let fits = bytes < PAGE_BYTES;
                bytes += entry.facts.bytes.len() + entry.particulars.as_ref().map_or(0, |p| p.bytes.len());
                fits
            });
            let views: Vec<EntryView> =
                within.map(|(entry, seq)| view(seq, entry, &may)).collect::<Result<_, Failure>>()?;
            // The JSON is written here, in the requester's turn, because it is most of the work.
            serde_json::to_vec(&views).map_err(Failure::failed)
        })
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], read.await?).into_response())
}

/// An entry for reading; only its header if the caller may not read its project.
fn view(seq: u64, entry: &Entry, may: &dyn Fn(Option<&Name>, &Event) -> bool) -> Result<EntryView, Failure> {
    let unsound = |what: String| LedgerError::Row { place: format!("entry {seq}"), what };
    let header = entry.check().map_err(|error| unsound(error.to_string()))?;
    let event = Event::read(&header.kind, &entry.facts).map_err(|error| unsound(error.to_string()))?;
    let may = may(header.project.as_ref(), &event);
    let facts = entry.facts.decode("facts").map_err(|error| unsound(error.to_string()))?;
    let particulars = entry.particulars.as_ref().filter(|_| may);
    let particulars = particulars.map(|payload| payload.decode("particulars"));
    Ok(EntryView {
        entry: seq,
        kind: header.kind,
        time: header.time,
        actor: header.actor,
        auth: header.auth,
        cause: header.cause,
        facts: if may { facts } else { Value::Null },
        particulars: particulars.transpose().map_err(|error| unsound(error.to_string()))?,
    })
}

/// A blob, by digest, in pieces; the reader compares the digest.
pub async fn blob(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(digest): Path<String>,
) -> Result<Response, Failure> {
    let digest: Digest =
        digest.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    let opened = blocking(move || {
        right::of_blob(&shared, &caller, &digest)?;
        Ok(shared.gatekeeper.blobs().open_file(&digest)?)
    });
    let (file, size) = opened.await?;
    Ok(in_pieces(file, size))
}

/// An answer with the bytes of a file.
pub fn in_pieces(file: File, size: u64) -> Response {
    // Each piece is read only after the client took the last one, so that a slow reader holds no thread.
    let requester = Requester::here();
    let pieces = futures_util::stream::try_unfold(file, move |mut file| {
        let requester = requester.clone();
        async move {
            let read = requester.blocking(move || {
                let mut piece = vec![0; PIECE_BYTES];
                let count = file.read(&mut piece).map_err(Failure::failed)?;
                piece.truncate(count);
                Ok((piece, file))
            });
            let (piece, file) = read.await.map_err(|failure| std::io::Error::other(failure.to_string()))?;
            Ok::<_, std::io::Error>((!piece.is_empty()).then_some((piece, file)))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

/// The inclusion proof of an entry in the newest checkpoint (C2SP tlog-proof).
pub async fn proof(State(shared): State<Arc<Shared>>, Path(entry): Path<u64>) -> Result<Response, Failure> {
    let text = blocking(move || {
        shared.gatekeeper.readers().with(|reader| {
            let head = reader.head()?;
            let size = head.frontier.size();
            if entry >= size {
                let detail = format!("the ledger has {size} entries");
                return Err(Failure::new(ProblemKind::NotFound, detail));
            }
            let tiles = Tiles::new(shared.gatekeeper.readers().dir(), reader);
            let proof = inclusion_proof(&tiles, entry, size)?;
            let lines: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
            Ok(format!("c2sp.org/tlog-proof@v1\nindex {entry}\n{lines}\n{}", head.checkpoint))
        })
    });
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((headers, text.await?).into_response())
}

const PIECE_BYTES: usize = 256 * 1024;
const PAGE: u64 = 256;
const PAGE_BYTES: usize = 2 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_a_body_comes_with_its_own_request_in_the_head() {
        let key = evidence::machine::MachineSigner::from_seed([1; 32]).unwrap();
        let [own, other] = [b"{}", b"[]"].map(|said| {
            let mut envelope = Envelope::new("a/b", said.to_vec());
            key.sign(&mut envelope).unwrap();
            envelope
        });
        let mut headers = HeaderMap::new();
        same_request(&headers, &own).unwrap();
        let shown = Credential::Request(own.clone()).header().unwrap();
        headers.insert(header::AUTHORIZATION, shown.parse().unwrap());
        same_request(&headers, &own).unwrap();
        same_request(&headers, &other).unwrap_err();
    }
}
