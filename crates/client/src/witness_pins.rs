//! The installations that a witness has joined, each with the trust root that its operator's pin named, as stored beside
//! the witness's key.
//!
//! Invariant: the first pin of an installation stays: newer roots are walked from it. A crash leaves the list as it was, or with
//! one more.

use std::io::ErrorKind;
use std::path::Path;

use evidence::pin::Pin;
use evidence::{Digest, Id};
use judge::Anchors;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::{read_text, write_private};

/// An installation that a witness has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessPin {
    /// The installation.
    pub installation: Id,
    /// Version of the pinned root.
    pub root_version: u32,
    /// Digest of the pinned root.
    pub root: Digest,
}

/// The list as stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessPins {
    /// Version of this format; 1.
    v: u8,
    installations: Vec<WitnessPin>,
}

impl WitnessPin {
    /// The root from which newer ones are walked. Whether a rehearsal counts is for those to decide who act on a status.
    #[must_use]
    pub const fn anchors(&self) -> Anchors {
        Anchors { version: self.root_version, digest: self.root, rehearsal: true }
    }
}

/// Adds the installation of a pin, unless it is known.
pub fn keep(dir: &Path, pin: &Pin) -> Result<(), Error> {
    let mut installations = read(dir)?;
    if installations.iter().any(|known| known.installation == pin.installation) {
        return Ok(());
    }
    let (root_version, root) = (pin.root_version, pin.root);
    installations.push(WitnessPin { installation: pin.installation, root_version, root });
    write_private(&dir.join(FILE), &serde_json::to_string_pretty(&WitnessPins { v: 1, installations })?)
}

/// The installations that a witness has joined; none if an older program let it join.
pub fn read(dir: &Path) -> Result<Vec<WitnessPin>, Error> {
    let path = dir.join(FILE);
    let wrong = |what: &dyn std::fmt::Display| {
        Error::unusable(format!(
            "`{}`: {what}; remove it, and let the witness join again with `countersign witness join`",
            path.display()
        ))
    };
    match read_text(&path) {
        Ok(text) => match serde_json::from_str(&text) {
            Ok(WitnessPins { v: 1, installations }) => Ok(installations),
            Ok(WitnessPins { v, .. }) => {
                Err(wrong(&format!("it is of version {v}, which this program does not know")))
            }
            Err(error) => Err(wrong(&error)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(wrong(&error)),
    }
}

/// File in the directory of a witness.
const FILE: &str = "joined.json";

#[cfg(test)]
mod tests {
    use lab::Lab;

    use super::*;

    #[test]
    fn the_first_pin_of_an_installation_stays() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), []);
        let pin = Lab::default().pin();
        keep(dir.path(), &pin).unwrap();
        keep(dir.path(), &Pin { root_version: 2, root: Digest::of(b"newer"), ..pin.clone() }).unwrap();
        keep(dir.path(), &Pin { installation: lab::id(2), ..pin.clone() }).unwrap();
        let kept: Vec<_> =
            read(dir.path()).unwrap().iter().map(|it| (it.installation, it.root_version)).collect();
        assert_eq!(kept, [(lab::id(1), 1), (lab::id(2), 1)]);
        let long = " ".repeat((1 << 20) + 1);
        for (bad, reason) in [
            ("{", "EOF"),
            (r#"{"v":2,"installations":[]}"#, "of version 2"),
            (&long, "more than 1048576 bytes"),
        ] {
            write_private(&dir.path().join(FILE), bad).unwrap();
            let said = read(dir.path()).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains("let the witness join again"), "{said}");
        }
    }
}
