//! The pins of a person: the trust root of each installation, and the newest numbers that the person has seen there.
//!
//! Input: the id of an installation. Output: its pin. Invariant: a pin is written whole or not at all, and `raise` never
//! writes an unchanged one.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use evidence::Id;
use evidence::pin::Pin;

use crate::dirs::person_dir;
use crate::error::Error;
use crate::files::write_private;

/// Saves a pin for its installation.
pub fn write(pin: &Pin) -> Result<PathBuf, Error> {
    let path = person_dir(pin.installation)?.join("pin");
    write_private(&path, &format!("{pin}\n"))?;
    Ok(path)
}

/// Saves newer numbers in a person's pin.
pub fn raise(pin: &Pin, what: impl FnOnce(&mut Pin)) -> Result<(), Error> {
    let mut newer = pin.clone();
    what(&mut newer);
    if newer == *pin {
        return Ok(());
    }
    write(&newer).map(drop)
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
