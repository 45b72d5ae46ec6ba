//! Trust as the server showed it last: roots and status, kept for a freeze that has to work while no server answers.
//!
//! Input: what was verified. Output: the same, verified again under the pin. Invariant: a file that does not hold under the pin is as
//! good as none; nothing is sent because of it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use evidence::dsse::Envelope;
use evidence::pin::Pin;
use evidence::relayed_status::RelayedStatus;
use evidence::status::{Status, StatusFile};
use evidence::trust_root::TrustRoot;
use serde::{Deserialize, Serialize};

use crate::dirs::person_dir;
use crate::error::Error;
use crate::pins;
use crate::{fetched, files, statements};

/// Roots and status, as stored on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Version of this format; 1.
    v: u8,
    /// Trust roots, oldest first.
    roots: Vec<Envelope>,
    status: StatusFile,
}

/// Stores roots and the status under them, unless a newer status is stored.
pub fn keep(pin: &Pin, roots: Vec<Envelope>, status: &StatusFile) -> Result<(), Error> {
    let newest = fetched::walked(roots.clone(), pin)?;
    let (_, root) = newest.last().ok_or_else(|| fetched::other_root(pin))?;
    let number = statements::status_in(status, root, Some(pin))?.number;
    let _lock = pins::lock(pin.installation)?;
    if read(pin)?.is_some_and(|(_, _, known)| known.number > number) {
        return Ok(());
    }
    let kept = Kept { v: 1, roots, status: status.clone() };
    files::write_private(&person_dir(pin.installation)?.join(FILE), &serde_json::to_string(&kept)?)
}

/// Root and status that were stored last, as far as they hold under the pin now.
pub fn read(pin: &Pin) -> Result<Option<(TrustRoot, StatusFile, Status)>, Error> {
    let path = person_dir(pin.installation)?.join(FILE);
    let Some(text) = text_in(&path)? else { return Ok(None) };
    Ok(verified(&text, pin))
}

/// Roots and status that were stored last, unverified, as a witness gets them.
pub fn relayed(pin: &Pin) -> Result<Option<RelayedStatus>, Error> {
    let Some(text) = text_in(&person_dir(pin.installation)?.join(FILE))? else { return Ok(None) };
    let kept = serde_json::from_str(&text).ok();
    Ok(kept.and_then(|Kept { v, roots, status }| (v == 1).then(|| RelayedStatus::new(status, roots))))
}

fn text_in(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::unusable(format!("cannot read `{}`: {error}", path.display()))),
    }
}

fn verified(text: &str, pin: &Pin) -> Option<(TrustRoot, StatusFile, Status)> {
    let Kept { v: 1, roots, status } = serde_json::from_str(text).ok()? else { return None };
    let (_, root) = fetched::walked(roots, pin).ok()?.pop()?;
    let opened = statements::status_in(&status, &root, Some(pin)).ok()?;
    Some((root, status, opened))
}

/// Name of the file in the person's directory of an installation.
const FILE: &str = "trust.json";

#[cfg(test)]
mod tests {
    use lab::Lab;

    use super::*;

    #[test]
    fn attack_what_was_kept_counts_only_under_the_pin() {
        let lab = Lab::default();
        let roots = vec![lab.signed_root(&lab.root(), &[0, 1])];
        let status = lab.signed_status(&lab.status(), &[0, 1]);
        let kept = |v: u8, roots: &[Envelope]| {
            serde_json::to_string(&Kept { v, roots: roots.to_vec(), status: status.clone() }).unwrap()
        };
        let pin = lab.pin();
        let (_, _, found) = verified(&kept(1, &roots), &pin).unwrap();
        assert_eq!(found, lab.status());
        assert!(verified(&kept(2, &roots), &pin).is_none(), "of another version");
        assert!(verified(&kept(1, &[]), &pin).is_none(), "without roots");
        let newer = Pin { status: found.number + 1, ..pin.clone() };
        assert!(verified(&kept(1, &roots), &newer).is_none(), "older than what was seen");
        let other = Pin { root: evidence::Digest::of(b"another"), ..pin.clone() };
        assert!(verified(&kept(1, &roots), &other).is_none(), "of another root");
        let forged = lab.signed_status(&lab.status(), &[0]);
        let forged = serde_json::to_string(&Kept { v: 1, roots, status: forged }).unwrap();
        assert!(verified(&forged, &pin).is_none(), "by too few signers");
    }
}
