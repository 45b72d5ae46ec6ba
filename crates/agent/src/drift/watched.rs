//! The things that a process was given when it started, as far as it can be compared with what the kernel tells of it later.
//!
//! Invariant: of a variable only its digest is kept here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use evidence::Digest;
use sandbox::Hold;

use crate::keeper::Launch;

/// The things that a process was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Its program.
    pub program: PathBuf,
    /// Digests of its variables.
    pub variables: BTreeMap<String, Digest>,
    /// Variables whose values only its keeper knows.
    pub sealed: BTreeSet<String>,
    /// Whether it has a role of a database, with variables of its client library.
    pub has_role: bool,
    /// Most open files.
    pub open_files: u64,
    /// Most memory in bytes.
    pub memory_bytes: u64,
}

/// A process that is watched.
#[derive(Clone, Debug)]
pub struct WatchedProcess {
    /// The name of its group, or of the only one.
    pub name: &'static str,
    /// Its keeper, an ancestor of everything that it starts.
    pub keeper: u32,
    /// Its id in its own process namespace.
    pub main: u32,
    /// Its enclosure.
    pub hold: Hold,
    /// The port at which it listens, if its release names one.
    pub port: Option<u16>,
    /// The things that it was given.
    pub given: Given,
}

impl Given {
    /// The things that a launch gives.
    pub fn of(launch: &Launch) -> Self {
        let digest = |(name, value): (&String, &String)| (name.clone(), Digest::of(value.as_bytes()));
        let secrets = launch.secrets.iter();
        let sealed =
            secrets.clone().flat_map(|sealed| sealed.secrets.iter().filter_map(|one| one.variable.clone()));
        let stored = secrets.flat_map(|sealed| sealed.stored.iter().filter_map(|one| one.variable.clone()));
        let socket = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"].map(str::to_owned);
        let socket = socket.into_iter().filter(|_| launch.socket);
        Self {
            program: launch.program.clone(),
            variables: launch.variables.iter().map(digest).collect(),
            sealed: sealed.chain(stored).chain(socket).collect(),
            has_role: launch.minted.is_some(),
            open_files: launch.open_files,
            memory_bytes: launch.memory_bytes,
        }
    }

    /// Whether the value of a variable is not known here.
    pub fn is_sealed(&self, name: &str) -> bool {
        self.sealed.contains(name) || self.has_role && name.starts_with("PG")
    }
}
