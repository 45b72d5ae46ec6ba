//! Opens sessions. The signed request is in the header, so that the body of an unknown sender is never read.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use listen::Peer;
use wire::{Credential, ProblemKind, Session};

use super::problem::Failure;
use super::requester::blocking;
use super::right::credential;
use crate::clock;
use crate::shared::Shared;

/// Opens a session for the person who signed the request.
pub async fn open(
    State(shared): State<Arc<Shared>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<Json<Session>, Failure> {
    let Some(Credential::Request(envelope)) = credential(&headers) else {
        let what = "the signed request for a session is missing in the header `Authorization`";
        return Err(Failure::new(ProblemKind::Unauthenticated, what));
    };
    let is_local = peer.is_some_and(|Extension(peer)| peer.is_local());
    let opened = blocking(move || {
        let (state, keeper, now) = (shared.intake.state(), &shared.gatekeeper, clock::now());
        Ok(keeper.sign_in(&state, &envelope, &shared.introducer, is_local, now)?)
    });
    opened.await.map(Json)
}
