//! The end of a browser's session, asked for by its reader.
//!
//! Invariant: a form of these pages alone ends a session; another site's is refused, here and by `isolation.rs`. It ends the session
//! whose cookie came with it and no other one, and says nothing about whether there was one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use wire::ProblemKind;

use super::opening;
use crate::clock;
use crate::http::problem::Failure;
use crate::http::right;
use crate::shared::Shared;

/// Ends the session of the browser, and leads to the overview, which then says which command opens a new one.
pub async fn close(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    if !opening::is_own_form(&shared, &parts.headers) {
        return Err(Failure::new(ProblemKind::Forbidden, "another site's form asked to end this session"));
    }
    if let Some(token) = right::session_token(&parts) {
        shared.browsers.end(token, clock::now());
    }
    let cookie = format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", right::COOKIE);
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, header::HeaderValue::from_static("/"));
    headers.insert(header::SET_COOKIE, cookie.parse().map_err(Failure::failed)?);
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
