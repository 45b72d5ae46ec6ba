//! The console over HTTP: pages beside the API, and the files that a browser needs for them.
//!
//! Invariant: a page is read with the right that the API demands, and no request to it changes anything.

mod closing;
mod errors;
mod form;
mod headers;
mod isolation;
mod live;
pub mod opening;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawPathParams, Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use wire::{PagePath, ProblemKind};

use crate::console::{FileSort, Form, PAGES, Page, PageAddress, Reading};
use crate::http::problem::Failure;
use crate::http::requester::blocking;
use crate::http::right::{self, Visitor};
use crate::shared::Shared;
use crate::{clock, console};
pub use errors::for_browsers;
pub use headers::protected;
pub use isolation::isolated;

/// The routes of the console.
pub fn routes() -> Router<Arc<Shared>> {
    let mut router = Router::new()
        .route("/assets/{name}", get(asset))
        .route(web::frame::STREAM, get(live::stream))
        .route(FileSort::Ndjson.path(), get(|state, request| export(FileSort::Ndjson, state, request)))
        .route(FileSort::Csv.path(), get(|state, request| export(FileSort::Csv, state, request)))
        .route(opening::PATH, get(opening::page).post(opening::exchange))
        .route(web::frame::CLOSE, post(closing::close));
    for page in PAGES {
        let made = move |state, words, request| show(page, state, words, request);
        router = router.route(page.path, get(made));
        if let Some(json) = page.json {
            router = router.route(json, get(made));
        }
    }
    router
}

/// A page in the form that the request prefers.
async fn show(
    page: &'static Page,
    State(shared): State<Arc<Shared>>,
    words: RawPathParams,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path();
    let form = form::of_page(path, &parts.headers);
    let words = words.iter().map(|(_, word)| word.to_owned()).collect();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let address = PageAddress::new(path, query, words);
    let Visitor { caller, session_ends } =
        right::visitor(&shared, &parts).await.map_err(|failure| without_right(failure, &address))?;
    let made = blocking(move || {
        let at = Reading { shared: &shared, caller: &caller, now: clock::now(), session_ends };
        // The reader has a right to the frame, also around an error.
        Ok((page.make)(&at, &address, form).map_err(|failure| (failure, address.frame_of_problem(&at))))
    });
    let kind = match form {
        Form::Html => "text/html; charset=utf-8",
        Form::Json => "application/json",
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::VARY, "accept, authorization, cookie")];
    Ok(match made.await? {
        Ok(made) => (headers, made).into_response(),
        Err((failure, frame)) => errors::framed(failure, frame),
    })
}

/// The entries of a search as a file.
async fn export(
    sort: FileSort,
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let address = PageAddress::new(parts.uri.path(), query.clone(), Vec::new());
    let Visitor { caller, session_ends } =
        right::visitor(&shared, &parts).await.map_err(|failure| without_right(failure, &address))?;
    let made = blocking(move || {
        let at = Reading { shared: &shared, caller: &caller, now: clock::now(), session_ends };
        console::file(&at, &query, sort)
    });
    let name = sort.path().rsplit('/').next().unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, sort.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"ledger-{name}\"")),
    ];
    Ok((headers, made.await?).into_response())
}

/// Names the command that opens this page, in place of words about requests of programs.
fn without_right(failure: Failure, address: &PageAddress) -> Failure {
    if failure.kind() != ProblemKind::Unauthenticated {
        return failure;
    }
    let path = address.shown().parse().unwrap_or_else(|_| PagePath::root());
    let what = format!(
        "this browser has none here, or its session has ended: \
         `countersign open {}` opens this page with yours",
        path.word()
    );
    Failure::new(ProblemKind::Unauthenticated, what)
}

/// A file of the console. Its name holds the digest of its bytes, so it never changes.
async fn asset(Path(name): Path<String>) -> Result<Response, Failure> {
    let asset = web::assets::find(&name);
    let asset = asset.ok_or_else(|| Failure::new(ProblemKind::NotFound, "there is no such file"))?;
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.bytes).into_response())
}
