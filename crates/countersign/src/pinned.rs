//! What a role or a person has pinned, as the anchor by which a server shows who it is.
//!
//! Invariant: the ledger's key comes from a trust root that follows the pinned one, never from whoever answers.

use evidence::dsse::Envelope;
use evidence::machine::MachineKey;
use evidence::pin::Pin;
use evidence::{Id, Moment};
use judge::{Anchors, Seen};

use crate::{clock, random};

/// A pinned trust root.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The installation.
    pub installation: Id,
    /// The root.
    pub anchors: Anchors,
    /// Highest version of a root that was seen.
    pub seen: u32,
}

impl Pinned {
    /// What a pin says. Whether a rehearsal counts is no matter of who answers.
    pub const fn of(pin: &Pin) -> Self {
        let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
        Self { installation: pin.installation, anchors, seen: pin.root_version }
    }
}

impl wire::Anchor for Pinned {
    fn installation(&self) -> Id {
        self.installation
    }

    fn ledger_key(&self, roots: &[Envelope], least: u32) -> Result<(MachineKey, u32), String> {
        let seen = Seen { root: self.seen.max(least), ..Seen::default() };
        let root = judge::newest_root(roots, &self.anchors, &seen).map_err(|against| against.to_string())?;
        let key = root.ledger_key().map_err(|error| error.to_string())?;
        Ok((MachineKey::from(&key), root.version))
    }

    fn now(&self) -> Moment {
        clock::moment()
    }

    fn nonce(&self) -> Result<Id, String> {
        random::id().map_err(|failure| failure.message().to_owned())
    }
}
