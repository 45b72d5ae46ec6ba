//! The profile of a person: who they are in an installation, and the keys that they use there.
//!
//! Input: the way to an installation. Output: the profile that belongs to it, or the current one. Invariant: a profile names
//! files of keys and holds no private key.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use domain::PersonId;
use evidence::Id;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::dirs::{config_dir, person_dir};
use crate::error::Error;
use crate::files::write_private;
use crate::home::Home;
use shown::shell;

/// A person's identity in an installation, and the keys that the person uses there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Version of this format: 1, or 2 if the server is on another machine.
    pub v: u8,
    /// Id of the installation.
    pub installation: Id,
    /// Id of the person.
    pub person: PersonId,
    /// The server's data directory on this machine; absent in version 2, where the pin names the server's addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// File of the public or private key that signs requests; for a public key the ssh agent holds the private half.
    pub sign_in_key: PathBuf,
    /// File of the public or private key that signs approvals and statements.
    pub approval_key: PathBuf,
}

impl Profile {
    /// A profile of a person who reaches the installation in this way.
    #[must_use]
    pub fn new(
        access: &Access,
        installation: Id,
        person: PersonId,
        sign_in: PathBuf,
        approval: PathBuf,
    ) -> Self {
        let (v, data) = match access {
            Access::Host(home) => (1, Some(home.data().to_path_buf())),
            Access::Remote(_) => (2, None),
        };
        Self { v, installation, person, data, sign_in_key: sign_in, approval_key: approval }
    }

    /// The profile that belongs to an installation: the one kept for it, else the current one.
    pub fn of(access: &Access) -> Result<Self, Error> {
        Self::near(access)?.ok_or_else(nobody)
    }

    /// The same; `None` if there is no profile.
    pub fn near(access: &Access) -> Result<Option<Self>, Error> {
        match Self::find()? {
            Some(current) if current.is_of(access) => Ok(Some(current)),
            // A person may look into any data directory of this machine under their usual name.
            current => Ok(Self::kept(access)?.or(current.filter(|_| matches!(access, Access::Host(_))))),
        }
    }

    /// The current profile, if it exists.
    pub fn find() -> Result<Option<Self>, Error> {
        Self::read_file(&config_dir()?.join(PROFILE))
    }

    /// The profile that is kept for an installation, if it exists.
    pub fn kept(access: &Access) -> Result<Option<Self>, Error> {
        let mut dirs: Vec<_> = fs::read_dir(config_dir()?).into_iter().flatten().flatten().collect();
        dirs.sort_by_key(fs::DirEntry::file_name);
        for dir in dirs {
            if let Some(profile) = Self::read_file(&dir.path().join(PROFILE))?
                && profile.is_of(access)
            {
                return Ok(Some(profile));
            }
        }
        Ok(None)
    }

    /// The way to the installation.
    pub fn access(&self) -> Result<Access, Error> {
        match &self.data {
            Some(data) => Ok(Access::Host(Home::new(Some(data))?)),
            None => Ok(Access::Remote(self.installation)),
        }
    }

    fn is_of(&self, access: &Access) -> bool {
        match access {
            Access::Host(home) => self.data.as_deref() == Some(home.data()),
            Access::Remote(installation) => self.data.is_none() && self.installation == *installation,
        }
    }

    fn read_file(path: &Path) -> Result<Option<Self>, Error> {
        let remedy = "correct or remove the file; `countersign key use LINE` writes it again";
        let wrong = |error: &dyn std::fmt::Display| {
            Error::unusable(format!("`{}`: {error}; {remedy}", path.display()))
        };
        match fs::read_to_string(path) {
            Ok(text) => parsed(&text).map(Some).map_err(|error| wrong(&error)),
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

/// The way to an installation: by the data directory that was named, else by the current profile, else by the usual directory.
pub fn access(data: Option<&Path>) -> Result<Access, Error> {
    match (data, Profile::find()?) {
        (None, Some(profile)) => profile.access(),
        (data, _) => Ok(Access::Host(Home::new(data)?)),
    }
}

/// A command as a person has to type it to reach an installation instead of the one of their profile.
pub fn command(way: &Access, words: &str) -> String {
    let Access::Host(home) = way else { return words.to_owned() };
    let is_usual = matches!(access(None), Ok(Access::Host(usual)) if usual.data() == home.data());
    if is_usual { words.to_owned() } else { format!("{words} --data {}", shell::path(home.data())) }
}

/// A profile in a file's text. Its version says whether it names a data directory.
fn parsed(text: &str) -> Result<Profile, String> {
    let profile: Profile = serde_json::from_str(text).map_err(|error| match serde_json::from_str(text) {
        Ok(Version { v }) if v > 2 => newer(v),
        _ => error.to_string(),
    })?;
    match (profile.v, &profile.data) {
        (1, Some(_)) | (2, None) => Ok(profile),
        (1, None) => Err("missing field `data`".to_owned()),
        (2, Some(_)) => Err("a profile of version 2 names no `data`".to_owned()),
        (v, _) => Err(newer(v)),
    }
}

/// The version of a profile whose other fields are unknown.
#[derive(Deserialize)]
struct Version {
    v: u8,
}

fn newer(version: u8) -> String {
    format!("it is of version {version}, which this program does not know; use a newer program")
}

fn nobody() -> Error {
    Error::unusable(
        "this machine does not know who you are: make an installation with `countersign init`, or join a colleague's with \
         `countersign key use LINE`; the person who enrolled you has this line",
    )
}

const PROFILE: &str = "profile.json";
