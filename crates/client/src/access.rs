//! How a person reaches an installation: by the server's data directory on this machine, or by the addresses of a server on
//! another one.
//!
//! Invariant: only [`Access::host`] and [`Access::ledger`] lead to files of a server; every other command works in both
//! cases, over the API. The addresses themselves are part of the person's pin.

use std::path::Path;

use evidence::Id;

use crate::error::Error;
use crate::home::{Home, has_ledger};

/// The way to an installation.
#[derive(Clone, Debug)]
pub enum Access {
    /// By the data directory on this machine.
    Host(Home),
    /// By the addresses in the person's pin of this installation.
    Remote(Id),
}

impl From<Home> for Access {
    fn from(home: Home) -> Self {
        Self::Host(home)
    }
}

impl Access {
    /// Fails, with a remedy, if there is nothing to reach.
    pub fn exists(&self) -> Result<(), Error> {
        match self {
            Self::Host(home) => home.exists(),
            Self::Remote(_) => Ok(()),
        }
    }

    /// The data directory, for a command that works on the server's files.
    pub fn host(&self) -> Result<&Home, Error> {
        match self {
            Self::Host(home) => Ok(home),
            Self::Remote(installation) => Err(Error::unusable(format!(
                "this command works on the server's data directory, and your installation {installation} is on another machine: \
                 type it on the server's host, or name a data directory of this machine with --data"
            ))),
        }
    }

    /// The data directory, if the installation is reached by it.
    pub fn data(&self) -> Option<&Path> {
        self.host().ok().map(Home::data)
    }

    /// The data directory, if it is on this machine and this user may read its ledger.
    pub fn ledger(&self) -> Option<&Path> {
        match self {
            Self::Host(home) => Some(home.data()).filter(|data| has_ledger(data)),
            Self::Remote(_) => None,
        }
    }
}
