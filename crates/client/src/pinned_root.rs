//! The pin of a role or a person, as the anchor by which a server proves its identity.
//!
//! Invariant: the ledger's key comes from a trust root that follows the pinned one and is at least as new as every root
//! that a server proved itself by before; it never comes from the answering server alone. The version of that root lies
//! in a file beside the pin. The pin itself stays as it is: it may be older than evidence that its owner verifies.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use evidence::dsse::Envelope;
use evidence::machine::MachineKey;
use evidence::pin::Pin;
use evidence::{Digest, Id, Moment};
use judge::{Anchors, VerificationContext};
use serde::{Deserialize, Serialize};
use wire::AnchorError;

use crate::clock;
use crate::error::Error;
use crate::files;
use crate::random;

/// A pinned trust root.
#[derive(Clone, Debug)]
pub struct PinnedRoot {
    installation: Id,
    anchors: Anchors,
    /// Highest version of a root that the owner has seen.
    seen: u32,
    /// File with the highest version of a root that a server proved itself by.
    file: PathBuf,
}

/// The newest trust root that a server proved itself by, as stored on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Introduced {
    /// Version of this format; 1.
    v: u8,
    /// Version of the root.
    root: u32,
}

impl PinnedRoot {
    /// The anchor of a pin, with the version of the newest root that its owner has seen, and the owner's directory.
    pub fn of(pin: &Pin, seen: u32, dir: &Path) -> Result<Self, Error> {
        // The identity of the server does not depend on whether a rehearsal counts.
        let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
        Self::new(pin.installation, anchors, seen, dir)
    }

    /// The same for a pin that is stored in another form.
    pub fn new(installation: Id, anchors: Anchors, seen: u32, dir: &Path) -> Result<Self, Error> {
        let file = dir.join(FILE);
        Ok(Self { installation, anchors, seen: seen.max(read(&file)?), file })
    }
}

/// Deletes the record of the root that a server proved itself by; for a new pin, which may be older.
pub fn forget(dir: &Path) -> Result<(), Error> {
    let file = dir.join(FILE);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::unusable(format!("cannot remove `{}`: {error}", file.display())))
        }
        _ => Ok(()),
    }
}

impl wire::Anchor for PinnedRoot {
    fn installation(&self) -> Id {
        self.installation
    }

    fn ledger_key(&self, roots: &[Envelope], least: u32) -> Result<(MachineKey, u32), AnchorError> {
        let seen = VerificationContext { root: self.seen.max(least), ..VerificationContext::default() };
        let root = judge::newest_root(roots, &self.anchors, &seen)
            .map_err(|against| AnchorError::Roots(against.to_string()))?;
        let key = root.ledger_key().map_err(|error| AnchorError::Roots(error.to_string()))?;
        Ok((MachineKey::from(&key), root.version))
    }

    fn authority(&self, roots: &[Envelope], least: u32) -> Result<Option<Digest>, AnchorError> {
        let seen = VerificationContext { root: self.seen.max(least), ..VerificationContext::default() };
        let root = judge::newest_root(roots, &self.anchors, &seen)
            .map_err(|against| AnchorError::Roots(against.to_string()))?;
        Ok(root.authority)
    }

    fn keep_root(&self, root: u32) -> Result<(), AnchorError> {
        let kept = || {
            // Two processes that write at the same time would lose each other's version.
            let _lock = lock(&self.file)?;
            if root <= self.seen.max(read(&self.file)?) {
                return Ok(());
            }
            files::write_private(&self.file, &serde_json::to_string(&Introduced { v: 1, root })?)
        };
        kept().map_err(|failure: Error| AnchorError::Keep(failure.to_string()))
    }

    fn now(&self) -> Moment {
        clock::moment()
    }

    fn nonce(&self) -> Result<Id, AnchorError> {
        random::id().map_err(|failure| AnchorError::Randomness(failure.to_string()))
    }
}

fn lock(file: &Path) -> Result<fs::File, Error> {
    let dir = file.parent().unwrap_or(file);
    files::private_dir(dir)?;
    Ok(disk::lock_file(&dir.join("introduced.lock"), "another process writes it; try again")?)
}

/// The version in a file, 0 if the file is missing.
fn read(file: &Path) -> Result<u32, Error> {
    let shown = file.display();
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Error::unusable(format!("cannot read `{shown}`: {error}"))),
    };
    match serde_json::from_str(&text) {
        Ok(Introduced { v: 1, root }) => Ok(root),
        Ok(Introduced { v, .. }) => Err(Error::unusable(format!(
            "`{shown}` is of version {v}, which this program does not know; use a newer program"
        ))),
        Err(error) => Err(Error::unusable(format!(
            "`{shown}` is damaged: {error}; it holds the version of the newest trust root that the server has shown, so remove it only if \
             you are certain that the genuine server answers"
        ))),
    }
}

/// Name of the file in the directory of the pin's owner.
const FILE: &str = "introduced.json";

#[cfg(test)]
mod tests {
    use lab::Lab;
    use wire::Anchor as _;

    use super::*;

    fn pinned(lab: &Lab, dir: &Path) -> Result<PinnedRoot, Error> {
        let root = lab.root();
        let anchors = Anchors { version: root.version, digest: root.digest().unwrap(), rehearsal: true };
        PinnedRoot::new(root.installation, anchors, root.version, dir)
    }

    /// Every command begins with the same pin, which is older than the rotation.
    #[test]
    fn attack_a_rotated_ledger_key_is_no_servers_for_whoever_has_met_the_newer_root() {
        let (lab, dir) = (Lab::default(), tempfile::tempdir().unwrap());
        let (old, mut new) = (lab.root(), lab.root());
        new.version = 2;
        let roots = [lab.signed_root(&old, &[0, 1]), lab.signed_root(&new, &[0, 1])];
        let first = pinned(&lab, dir.path()).unwrap();
        assert_eq!(first.ledger_key(&roots, 0).unwrap().1, 2);
        // Anybody can send the root, so a root alone does not prove the server's identity.
        assert_eq!(pinned(&lab, dir.path()).unwrap().ledger_key(&roots[..1], 0).unwrap().1, 1);
        first.keep_root(2).unwrap();
        let next = pinned(&lab, dir.path()).unwrap();
        let said = next.ledger_key(&roots[..1], 0).unwrap_err().to_string();
        assert!(said.contains("root version 2 was seen before"), "{said}");
        assert_eq!(next.ledger_key(&roots, 0).unwrap().1, 2);
        // The version never goes down, even if another process writes at the same time.
        next.keep_root(1).unwrap();
        files::write_private(&dir.path().join(FILE), r#"{"v":1,"root":4}"#).unwrap();
        next.keep_root(3).unwrap();
        assert_eq!(pinned(&lab, dir.path()).unwrap().seen, 4);
        for damaged in ["", "{}", r#"{"v":2,"root":4}"#] {
            files::write_private(&dir.path().join(FILE), damaged).unwrap();
            pinned(&lab, dir.path()).unwrap_err();
        }
    }
}
