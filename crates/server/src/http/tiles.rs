//! The log as C2SP tlog-tiles serves it: `/checkpoint` and `/tile/…`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use ledger::Tiles;
use tlog::TilePath;
use wire::ProblemKind;

use super::problem::Failure;
use super::{Shared, blocking};

/// The newest checkpoint; with cosignatures once witnesses have given them.
pub async fn checkpoint(State(shared): State<Arc<Shared>>) -> Result<Response, Failure> {
    let note = blocking(move || {
        shared.gatekeeper.readers().with(|reader| {
            let (head, witnessed) = (reader.head()?.checkpoint, reader.witnessed()?);
            Ok::<_, Failure>(witnessed.filter(|note| note.text() == head.text()).unwrap_or(head))
        })
    });
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, note.await?.to_string()).into_response())
}

/// One tile or entry bundle.
pub async fn tile(State(shared): State<Arc<Shared>>, Path(path): Path<String>) -> Result<Response, Failure> {
    let parsed: Result<TilePath, _> = format!("tile/{path}").parse();
    let path = parsed.map_err(|error| Failure::new(ProblemKind::Malformed, error.to_string()))?;
    let bytes = blocking(move || {
        shared.gatekeeper.readers().with(|reader| {
            let tiles = Tiles::new(shared.gatekeeper.readers().dir(), reader);
            tiles.read(path).map_err(Failure::from)
        })
    });
    let absent = || Failure::new(ProblemKind::NotFound, format!("the ledger has no `{path}` yet"));
    let bytes = bytes.await?.ok_or_else(absent)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}
