//! Another account than the agent's own one, for services: they reach neither its key nor its memory nor its processes.
//!
//! Invariant: the account is neither root's nor the agent's. The agent's directory (`DIR`) then lets nobody else in, and
//! what services need lies beside it in `DIR.service`: releases, which belong to the agent, and `state`, which belongs to
//! the account. The agent may look into every process (`CAP_SYS_PTRACE`), so none of theirs hides from it. It deliberately
//! asks no name service: the account is one of this host.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid, fchown};
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, capabilities};
use serde::{Deserialize, Serialize};

/// The account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceUser {
    uid: u32,
    gid: u32,
}

/// Why services cannot run as an account.
#[derive(Debug, thiserror::Error)]
pub enum ServiceUserError {
    /// The accounts cannot be read.
    #[error("cannot read {ACCOUNTS}: {0}")]
    Accounts(io::Error),
    /// There is no such account.
    #[error("{ACCOUNTS} has no account `{0}`; make it, or name another one with --service-user")]
    Unknown(String),
    /// It is root's account or group.
    #[error("`{0}` is an account or in the group of root, who reads everything; name an ordinary account")]
    Root(String),
    /// It is the agent's account or group.
    #[error("`{0}` is the agent's own account or in its group, which reads its key; name another account")]
    Own(String),
    /// The agent has too few rights.
    #[error("to run services as another user, the agent has to be root or to have {0}")]
    Rights(String),
    /// Releases or state are where the account does not reach them.
    #[error(
        "`{0}` is from a time without --service-user; stop the agent, move it to `{1}`, and give `state` to the account"
    )]
    Remains(PathBuf, PathBuf),
    /// Services ran as another user before.
    #[error(
        "`{0}` is from a time with --service-user; name the account again, or move what it holds to `{1}`"
    )]
    Left(PathBuf, PathBuf),
    /// The state is that of another account.
    #[error(
        "`{0}` belongs to user {1} and not to {2}; give it to the account with everything in it, or name the other one"
    )]
    Foreign(PathBuf, u32, u32),
    /// A directory above is closed for the account.
    #[error("services cannot reach `{0}`, because `{1}` lets no other user through; `chmod o+x` lets them")]
    Closed(PathBuf, PathBuf),
    /// The file system failed.
    #[error("cannot prepare `{0}`: {1}")]
    Io(PathBuf, io::Error),
}

impl ServiceUser {
    /// The account of this host with a name, if this process can run services as it.
    ///
    /// # Errors
    /// `ServiceUserError` if it is unknown, root's or the agent's, or if the agent has too few rights.
    pub fn find(name: &str) -> Result<Self, ServiceUserError> {
        let accounts = fs::read_to_string(ACCOUNTS).map_err(ServiceUserError::Accounts)?;
        let found = Self::among(&accounts, name, (geteuid().as_raw(), getegid().as_raw()))?;
        let held = capabilities(None).map_err(|error| ServiceUserError::Rights(error.to_string()))?.effective;
        let missing: Vec<&str> =
            NEEDED.iter().filter(|(one, _)| !held.contains(*one)).map(|(_, name)| *name).collect();
        if missing.is_empty() { Ok(found) } else { Err(ServiceUserError::Rights(missing.join(", "))) }
    }

    /// Numbers of user and group.
    pub const fn ids(self) -> (u32, u32) {
        (self.uid, self.gid)
    }

    /// The account with a name in a file of accounts (passwd(5)), for an agent with these ids.
    fn among(accounts: &str, name: &str, own: (u32, u32)) -> Result<Self, ServiceUserError> {
        let found = accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let is_it = fields.next() == Some(name);
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            is_it.then_some(Self { uid, gid })
        });
        let found = found.ok_or_else(|| ServiceUserError::Unknown(name.to_owned()))?;
        if found.uid == 0 || found.gid == 0 {
            return Err(ServiceUserError::Root(name.to_owned()));
        }
        if found.uid == own.0 || found.gid == own.1 {
            return Err(ServiceUserError::Own(name.to_owned()));
        }
        Ok(found)
    }

    /// Becomes the account, which also gets the log's pipe: programs open it again by `/dev/stderr`.
    pub fn take_over(self, log: impl AsFd) -> io::Result<()> {
        fchown(log, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?;
        sandbox::become_user(self.uid, self.gid)
    }

    /// Makes the directory beside the agent's one for what services need.
    ///
    /// # Errors
    /// `ServiceUserError` if releases or state are elsewhere, or services cannot reach them.
    pub fn home(self, dir: &Path) -> Result<PathBuf, ServiceUserError> {
        let home = beside(dir);
        for name in [RELEASES, STATE] {
            let remains = dir.join(name);
            if remains.symlink_metadata().is_ok() {
                return Err(ServiceUserError::Remains(remains, home.join(name)));
            }
        }
        allow(dir, 0o700)?;
        for place in [home.clone(), home.join(RELEASES)] {
            made(&place)?;
            allow(&place, 0o711)?;
        }
        self.state(&home.join(STATE))?;
        self.reaches(&home)?;
        Ok(home)
    }

    /// Makes the directory of state, or leaves it as the account has it. A crash leaves behind one of the agent.
    fn state(self, state: &Path) -> Result<(), ServiceUserError> {
        made(state)?;
        let failed = |error| ServiceUserError::Io(state.to_path_buf(), error);
        let owner = fs::symlink_metadata(state).map_err(failed)?.uid();
        if owner == self.uid {
            return Ok(());
        }
        if owner != geteuid().as_raw() {
            return Err(ServiceUserError::Foreign(state.to_path_buf(), owner, self.uid));
        }
        lchown(state, Some(self.uid), Some(self.gid)).map_err(failed)
    }

    /// Whether every directory above lets the account through.
    fn reaches(self, home: &Path) -> Result<(), ServiceUserError> {
        for above in home.ancestors().skip(1) {
            let meta =
                fs::metadata(above).map_err(|error| ServiceUserError::Io(above.to_path_buf(), error))?;
            let open = match (meta.uid() == self.uid, meta.gid() == self.gid) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            if meta.mode() & open == 0 {
                return Err(ServiceUserError::Closed(home.to_path_buf(), above.to_path_buf()));
            }
        }
        Ok(())
    }
}

impl fmt::Display for ServiceUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {} of group {}", self.uid, self.gid)
    }
}

/// The directory of releases and state: the agent's own one if services run as the agent.
///
/// # Errors
/// `ServiceUserError` if releases or state are elsewhere, or services cannot reach them.
pub fn home(user: Option<ServiceUser>, dir: &Path) -> Result<PathBuf, ServiceUserError> {
    match user {
        Some(user) => user.home(dir),
        None if beside(dir).exists() => Err(ServiceUserError::Left(beside(dir), dir.to_path_buf())),
        None => Ok(dir.to_path_buf()),
    }
}

fn beside(dir: &Path) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".service");
    PathBuf::from(name)
}

fn made(place: &Path) -> Result<(), ServiceUserError> {
    match fs::DirBuilder::new().mode(0o700).create(place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(ServiceUserError::Io(place.to_path_buf(), error))
        }
        _ => Ok(()),
    }
}

fn allow(place: &Path, mode: u32) -> Result<(), ServiceUserError> {
    let failed = |error| ServiceUserError::Io(place.to_path_buf(), error);
    fs::set_permissions(place, Permissions::from_mode(mode)).map_err(failed)
}

const ACCOUNTS: &str = "/etc/passwd";
const RELEASES: &str = "releases";
const STATE: &str = "state";

/// The agent needs these: for the change, for the state and the log's pipe, to end processes, and to look into them. For a
/// process namespace it also needs `CAP_SYS_ADMIN`; without, a subreaper holds services.
const NEEDED: [(CapabilitySet, &str); 5] = [
    (CapabilitySet::SETUID, "CAP_SETUID"),
    (CapabilitySet::SETGID, "CAP_SETGID"),
    (CapabilitySet::CHOWN, "CAP_CHOWN"),
    (CapabilitySet::KILL, "CAP_KILL"),
    (CapabilitySet::SYS_PTRACE, "CAP_SYS_PTRACE"),
];

#[cfg(test)]
mod tests;
