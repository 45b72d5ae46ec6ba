//! Signed statements that a server shows, checked against a trust root and the person's pin.
//!
//! Input: an envelope, the root, the pin. Output: the statement. Invariant: a statement with a lower number than the pin
//! holds is refused.

use evidence::Place;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::pin::{EnvironmentPin, Pin};
use evidence::status::{Status, StatusFile};
use evidence::trust_root::TrustRoot;

use crate::error::Error;

/// The status in a file; it must be signed, and no older than the pinned number.
pub fn status_in(file: &StatusFile, root: &TrustRoot, seen: Option<&Pin>) -> Result<Status, Error> {
    let status = file.open(root)?.status;
    not_before("status", status.number, seen.map_or(0, |pin| pin.status))?;
    Ok(status)
}

/// The statement of a place; it must be signed, and no older than the pinned number.
pub fn statement_in(
    envelope: &Envelope,
    place: &Place,
    root: &TrustRoot,
    seen: Option<&Pin>,
) -> Result<Environment, Error> {
    let statement = Environment::open(envelope, root)?;
    if [&statement.project, &statement.service, &statement.environment]
        != [&place.project, &place.service, &place.environment]
    {
        return Err(Error::unusable(format!("the server shows a statement of another place than {place}")));
    }
    let pinned = seen.and_then(|pin| seen_of(pin, place));
    not_before(&format!("statement of {place}"), statement.number, pinned.map_or(0, |known| known.number))?;
    Ok(statement)
}

/// The pinned numbers of a place.
pub fn seen_of<'a>(pin: &'a Pin, place: &Place) -> Option<&'a EnvironmentPin> {
    pin.environments.iter().find(|known| {
        [&known.project, &known.service, &known.environment]
            == [&place.project, &place.service, &place.environment]
    })
}

fn not_before(what: &str, shown: u64, seen: u64) -> Result<(), Error> {
    if shown >= seen {
        return Ok(());
    }
    Err(Error::unusable(format!(
        "the server shows {what} number {shown}, and you have seen {seen}: it withholds the current one, or was \
         restored from a backup (docs/operating/restore.md says what to do then); clarify this before you sign anything"
    )))
}
