//! The log in the layout of C2SP tlog-tiles: `/checkpoint` and `/tile/…`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use evidence::claim::ClaimedOperation;
use ledger::Tiles;
use tlog::{TileKind, TilePath};
use wire::ProblemKind;

use super::problem::Failure;
use super::requester::blocking;
use super::right;
use crate::shared::Shared;

/// The newest checkpoint, with cosignatures once witnesses have given them; with the query `witnessed` the newest one that
/// they signed.
pub async fn checkpoint(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let takes_older = query.as_deref() == Some("witnessed");
    let note = blocking(move || {
        shared.gatekeeper.readers().with(|reader| {
            let (head, witnessed) = (reader.head()?.checkpoint, reader.witnessed()?);
            Ok::<_, Failure>(
                witnessed.filter(|note| takes_older || note.text() == head.text()).unwrap_or(head),
            )
        })
    });
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, note.await?.to_string()).into_response())
}

/// One hash tile, which everybody may read, or one entry bundle, for callers with the right to read.
pub async fn tile(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let parsed: Result<TilePath, _> = format!("tile/{path}").parse();
    let path = parsed.map_err(|error| Failure::new(ProblemKind::Malformed, error.to_string()))?;
    // The decoded path decides and not its spelling, because `%65ntries` is `entries`.
    let is_open = matches!(path.kind(), TileKind::Level(_));
    if !is_open {
        let operation = format!("{} /{path}", request.method());
        let asked = ClaimedOperation { operation, server: *shared.introducer.key() };
        right::caller(&shared, &request.into_parts().0, asked).await?;
    }
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
        (header::CACHE_CONTROL, if is_open { KEPT_BY_ALL } else { KEPT_BY_READERS }),
    ];
    Ok((headers, bytes).into_response())
}

const KEPT_BY_ALL: &str = "public, max-age=31536000, immutable";
/// Forbids shared caches, which could give a private answer to another reader.
const KEPT_BY_READERS: &str = "private, max-age=31536000, immutable";
