//! The server's data directory and the roles' directories beside it.
//!
//! Invariant: no key of a role lies below the server's data directory, so that a backup of that directory contains no
//! keys.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use evidence::Name;

use crate::dirs::user_dir;
use crate::error::Error;
use shown::shell;

/// The server's data directory and the directories beside it.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// The directory that was named; if omitted, `$XDG_DATA_HOME/countersign/data`.
    pub fn new(data: Option<&Path>) -> Result<Self, Error> {
        let dir = match data {
            Some(dir) => dir.to_path_buf(),
            None => user_dir("XDG_DATA_HOME", ".local/share")?.join("data"),
        };
        Ok(Self(std::path::absolute(dir)?))
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
    pub fn roles(&self, role: &str) -> Result<Vec<PathBuf>, Error> {
        let prefix = self.beside(&format!("{role}-"));
        let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let parent = self.0.parent().unwrap_or(&self.0);
        let mut found = Vec::new();
        if !parent.exists() {
            return Ok(found);
        }
        let items = fs::read_dir(parent)
            .map_err(|error| Error::unusable(format!("cannot read `{}`: {error}", parent.display())))?;
        for item in items.flatten() {
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

    /// The founding that waits for signatures.
    pub fn founding(&self) -> PathBuf {
        self.beside("founding").join("founding.json")
    }

    /// The command that goes on with the founding, if one waits.
    pub fn waiting_founding(&self) -> Option<String> {
        let waits = self.founding().exists();
        waits.then(|| format!("countersign init --continue --data {}", shell::path(&self.0)))
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
    pub fn url(&self) -> Result<String, Error> {
        let path = self.url_file();
        fs::read_to_string(&path).map(|url| url.trim().to_owned()).map_err(|_| no_server(&self.0))
    }

    /// Fails, with a remedy, if the data directory does not exist.
    pub fn exists(&self) -> Result<(), Error> {
        if self.holds_installation() {
            return Ok(());
        }
        let shown = self.0.display();
        if self.0.is_file() {
            return Err(Error::unusable(format!("`{shown}` is a file; --data names a data directory")));
        }
        if let Some(command) = self.waiting_founding() {
            return Err(Error::unusable(format!(
                "the installation at `{shown}` is not founded yet: its people have to sign first; `{command}` says who"
            )));
        }
        if self.left()?.is_empty() {
            let remedy = "make one with `countersign init`, or name the data directory of yours with --data";
            return Err(Error::unusable(format!("there is no installation at `{shown}`; {remedy}")));
        }
        let how = if self.0.exists() { "holds no ledger" } else { "is gone" };
        Err(Error::unusable(format!("the data directory `{shown}` {how}; {}", self.instead()?)))
    }

    /// Directories of roles that exist beside the data directory.
    pub fn left(&self) -> Result<Vec<PathBuf>, Error> {
        let mut left = vec![self.keys(), self.witness()];
        left.extend(self.roles("runner")?);
        left.extend(self.roles("agent")?);
        Ok(left.into_iter().filter(|dir| dir.exists()).collect())
    }

    /// The remedy if the directories of roles exist but their data directory does not.
    pub fn instead(&self) -> Result<String, Error> {
        let left: Vec<_> = self.left()?.iter().map(|dir| shell::path(dir)).collect();
        Ok(format!(
            "the keys of its roles are still beside it. If it was moved or lost, put it back or restore a backup \
             (docs/operating/restore.md); to begin anew, `rm -r {}` and then `countersign init`",
            left.join(" ")
        ))
    }

    /// Whether the directory belongs to an installation, as far as this person may look into it.
    fn holds_installation(&self) -> bool {
        match fs::read_dir(&self.0) {
            Ok(_) => has_ledger(&self.0) || self.url_file().exists(),
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.0.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(format!(".{suffix}"));
        self.0.with_file_name(name)
    }
}

/// Whether a data directory holds a ledger, so that its server runs on this machine.
pub fn has_ledger(data: &Path) -> bool {
    data.join(DATABASE).exists()
}

/// The error for a data directory on which no server runs.
pub fn no_server(data: &Path) -> Error {
    let shown = data.display();
    Error::unusable(format!("no server runs on `{shown}`; start one with `countersign up`"))
}

/// Name of the ledger's file in a data directory; a test of the binary compares it with `ledger::DATABASE`.
pub const DATABASE: &str = "ledger.db";
