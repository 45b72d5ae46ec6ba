//! The pins of a person: the trust root of each installation, and the newest numbers that the person has seen there.
//!
//! Input: the id of an installation. Output: its pin. Invariant: a pin is written whole or not at all, by one command at a
//! time; its numbers only rise, unless the person replaces the whole pin.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;

use evidence::Id;
use evidence::pin::Pin;

use crate::dirs::person_dir;
use crate::error::Error;
use crate::files::{private_dir, write_private};

/// Takes the pin in a line that somebody gave the person. Unless it replaces the known one, no number that was seen is lost,
/// and a line that contradicts the known pin is refused. Returns the pin and its file.
pub fn take(new: Pin, replace: bool) -> Result<(Pin, PathBuf), Error> {
    let _lock = lock(new.installation)?;
    let pin = match read(new.installation)? {
        Some(known) if !replace => together(&known, new)?,
        _ => new,
    };
    let path = write(&pin)?;
    Ok((pin, path))
}

/// Saves newer numbers in a person's pin; numbers that another command has raised further stay.
pub fn raise(pin: &Pin, what: impl FnOnce(&mut Pin)) -> Result<(), Error> {
    let _lock = lock(pin.installation)?;
    let known = read(pin.installation)?.unwrap_or_else(|| pin.clone());
    let mut newer = known.clone();
    what(&mut newer);
    let risen = risen(&known, newer)?;
    if risen == known { Ok(()) } else { write(&risen).map(drop) }
}

/// The pin of a line combined with the existing pin: no number that was seen is lost.
///
/// # Errors
/// `Error` when the line contradicts the existing pin.
pub fn together(known: &Pin, new: Pin) -> Result<Pin, Error> {
    let (old, version) = (known.root_version, new.root_version);
    if version < old {
        let what = format!("you have pinned trust root version {old}, the line is of version {version}");
        return Err(Error::unusable(format!("{what}; ask for a new line, or take this one with --replace")));
    }
    if version == old && new.root != known.root {
        let what = format!("you have pinned another trust root of version {version}, {}", known.root);
        return Err(Error::unusable(format!(
            "{what}; ask your colleagues which one is right, and pin this one with --replace if it is"
        )));
    }
    // A line of an older program names no addresses; the known ones stay.
    let newest = if new.addresses.is_empty() { known } else { &new };
    let (addresses, authority) = (newest.addresses.clone(), newest.authority);
    Ok(risen(known, new)?.reached_at(addresses, authority)?)
}

/// The higher of each number. The addresses are those of the newer pin.
fn risen(known: &Pin, new: Pin) -> Result<Pin, Error> {
    let (seen, told) = (known.checkpoint()?, new.checkpoint()?);
    // A ledger with another origin is named by a newer root, or by the same one.
    let is_further = match seen.origin == told.origin {
        true => told.size >= seen.size,
        false => new.root_version >= known.root_version,
    };
    let (root_version, root) = match new.root_version > known.root_version {
        true => (new.root_version, new.root),
        false => (known.root_version, known.root),
    };
    let environments =
        known.environments.iter().fold(new.environments, |all, place| place.clone().beside(&all));
    Ok(Pin {
        root_version,
        root,
        status: known.status.max(new.status),
        environments,
        checkpoint: if is_further { new.checkpoint } else { known.checkpoint.clone() },
        ..new
    })
}

/// The person's pin of an installation; `None` if the person has none.
pub fn read(installation: Id) -> Result<Option<Pin>, Error> {
    let path = person_dir(installation)?.join("pin");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let parsed = text.trim().parse();
            parsed.map(Some).map_err(|error| {
                let remedy =
                    "remove the file, and pin a colleague's line with `countersign trust pin --set LINE`";
                Error::unusable(format!("`{}`: {error}; {remedy}", path.display()))
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::unusable(format!("cannot read `{}`: {error}", path.display()))),
    }
}

fn write(pin: &Pin) -> Result<PathBuf, Error> {
    let path = person_dir(pin.installation)?.join("pin");
    write_private(&path, &format!("{pin}\n"))?;
    Ok(path)
}

/// The lock under which a pin is read and written again, so that two commands of one person lose nothing of each other.
pub(crate) fn lock(installation: Id) -> Result<File, Error> {
    let dir = person_dir(installation)?;
    private_dir(&dir)?;
    Ok(disk::lock_file(&dir.join("pin.lock"), "another command of yours writes the pin; try again")?)
}

#[cfg(test)]
mod tests {
    use evidence::pin::EnvironmentPin;
    use lab::Lab;

    use super::*;

    fn place(number: u64, release: u64) -> EnvironmentPin {
        let name = lab::name;
        EnvironmentPin {
            project: name("shop"),
            service: name("api"),
            environment: name("production"),
            number,
            release,
        }
    }

    #[test]
    fn attack_numbers_of_a_pin_never_go_down() {
        let known =
            Pin { root_version: 3, status: 5, environments: vec![place(4, 9)], ..Lab::default().pin() };
        let shorter = known.checkpoint().unwrap();
        let shorter = tlog::Checkpoint { size: shorter.size - 1, ..shorter }.to_string();
        let older = Pin {
            root_version: 2,
            root: evidence::Digest::of(b"older"),
            status: 4,
            environments: vec![place(3, 10)],
            checkpoint: shorter,
            ..known.clone()
        };
        let risen = risen(&known, older).unwrap();
        assert_eq!(risen, Pin { environments: vec![place(4, 10)], ..known }, "the higher of each number");
    }

    #[test]
    fn a_line_without_addresses_leaves_the_known_ones() {
        let known = Lab::default().pin();
        let far = known.clone().reached_at(vec!["http://127.0.0.1:8080".into()], None).unwrap();
        assert_eq!(together(&far, known.clone()).unwrap(), far);
        let moved = known.clone().reached_at(vec!["http://127.0.0.1:8081".into()], None).unwrap();
        assert_eq!(together(&far, moved.clone()).unwrap(), moved);
        assert_eq!(together(&known, far.clone()).unwrap(), far);
    }
}
