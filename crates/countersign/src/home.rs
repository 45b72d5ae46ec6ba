//! The directories of this machine: the server's data directory, the roles' directories beside it, and the person's
//! own directory with pins and profile.
//!
//! Invariant: none of them holds a private key of a person, and no key of a role lies below the server's data
//! directory, so that a backup of that directory contains no keys.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use domain::PersonId;
use evidence::pin::Pin;
use evidence::{Id, Name};
use serde::{Deserialize, Serialize};
use wire::Client;

use crate::failure::Failure;
use crate::session;
use crate::shell;

/// The server's data directory and the directories beside it.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

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

impl Home {
    /// The directory that was named; if omitted, `$XDG_DATA_HOME/countersign/data`.
    pub fn new(data: Option<&Path>) -> Result<Self, Failure> {
        let dir = match data {
            Some(dir) => dir.to_path_buf(),
            None => user_dir("XDG_DATA_HOME", ".local/share")?.join("data"),
        };
        Ok(Self(std::path::absolute(dir)?))
    }

    /// A command as a person has to type it to reach this installation instead of the one of their profile.
    pub fn command(&self, words: &str) -> String {
        let usual = Profile::find().and_then(|profile| Self::new(profile.map(|it| it.data).as_deref()));
        let is_usual = usual.is_ok_and(|usual| usual.0 == self.0);
        if is_usual { words.to_owned() } else { format!("{words} --data {}", shell::path(&self.0)) }
    }

    /// The server's data directory.
    pub fn data(&self) -> &Path {
        &self.0
    }

    /// Keys of the server: ledger, provenance.
    pub fn keys(&self) -> PathBuf {
        self.beside("keys")
    }

    /// The next ledger key, for an origin that has not begun yet.
    pub fn next_ledger_key(&self) -> PathBuf {
        self.keys().join("ledger.next.pem")
    }

    /// Directory of a runner.
    pub fn runner(&self, number: u32) -> PathBuf {
        self.beside(&format!("runner-{number}"))
    }

    /// Directory of an agent of the first project of an installation.
    pub fn agent(&self, service: &Name, environment: &Name) -> PathBuf {
        self.beside(&format!("agent-{service}-{environment}"))
    }

    /// Directory of an agent of a later project. Names contain no dot, so two such directories never have the same name.
    pub fn agent_of(&self, project: &Name, service: &Name, environment: &Name) -> PathBuf {
        self.beside(&format!("agent-{project}.{service}-{environment}"))
    }

    /// Directories of runners or of agents beside the data directory, in order.
    pub fn roles(&self, role: &str) -> Result<Vec<PathBuf>, Failure> {
        let prefix = self.beside(&format!("{role}-"));
        let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let parent = self.0.parent().unwrap_or(&self.0);
        let mut found = Vec::new();
        if !parent.exists() {
            return Ok(found);
        }
        for item in fs::read_dir(parent)?.flatten() {
            if item.path().is_dir() && item.file_name().to_string_lossy().starts_with(&prefix) {
                found.push(item.path());
            }
        }
        found.sort();
        Ok(found)
    }

    /// Directory of the witness that `up` starts.
    pub fn witness(&self) -> PathBuf {
        self.beside("witness")
    }

    /// File in which a running server writes its URL.
    pub fn url_file(&self) -> PathBuf {
        self.0.join("server.url")
    }

    /// File in which `up` keeps the address of its server for the next start.
    pub fn address_file(&self) -> PathBuf {
        self.0.join("up.address")
    }

    /// URL of the server that runs on this directory.
    pub fn url(&self) -> Result<String, Failure> {
        let path = self.url_file();
        fs::read_to_string(&path).map(|url| url.trim().to_owned()).map_err(|_| no_server(&self.0))
    }

    /// Fails, with a remedy, if the data directory does not exist.
    pub fn exists(&self) -> Result<(), Failure> {
        if self.0.exists() {
            return Ok(());
        }
        let shown = self.0.display();
        if self.left()?.is_empty() {
            let remedy = "make one with `countersign init`, or name the data directory of yours with --data";
            return Err(Failure::error(format!("there is no installation at `{shown}`; {remedy}")));
        }
        Err(Failure::error(format!("the data directory `{shown}` is gone; {}", self.instead()?)))
    }

    /// Directories of roles that exist beside the data directory.
    pub fn left(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut left = vec![self.keys(), self.witness()];
        left.extend(self.roles("runner")?);
        left.extend(self.roles("agent")?);
        Ok(left.into_iter().filter(|dir| dir.exists()).collect())
    }

    /// The remedy if the directories of roles exist but their data directory does not.
    pub fn instead(&self) -> Result<String, Failure> {
        let left: Vec<_> = self.left()?.iter().map(|dir| shell::path(dir)).collect();
        Ok(format!(
            "the keys of its roles are still beside it. If it was moved or lost, put it back or restore a backup \
             (docs/operating/restore.md); to begin anew, `rm -r {}` and then `countersign init`",
            left.join(" ")
        ))
    }

    /// A client of the server that runs on this directory, under the person's name.
    pub fn client(&self) -> Result<Client, Failure> {
        session::client(self)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.0.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(format!(".{suffix}"));
        self.0.with_file_name(name)
    }
}

impl Profile {
    /// The profile that belongs to this data directory: the one kept for it, else the current one.
    pub fn of(home: &Home) -> Result<Self, Failure> {
        Self::near(home)?.ok_or_else(nobody)
    }

    /// The same; `None` if there is no profile.
    pub fn near(home: &Home) -> Result<Option<Self>, Failure> {
        match Self::find()? {
            Some(current) if current.data == home.data() => Ok(Some(current)),
            current => Ok(Self::kept(home)?.or(current)),
        }
    }

    /// The current profile, if it exists.
    pub fn find() -> Result<Option<Self>, Failure> {
        Self::read_file(&config_dir()?.join(PROFILE))
    }

    /// The profile that is kept for a data directory, if it exists.
    pub fn kept(home: &Home) -> Result<Option<Self>, Failure> {
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

    fn read_file(path: &Path) -> Result<Option<Self>, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::error(format!("`{}`: {error}", path.display()));
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| wrong(&error)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// Saves this profile for its installation and leaves the current profile as it is.
    pub fn keep(&self) -> Result<(), Failure> {
        let dir = config_dir()?.join(self.installation.to_string());
        write_private(&dir.join(PROFILE), &serde_json::to_string_pretty(self)?)
    }

    /// Makes this profile the current one, and saves it for its installation.
    pub fn write(&self) -> Result<(), Failure> {
        self.keep()?;
        write_private(&config_dir()?.join(PROFILE), &serde_json::to_string_pretty(self)?)
    }
}

/// The error for a data directory on which no server runs.
pub fn no_server(data: &Path) -> Failure {
    let shown = data.display();
    Failure::error(format!("no server runs on `{shown}`; start one with `countersign up`"))
}

fn nobody() -> Failure {
    Failure::error(
        "this machine does not know who you are: make an installation with `countersign init`, or join a colleague's with \
         `countersign key use --pin LINE --person ID`, as whoever enrolled you was told",
    )
}

/// The person's own directory for an installation, which holds its pin and profile.
pub fn person_dir(installation: Id) -> Result<PathBuf, Failure> {
    Ok(config_dir()?.join(installation.to_string()))
}

/// The directory in which a person keeps the evidence of an installation's releases, outside of every repository.
pub fn evidence_dir(installation: Id) -> Result<PathBuf, Failure> {
    Ok(user_dir("XDG_DATA_HOME", ".local/share")?.join("evidence").join(installation.to_string()))
}

/// File of the current profile.
pub fn profile_file() -> Result<PathBuf, Failure> {
    Ok(config_dir()?.join(PROFILE))
}

/// Saves a pin for its installation.
pub fn write_pin(pin: &Pin) -> Result<PathBuf, Failure> {
    let path = person_dir(pin.installation)?.join("pin");
    write_private(&path, &format!("{pin}\n"))?;
    Ok(path)
}

/// Saves newer numbers in a person's pin.
pub fn saw(pin: &Pin, what: impl FnOnce(&mut Pin)) -> Result<(), Failure> {
    let mut newer = pin.clone();
    what(&mut newer);
    if newer == *pin {
        return Ok(());
    }
    write_pin(&newer).map(drop)
}

/// The person's pin of an installation; `None` if the person has none.
pub fn read_pin(installation: Id) -> Result<Option<Pin>, Failure> {
    let path = person_dir(installation)?.join("pin");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let parsed = text.trim().parse();
            parsed.map(Some).map_err(|error| Failure::error(format!("`{}`: {error}", path.display())))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::error(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// `$XDG_CONFIG_HOME/countersign`.
fn config_dir() -> Result<PathBuf, Failure> {
    user_dir("XDG_CONFIG_HOME", ".config")
}

/// The person's home directory; `None` if the environment names none.
pub fn home_dir() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|dir| dir.is_absolute())
}

fn user_dir(variable: &str, fallback: &str) -> Result<PathBuf, Failure> {
    let set = std::env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let dir = set.or_else(|| home_dir().map(|home| home.join(fallback)));
    let dir = dir.ok_or_else(|| Failure::error(format!("neither {variable} nor HOME names a directory")))?;
    Ok(dir.join("countersign"))
}

/// Writes a file that only its owner can read, completely or not at all.
pub fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let path = std::path::absolute(path)?;
    private_dir(path.parent().unwrap_or(&path))?;
    Ok(disk::replace("people.private", &path, text.as_bytes(), 0o600)?)
}

/// Makes a directory that only its owner can enter.
pub fn private_dir(dir: &Path) -> Result<(), Failure> {
    Ok(disk::private_dir(dir)?)
}

const PROFILE: &str = "profile.json";
