//! The directory of a machine before it knows its installation: its key, its name and its host.
//!
//! Input: a directory, a name, a host. Output: the line that its operator gives to the people who sign. Invariant: the
//! same call prints the same line again; a directory never changes its name. A crash here leaves behind a key without a
//! name, which the next call takes up.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use evidence::machine::MachineSigner;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::write_private;
use crate::hosts::HostLine;
use crate::key_files;
use crate::pkcs11::Uri;

/// A machine as its operator described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// Version of this format; 1.
    v: u8,
    /// Name of the machine.
    pub name: String,
    /// Host of the machine.
    pub at: HostLine,
}

impl Described {
    /// A machine of this name on a host.
    pub fn new(name: impl ToString, at: HostLine) -> Self {
        Self { v: 1, name: name.to_string(), at }
    }
}

/// Makes the directory, or takes it up: its key, and the description. A host that differs replaces the noted one.
pub fn describe(dir: &Path, described: &Described, device: Option<&Uri>) -> Result<MachineSigner, Error> {
    match read(dir)? {
        Some(known) if known.name != described.name => return Err(other_name(dir, &known.name)),
        _ => {}
    }
    let signer = key_files::take_up(&dir.join(KEY), device)?;
    write_private(&dir.join(FILE), &serde_json::to_string_pretty(described)?)?;
    Ok(signer)
}

/// The error for a directory that is of a machine of another name.
pub fn other_name(dir: &Path, known: &str) -> Error {
    Error::unusable(format!(
        "`{}` is the directory of {known}; nothing was changed; name another one with --data",
        dir.display()
    ))
}

/// The description in a directory, if it has one.
pub fn read(dir: &Path) -> Result<Option<Described>, Error> {
    let file = dir.join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::unusable(format!("cannot read `{}`: {error}", file.display()))),
    };
    match serde_json::from_str::<Described>(&text) {
        Ok(described) if described.v == 1 => Ok(Some(described)),
        Ok(_) => Err(damaged(&file, "it is of another version")),
        Err(error) => Err(damaged(&file, error)),
    }
}

/// The next key of a machine that has one, made unless an earlier call has made it.
pub fn next_key(dir: &Path, device: Option<&Uri>) -> Result<MachineSigner, Error> {
    let key = dir.join(KEY);
    if !key_files::exists(&key) {
        return Err(Error::unusable(format!(
            "`{}` holds no key that could be renewed; omit --renew to make its first one",
            dir.display()
        )));
    }
    key_files::take_up(&next(dir), device)
}

/// File of the next key, while root or statement may still name the present one.
pub fn next(dir: &Path) -> PathBuf {
    dir.join("key.next.pem")
}

fn damaged(file: &Path, what: impl std::fmt::Display) -> Error {
    Error::unusable(format!(
        "`{}`: {what}; remove the file, and describe the machine again with the same name",
        file.display()
    ))
}

const KEY: &str = "key.pem";
const FILE: &str = "machine.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_key_and_name() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("runner");
        let described = |name: &str, host: &str| Described::new(name, host.parse().unwrap());
        assert_eq!(read(&dir).unwrap(), None);
        assert!(next_key(&dir, None).is_err());
        let key = *describe(&dir, &described("runner-1", "a"), None).unwrap().public();
        let again = *describe(&dir, &described("runner-1", "b/ops"), None).unwrap().public();
        assert_eq!((again, read(&dir).unwrap()), (key, Some(described("runner-1", "b/ops"))));
        assert!(describe(&dir, &described("runner-2", "a"), None).is_err());
        let new = *next_key(&dir, None).unwrap().public();
        assert_eq!(*next_key(&dir, None).unwrap().public(), new);
        assert!(new != key && *key_files::read(&dir.join(KEY)).unwrap().public() == key);
        for text in ["", "{}", r#"{"v":2,"name":"a","at":{"host":"a"}}"#] {
            write_private(&dir.join(FILE), text).unwrap();
            assert!(read(&dir).is_err(), "{text}");
        }
    }
}
