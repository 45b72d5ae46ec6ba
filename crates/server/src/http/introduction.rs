//! How answers show that they are this server's: its introduction, and a signature on each answer to whoever sends a
//! nonce with the question.
//!
//! Invariant: it is the outermost of all that answers, refusals included: what a machine takes for a refusal is signed.
//! Everybody may ask; what it costs is one Ed25519 signature in memory and the digest of a body that lies there already.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use evidence::introduction::Answer;
use evidence::{Digest, Id};
use wire::{ANSWER_HEADER, Introduced, NONCE_HEADER, ProblemKind};

use super::problem::Failure;
use super::{Shared, blocking};
use crate::clock;

/// Who this server is, and a challenge for whoever wants to sign in; open to everybody.
pub async fn introduce(State(shared): State<Arc<Shared>>) -> Result<Json<Introduced>, Failure> {
    let introduced = blocking(move || {
        let (state, now) = (shared.intake.state(), clock::now());
        let roots = shared.gatekeeper.roots(&state)?;
        let installation = shared.gatekeeper.root(&state)?.installation;
        let introduction = shared.introducer.introduction(installation, now).map_err(failed)?;
        let challenge = shared.introducer.challenge(now).map_err(failed)?;
        Ok(Introduced { roots, introduction, challenge })
    });
    introduced.await.map(Json)
}

/// Signs the answer to a question that carries a nonce.
pub async fn signed(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let nonce = request.headers().get(NONCE_HEADER).and_then(|nonce| nonce.to_str().ok()?.parse::<Id>().ok());
    let Some(nonce) = nonce else { return next.run(request).await };
    let is_head = request.method() == Method::HEAD;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let asked = format!("{} {path}", request.method());
    let (mut parts, body) = next.run(request).await.into_parts();
    // What is sent in pieces has no exact size here, and its digest is known to whoever asks for it.
    let whole = body.size_hint().exact().filter(|_| !is_head).and_then(|size| usize::try_from(size).ok());
    let (digest, body) = match whole {
        None => (None, body),
        Some(size) => match to_bytes(body, size).await {
            Ok(bytes) => (Some(Digest::of(&bytes)), Body::from(bytes)),
            Err(error) => return failed(error).into_response(),
        },
    };
    let answer = Answer { nonce, asked: &asked, status: parts.status.as_u16(), body: digest };
    let header = shared.introducer.sign(&answer).ok().and_then(|text| HeaderValue::from_str(&text).ok());
    if let Some(header) = header {
        parts.headers.insert(ANSWER_HEADER, header);
    }
    Response::from_parts(parts, body)
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ProblemKind::Failed, error.to_string())
}
