//! The witnesses that relay a person's status, and what they give.
//!
//! Invariant: what a witness gives is verified under the person's pin. A witness is remembered once it has taken a status, so that a later
//! freeze reaches it without being told.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use evidence::Id;
use evidence::pin::Pin;
use evidence::relayed_status::RelayedStatus;
use evidence::status::{Status, StatusInForce};
use judge::{Anchors, RelayedInForce, open_relayed};
use serde::{Deserialize, Serialize};

use crate::dirs::person_dir;
use crate::error::Error;
use crate::files::{private_dir, read_text, write_private};

/// The witnesses as stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Witnesses {
    /// Version of this format; 1.
    v: u8,
    urls: BTreeSet<String>,
}

/// A status and its roots, verified under a person's pin.
pub fn open(given: &RelayedStatus, pin: &Pin) -> Result<RelayedInForce, Error> {
    let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
    let opened = open_relayed(given, &anchors, 0).map_err(|error| Error::unusable(error.to_string()))?;
    if opened.root.installation != pin.installation {
        return Err(Error::unusable("the status is of another installation than the pin"));
    }
    Ok(opened)
}

/// Adds to a status what other statuses stop, where the newest one does not follow them: their signers did not see each
/// other's status. The next signature then lifts nothing unknowingly.
pub fn stop_all(current: &mut Status, newest: &StatusInForce, others: &[StatusInForce]) {
    for other in others.iter().filter(|other| other.status != newest.status && !newest.follows(other)) {
        current.stop_too(&other.status);
    }
}

/// URLs of the witnesses that took a status of this person.
pub fn witnesses(installation: Id) -> Result<BTreeSet<String>, Error> {
    witnesses_in(&person_dir(installation)?)
}

/// Remembers witnesses that took a status. Above the bound, the new ones are not kept, and the error names them: the caller tells
/// it, because the status was taken.
pub fn remember(installation: Id, urls: &[String]) -> Result<(), Error> {
    remember_in(&person_dir(installation)?, urls)
}

fn remember_in(dir: &Path, urls: &[String]) -> Result<(), Error> {
    let _lock = lock(dir)?;
    let mut all = witnesses_in(dir)?;
    let (mut is_new, mut left) = (false, Vec::new());
    for url in urls.iter().filter(|url| !all.contains(*url)).collect::<BTreeSet<_>>() {
        if all.len() < WITNESSES_MAX {
            is_new |= all.insert(url.clone());
        } else {
            left.push(url.as_str());
        }
    }
    let path = dir.join(WITNESSES);
    if is_new {
        write_private(&path, &serde_json::to_string(&Witnesses { v: 1, urls: all })?)?;
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::unusable(format!(
        "`{}` remembers {WITNESSES_MAX} witnesses, the most, and not {}: remove one from it that is gone, or give --witness URL each time",
        path.display(),
        left.join(", ")
    )))
}

fn witnesses_in(dir: &Path) -> Result<BTreeSet<String>, Error> {
    let path = dir.join(WITNESSES);
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(damaged(&path, &error)),
    };
    match serde_json::from_str(&text) {
        Ok(Witnesses { v: 1, urls }) if urls.len() > WITNESSES_MAX => {
            Err(damaged(&path, &format!("it names more than {WITNESSES_MAX} witnesses")))
        }
        Ok(Witnesses { v: 1, urls }) => Ok(urls),
        Ok(Witnesses { v, .. }) => {
            Err(damaged(&path, &format!("it is of version {v}, which this program does not know")))
        }
        Err(error) => Err(damaged(&path, &error)),
    }
}

fn damaged(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::unusable(format!(
        "`{}`: {what}; remove it, and name the witnesses with --witness URL",
        path.display()
    ))
}

fn lock(dir: &Path) -> Result<File, Error> {
    private_dir(dir)?;
    Ok(disk::lock_file(
        &dir.join("witnesses.lock"),
        "another command of yours writes the witnesses; try again",
    )?)
}

/// File in the person's directory of an installation.
const WITNESSES: &str = "witnesses.json";
/// Most witnesses that are remembered.
const WITNESSES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use evidence::Digest;
    use evidence::status::{Freeze, Revocation, StatusFile};
    use lab::Lab;

    use super::*;

    #[test]
    fn attack_a_witness_gives_a_status_that_the_pin_does_not_lead_to() {
        let lab = Lab::default();
        let roots = vec![lab.signed_root(&lab.root(), &[0, 1])];
        let given = RelayedStatus::new(lab.signed_status(&lab.status(), &[0, 1]), roots);
        let pin = lab.pin();
        assert_eq!(open(&given, &pin).unwrap().status.status, lab.status());
        open(&given, &Pin { root: Digest::of(b"another"), ..pin.clone() }).unwrap_err();
        open(&given, &Pin { installation: lab::id(9), ..pin.clone() }).unwrap_err();
        let alone = RelayedStatus { status: lab.signed_status(&lab.status(), &[0]), ..given };
        open(&alone, &pin).unwrap_err();
    }

    #[test]
    fn attack_an_amendment_after_two_who_did_not_see_each_other() {
        let lab = Lab::default();
        let base = lab.signed_status(&lab.status(), &[0, 1]).base;
        let tightened = |number, change: &dyn Fn(&mut Status)| {
            let mut status = Status { number, base: Some(base.payload_digest()), ..lab.status() };
            change(&mut status);
            let tightening = Some(lab.signed_status(&status, &[0]).base);
            StatusFile { base: base.clone(), tightening }.open(&lab.root()).unwrap()
        };
        let key = lab.ada.sign_in.key.fingerprint();
        let revokes = |since| {
            move |status: &mut Status| {
                status.revoked = vec![Revocation { key: key.to_owned(), invalid_since: lab::at(since) }];
            }
        };
        let everything = Freeze { project: lab::name("shop"), service: None, environment: None };
        let hidden = tightened(3, &|status| {
            status.frozen = vec![everything.clone()];
            status.barred = vec![Digest::of(b"an artifact")];
            status.expires = lab::at(60);
            revokes(-20)(status);
        });
        let newest = tightened(4, &revokes(-10));
        let amended = |newest: &StatusInForce| {
            let mut current = newest.status.clone();
            stop_all(&mut current, newest, &[hidden.clone(), newest.clone()]);
            current
        };
        let all = Status { number: 4, ..hidden.status.clone() };
        assert_eq!(amended(&newest), all);
        assert!(amended(&newest).contains(&hidden.status) && amended(&newest).contains(&newest.status));
        // A newer base lifts what its signers wish.
        let lifted = lab.signed_status(&Status { number: 5, ..lab.status() }, &[0, 1]);
        let lifted = lifted.open(&lab.root()).unwrap();
        assert_eq!(amended(&lifted), lifted.status);
    }

    #[test]
    fn a_list_of_witnesses_that_cannot_be_read_names_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        assert!(witnesses_in(dir.path()).unwrap().is_empty());
        let many: BTreeSet<_> = (0..=WITNESSES_MAX).map(|at| format!("http://127.0.0.1:{at}")).collect();
        let many = serde_json::to_string(&Witnesses { v: 1, urls: many }).unwrap();
        let long = " ".repeat((1 << 20) + 1);
        for (bad, reason) in [
            ("{", "EOF"),
            (r#"{"v":2,"urls":[]}"#, "of version 2"),
            (&many, "more than 64 witnesses"),
            (&long, "more than 1048576 bytes"),
        ] {
            write_private(&dir.path().join(WITNESSES), bad).unwrap();
            let said = witnesses_in(dir.path()).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains("remove it, and name the witnesses"), "{said}");
        }
    }

    #[test]
    fn a_witness_above_the_bound_is_told_and_the_others_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let url = |at: usize| format!("http://127.0.0.1:{at}");
        let first: Vec<_> = (1..WITNESSES_MAX).map(url).collect();
        remember_in(dir.path(), &first).unwrap();
        let said = remember_in(dir.path(), &[url(1), url(100), url(101)]).unwrap_err().to_string();
        assert!(said.contains("64 witnesses, the most, and not http://127.0.0.1:101: remove one"), "{said}");
        assert_eq!(witnesses_in(dir.path()).unwrap().len(), WITNESSES_MAX);
        assert!(witnesses_in(dir.path()).unwrap().contains(&url(100)));
        remember_in(dir.path(), &first).unwrap();
    }
}
