//! The profile of a person: who they are in an installation, and the keys that they use there.
//!
//! Input: a data directory. Output: the profile that belongs to it, or the current one. Invariant: a profile names files
//! of keys and holds no private key.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use domain::PersonId;
use evidence::Id;
use serde::{Deserialize, Serialize};

use crate::dirs::{config_dir, person_dir};
use crate::error::Error;
use crate::files::write_private;
use crate::home::Home;
use shown::shell;

/// A person's identity in an installation, and the keys that the person uses there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Version of this format; 1.
    pub v: u8,
    /// Id of the installation.
    pub installation: Id,
    /// Id of the person.
    pub person: PersonId,
    /// The server's data directory on this machine.
    pub data: PathBuf,
    /// File of the public or private key that signs requests; for a public key the ssh agent holds the private half.
    pub sign_in_key: PathBuf,
    /// File of the public or private key that signs approvals and statements.
    pub approval_key: PathBuf,
}

impl Profile {
    /// The profile that belongs to this data directory: the one kept for it, else the current one.
    pub fn of(home: &Home) -> Result<Self, Error> {
        Self::near(home)?.ok_or_else(nobody)
    }

    /// The same; `None` if there is no profile.
    pub fn near(home: &Home) -> Result<Option<Self>, Error> {
        match Self::find()? {
            Some(current) if current.data == home.data() => Ok(Some(current)),
            current => Ok(Self::kept(home)?.or(current)),
        }
    }

    /// The current profile, if it exists.
    pub fn find() -> Result<Option<Self>, Error> {
        Self::read_file(&config_dir()?.join(PROFILE))
    }

    /// The profile that is kept for a data directory, if it exists.
    pub fn kept(home: &Home) -> Result<Option<Self>, Error> {
        let mut dirs: Vec<_> = fs::read_dir(config_dir()?).into_iter().flatten().flatten().collect();
        dirs.sort_by_key(fs::DirEntry::file_name);
        for dir in dirs {
            if let Some(profile) = Self::read_file(&dir.path().join(PROFILE))?
                && profile.data == home.data()
            {
                return Ok(Some(profile));
            }
        }
        Ok(None)
    }

    fn read_file(path: &Path) -> Result<Option<Self>, Error> {
        let remedy =
            "correct or remove the file; `countersign key use --pin LINE --person ID` writes it again";
        let wrong = |error: &dyn std::fmt::Display| {
            Error::unusable(format!("`{}`: {error}; {remedy}", path.display()))
        };
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| wrong(&error)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// Saves this profile for its installation and leaves the current profile as it is.
    pub fn keep(&self) -> Result<(), Error> {
        let dir = person_dir(self.installation)?;
        write_private(&dir.join(PROFILE), &serde_json::to_string_pretty(self)?)
    }

    /// Makes this profile the current one, and saves it for its installation.
    pub fn write(&self) -> Result<(), Error> {
        self.keep()?;
        write_private(&config_dir()?.join(PROFILE), &serde_json::to_string_pretty(self)?)
    }
}

/// File of the current profile.
pub fn file() -> Result<PathBuf, Error> {
    Ok(config_dir()?.join(PROFILE))
}

/// A command as a person has to type it to reach an installation instead of the one of their profile.
pub fn command(home: &Home, words: &str) -> String {
    let usual = Profile::find().and_then(|profile| Home::new(profile.map(|it| it.data).as_deref()));
    let is_usual = usual.is_ok_and(|usual| usual.data() == home.data());
    if is_usual { words.to_owned() } else { format!("{words} --data {}", shell::path(home.data())) }
}

fn nobody() -> Error {
    Error::unusable(
        "this machine does not know who you are: make an installation with `countersign init`, or join a colleague's with \
         `countersign key use --pin LINE --person ID`; the person who enrolled you has this line and your id",
    )
}

const PROFILE: &str = "profile.json";
