//! Proof that answers are this server's: its introduction, and a signature on each answer to a request with a nonce.
//!
//! Invariant: this is the outermost layer, so refusals are signed too: a machine believes a refusal only if it is signed.
//! Everybody may ask, because it costs one Ed25519 signature in memory and the digest of a body that is there already. A
//! large body is digested in a turn of the requester, so the requester is known before.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use evidence::introduction::Answer;
use evidence::{Digest, Id};
use wire::{ANSWER_HEADER, IntroductionAnswer, NONCE_HEADER};

use super::host::Host;
use super::problem::Failure;
use super::requester::blocking;
use crate::addresses::Address;
use crate::clock;
use crate::shared::Shared;

/// The server's introduction, and a challenge for signing in; open to everybody.
pub async fn introduce(
    State(shared): State<Arc<Shared>>,
    host: Option<Extension<Host>>,
) -> Result<Json<IntroductionAnswer>, Failure> {
    let url = match host {
        Some(Extension(Host::Address(number))) => shared.addresses().get(number).map(Address::url),
        _ => None,
    };
    let url = url.unwrap_or_else(|| shared.introducer.url()).to_owned();
    let introduced = blocking(move || {
        let (state, now) = (shared.intake.state(), clock::now());
        let roots = shared.gatekeeper.roots(&state)?;
        let installation = shared.gatekeeper.root(&state)?.installation;
        let introduction =
            shared.introducer.introduction(installation, &url, now).map_err(Failure::failed)?;
        let challenge = shared.introducer.challenge(now).map_err(Failure::failed)?;
        Ok(IntroductionAnswer { roots, introduction, challenge })
    });
    introduced.await.map(Json)
}

/// Signs the answer to a request that carries a nonce.
pub async fn signed(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let nonce = request.headers().get(NONCE_HEADER).and_then(|nonce| nonce.to_str().ok()?.parse::<Id>().ok());
    let Some(nonce) = nonce else { return next.run(request).await };
    let is_head = request.method() == Method::HEAD;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let asked = format!("{} {path}", request.method());
    let (mut parts, body) = next.run(request).await.into_parts();
    // A body that is sent in pieces has no exact size here, and its reader knows its digest.
    let whole = body.size_hint().exact().filter(|_| !is_head).and_then(|size| usize::try_from(size).ok());
    let (digest, body) = match whole {
        None => (None, body),
        Some(size) => match digested(body, size).await {
            Ok((digest, body)) => (Some(digest), body),
            Err(failure) => return failure.into_response(),
        },
    };
    let answer = Answer { nonce, asked: &asked, status: parts.status.as_u16(), body: digest };
    match header(shared.introducer.sign(&answer)) {
        Ok(header) => parts.headers.insert(ANSWER_HEADER, header),
        Err(failure) => return failure.into_response(),
    };
    Response::from_parts(parts, body)
}

/// The digest of a whole body.
async fn digested(body: Body, size: usize) -> Result<(Digest, Body), Failure> {
    let bytes = to_bytes(body, size).await.map_err(Failure::failed)?;
    let digest = match bytes.len() {
        0..=SMALL_BYTES_MAX => Digest::of(&bytes),
        _ => {
            let bytes = bytes.clone();
            blocking(move || Ok(Digest::of(&bytes))).await?
        }
    };
    Ok((digest, Body::from(bytes)))
}

/// The signature as a header. The requester believes no answer without one, so this server's log records the failure.
fn header<E: std::fmt::Display>(signature: Result<String, E>) -> Result<HeaderValue, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::failed(format!("an answer could not be signed: {error}"));
    let signature = signature.map_err(|error| failed(&error))?;
    HeaderValue::from_str(&signature).map_err(|error| failed(&error))
}

/// Largest body whose digest costs less than a turn.
const SMALL_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use evidence::Digest;
    use tokio::time::timeout;

    use super::{SMALL_BYTES_MAX, digested, header};
    use crate::http::requester::tests::busy;

    #[tokio::test]
    async fn attack_a_large_answer_is_digested_in_a_turn_of_who_asks() {
        let (large, small) = (vec![0; SMALL_BYTES_MAX + 1], vec![0; SMALL_BYTES_MAX]);
        let digest = async |bytes: &Vec<u8>| {
            let (digest, _) = digested(Body::from(bytes.clone()), bytes.len()).await.unwrap();
            assert_eq!(digest, Digest::of(bytes));
        };
        let requester = busy().await;
        requester.is_here(digest(&small)).await;
        let mut waits = Box::pin(requester.is_here(digest(&large)));
        assert!(timeout(Duration::ZERO, &mut waits).await.is_err(), "all turns are taken");
        requester.end();
        waits.await;
    }

    #[test]
    fn an_answer_that_cannot_be_signed_is_a_failure() {
        assert_eq!(header(Ok::<_, String>("signed".into())).unwrap(), "signed");
        let failure = header(Err("the device is gone")).unwrap_err();
        assert!(failure.to_string().contains("the device is gone"), "{failure}");
        header(Ok::<_, String>("no\nheader".into())).unwrap_err();
    }
}
