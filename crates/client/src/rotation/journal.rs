//! The journal of a rotation: how far it has come, in a private file of the person, so that a killed one goes on.
//!
//! Invariant: it never has a value, only digests of sealed ones. One process at a time works on it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use evidence::rotation_recipe::RotationRecipe;
use evidence::statements::GrantedSecret;
use evidence::{Digest, Id, Moment, Place};
use serde::{Deserialize, Serialize};

use crate::dirs::person_dir;
use crate::error::Error;
use crate::files::{private_dir, read_text};

/// A rotation that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Version of this format; 1.
    pub v: u8,
    /// The secret.
    pub secret: GrantedSecret,
    /// Its place, if it is a secret of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The moment at which it began.
    pub begun: Moment,
    /// Whether the former value ends at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incident: bool,
    /// The version that it replaces.
    pub former: Former,
    /// Number of the new version.
    pub number: u32,
    /// How far it has come.
    pub step: Step,
    /// Digests of the sealed values that were sent, or were about to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Digest>,
    /// The user of a database whose turn it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The version that a rotation replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    /// Its number; 0 if there was none.
    pub number: u32,
    /// The statement that put it at a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
}

/// A step that was reached. After a crash, the one after it may have been carried out, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A value is being made.
    Making,
    /// A sealed value is being sent.
    Sending,
    /// The new version is recorded.
    Put,
    /// Everybody who uses the secret has the new version.
    Switched,
    /// The former value is not valid any more.
    Retired,
}

/// The newest version of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// Its number; 0 before the first one.
    pub number: u32,
    /// Digest of its sealed value, if it counts.
    pub value: Option<Digest>,
    /// The statement that put it at a place.
    pub statement: Option<Digest>,
}

/// The file of a journal, held against other processes of this machine.
#[derive(Debug)]
pub struct Noted {
    path: PathBuf,
    _lock: File,
}

impl Journal {
    /// The journal of a rotation that begins.
    #[must_use]
    pub fn new(recipe: &RotationRecipe, newest: &Newest, incident: bool, begun: Moment) -> Self {
        Self {
            v: 1,
            secret: recipe.secret.clone(),
            place: recipe.place.clone(),
            begun,
            incident,
            former: Former { number: newest.number, statement: newest.statement },
            number: newest.number.saturating_add(1),
            step: Step::Making,
            tries: Vec::new(),
            user: None,
        }
    }

    /// The secret in words.
    #[must_use]
    pub fn named(&self) -> String {
        named(&self.secret, self.place.as_ref())
    }
}

impl Noted {
    /// The file for a secret, locked.
    ///
    /// # Errors
    /// `Error` if another process of this machine rotates the secret.
    pub fn lock(installation: Id, recipe: &RotationRecipe) -> Result<Self, Error> {
        let dir = person_dir(installation)?.join(DIR);
        private_dir(&dir)?;
        let path = file(&dir, recipe);
        let lock = match disk::lock_file(&path.with_extension("lock"), BUSY) {
            Err(error) if error.source.kind() == ErrorKind::WouldBlock => {
                return Err(Error::unusable(format!(
                    "{BUSY}: {}",
                    named(&recipe.secret, recipe.place.as_ref())
                )));
            }
            locked => locked?,
        };
        Ok(Self { path, _lock: lock })
    }

    /// The rotation that was interrupted, if there is one.
    ///
    /// # Errors
    /// `Error` if the file cannot be understood.
    pub fn read(&self) -> Result<Option<Journal>, Error> {
        read(&self.path)
    }

    /// Writes how far the rotation has come.
    ///
    /// # Errors
    /// `Error` if it cannot be written; the file is as before then.
    pub fn note(&self, journal: &Journal) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(journal)?;
        Ok(disk::replace("people.rotation", &self.path, &text, 0o600)?)
    }

    /// Removes the journal of a rotation that has ended.
    ///
    /// # Errors
    /// `Error` if it cannot be removed.
    pub fn forget(&self) -> Result<(), Error> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// The interrupted rotation of a secret, without a lock: for people who only look.
///
/// # Errors
/// `Error` if the file cannot be understood.
pub fn interrupted(installation: Id, recipe: &RotationRecipe) -> Result<Option<Journal>, Error> {
    read(&file(&person_dir(installation)?.join(DIR), recipe))
}

fn read(path: &Path) -> Result<Option<Journal>, Error> {
    let text = match read_text(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    match serde_json::from_str::<Journal>(&text) {
        Ok(journal) if journal.v == 1 => Ok(Some(journal)),
        read => {
            let why =
                read.err().map_or_else(|| "it is of a newer program".to_owned(), |error| error.to_string());
            Err(Error::unusable(format!(
                "the journal of a rotation `{}` cannot be understood: {why}; see which version is in use, make the other value \
                 invalid by hand, and remove the file",
                path.display()
            )))
        }
    }
}

/// Names of places and secrets have no `+`, so no two secrets share a file.
fn file(dir: &Path, recipe: &RotationRecipe) -> PathBuf {
    let place = recipe.place.as_ref().map_or_else(|| "build".to_owned(), |place| place.to_string());
    dir.join(format!("{place}+{}.json", recipe.secret).replace('/', "+"))
}

/// A secret in words.
#[must_use]
pub fn named(secret: &GrantedSecret, place: Option<&Place>) -> String {
    place.map_or_else(|| secret.to_string(), |place| format!("{secret} of {place}"))
}

const DIR: &str = "rotations";
const BUSY: &str = "another process of this machine rotates the secret now";
