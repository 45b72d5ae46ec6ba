//! A status that this person's program keeps and the server does not know: a freeze that only witnesses took.
//!
//! Invariant: what is told has been verified under the person's pin; a server that hides it, or was down, changes nothing.

use client::profile::Profile;
use client::{kept_trust, pins};
use evidence::status::Freeze;
use serde::Serialize;
use wire::Installation;

use crate::failure::Failure;

/// The newer status.
#[derive(Debug, Serialize)]
pub struct Unsent {
    number: u64,
    /// Number of the server's status.
    server: u64,
    frozen: Vec<Freeze>,
}

/// The kept status, if it is newer than the server's.
pub fn find(mine: &Profile, seen: &Installation) -> Result<Option<Unsent>, Failure> {
    let Some(pin) = pins::read(mine.installation)? else { return Ok(None) };
    let server = seen.status.as_ref().map_or(0, |status| status.number);
    let kept = kept_trust::read(&pin)?.map(|(_, _, status)| status);
    let newer = kept.filter(|status| status.number > server);
    Ok(newer.map(|status| Unsent { number: status.number, server, frozen: status.frozen }))
}

impl Unsent {
    /// In words, with the commands that tell it to the server.
    pub fn line(&self) -> String {
        let frozen: Vec<_> = self.frozen.iter().map(ToString::to_string).collect();
        let freezes =
            if frozen.is_empty() { String::new() } else { format!(", which freezes {}", frozen.join(", ")) };
        format!(
            "status {}{freezes}; the server has {}: `countersign trust status --save status.json`, then `countersign trust send status.json`",
            self.number, self.server
        )
    }
}
