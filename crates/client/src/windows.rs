//! Windows of places: the times in which releases begin there, by statements that are signed.
//!
//! Input: a client, the person's pin. Invariant: windows are those whose digest a checked environment statement names.

use evidence::pin::Pin;
use evidence::trust_root::TrustRoot;
use evidence::windows::{BYTES_MAX, Windows};
use evidence::{Digest, Place};
use wire::{Client, PlaceView};

use crate::error::Error;
use crate::{fetched, statements};

/// A place and its windows.
#[derive(Debug)]
pub struct PlaceWindows {
    /// The place, as the server shows it.
    pub view: PlaceView,
    /// Its windows; absent if releases begin at any time.
    pub windows: Option<Windows>,
}

/// The windows of one place, or of all that the person may read.
pub async fn of_places(
    client: &Client,
    root: &TrustRoot,
    pin: &Pin,
    only: Option<&Place>,
) -> Result<Vec<PlaceWindows>, Error> {
    let mut found = Vec::new();
    for (view, envelope) in fetched::environments(client).await? {
        if only.is_some_and(|only| *only != view.place) {
            continue;
        }
        let statement = statements::statement_in(&envelope, &view.place, root, Some(pin))?;
        let windows = match &statement.windows {
            Some(digest) => Some(named(client, digest).await?),
            None => None,
        };
        found.push(PlaceWindows { view, windows });
    }
    Ok(found)
}

async fn named(client: &Client, digest: &Digest) -> Result<Windows, Error> {
    let bytes = client.blob(digest, BYTES_MAX).await?;
    if Digest::of(&bytes) != *digest {
        return Err(Error::unusable(format!("the server shows other windows than {digest}")));
    }
    Ok(Windows::decode(&bytes)?)
}
