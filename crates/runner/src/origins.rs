//! Where a runner finds commits: its operator's remote for the project, what a person uploaded, or a path on this machine.
//!
//! Invariant: all of these are believed by object ids alone. A ref is verified by the operator's remote and by nothing else. A
//! path that the server names is opened only if the operator consented to that. Two threads never fetch one project at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evidence::git::RefName;
use evidence::receipt::VerifiedRef;
use evidence::{CommitId, Digest, Name};

use crate::budget::Budget;
use crate::containment;
use crate::host::IsWanted;
use crate::lent::Lend;
use crate::mirror::{self, Mirror};
use crate::origin_error::OriginError;
use crate::remotes::{REMOTES_FILE, Remote, RemoteKind, Remotes};
use crate::transport;
use crate::upload;

/// The operator's settings, and the copies of remotes.
#[derive(Debug)]
pub struct Origins {
    file: PathBuf,
    mirrors: PathBuf,
    follows_paths: bool,
    busy: Mutex<BTreeSet<Name>>,
    freed: Condvar,
    verified: Mutex<Vec<Verification>>,
    next: AtomicU64,
}

/// A commit of a project.
#[derive(Clone, Copy, Debug)]
pub struct ProjectCommit<'a> {
    /// The project.
    pub project: &'a Name,
    /// The commit.
    pub commit: &'a CommitId,
}

/// Where the server says that a commit is.
#[derive(Clone, Copy, Default)]
pub struct Offered<'a> {
    /// Path of a repository on this machine.
    pub repository: Option<&'a str>,
    /// Gets the pack that a person uploaded.
    pub upload: Option<&'a Download<'a>>,
    /// Gets the secrets of a step.
    pub lend: Option<&'a Lend<'a>>,
}

/// Gets a pack from the server; a text says why not.
pub type Download<'a> = dyn Fn() -> Result<Vec<u8>, OriginError> + Sync + 'a;

/// The use of a remote's repository, and with its copy unless it is on this machine.
type UseRemote<'a, T, E> = dyn Fn(&Path, Option<&Mirror<'_>>) -> Result<T, E> + 'a;

/// A ref that was verified for the run of one signed request.
#[derive(Debug)]
struct Verification {
    request: Digest,
    found: VerifiedRef,
}

impl std::fmt::Debug for Offered<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let upload = self.upload.is_some();
        f.debug_struct("Offered").field("repository", &self.repository).field("upload", &upload).finish()
    }
}

impl Origins {
    /// The origins of a runner with this directory. `follows_paths` is the operator's consent to paths that the server names.
    #[must_use]
    pub fn open(data: &Path, follows_paths: bool) -> Self {
        // Git runs from another directory.
        let data = std::path::absolute(data).unwrap_or_else(|_| data.to_path_buf());
        let mirrors = data.join("mirrors");
        for entry in fs::read_dir(&mirrors).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(SCRATCH.as_bytes()) {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
        Self {
            file: data.join(REMOTES_FILE),
            mirrors,
            follows_paths,
            busy: Mutex::default(),
            freed: Condvar::new(),
            verified: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    /// Finds a ref at the operator's remote and checks that it contains the commit. The steps of one request share the result.
    ///
    /// # Errors
    /// `OriginError` if there is no remote, or the ref does not contain the commit.
    pub fn verified(
        &self,
        request: Digest,
        of: ProjectCommit<'_>,
        name: &RefName,
        wanted: IsWanted<'_>,
    ) -> Result<VerifiedRef, OriginError> {
        let turn = self.turn(of.project, wanted)?;
        if let Some(known) = self.known().iter().find(|known| known.request == request) {
            return Ok(known.found.clone());
        }
        let remotes = Remotes::read(&self.file)?;
        let remote = remotes.projects.get(of.project);
        let remote = remote.ok_or_else(|| OriginError::NoRemote(of.project.clone(), name.clone()))?;
        let tip = self.at_remote((&remotes, remote), of, &|path, mirror| {
            let tip = match mirror {
                Some(mirror) => mirror.tip(name, wanted)?,
                None => containment::tip(path, name.as_str(), Budget::new(remotes.time_max(), wanted))?
                    .ok_or_else(|| OriginError::NoRef(of.project.clone(), name.clone()))?,
            };
            if let Some(mirror) = mirror {
                mirror.commit(of.commit, wanted)?;
            }
            match containment::contains(path, &tip, of.commit, Budget::new(remotes.time_max(), wanted))? {
                true => Ok(tip),
                false => {
                    let (project, name, commit) = (of.project.clone(), name.clone(), of.commit.clone());
                    Err(OriginError::NotContained { project, name, tip, commit })
                }
            }
        })?;
        let found = VerifiedRef { name: name.clone(), tip };
        let mut known = self.known();
        known.insert(0, Verification { request, found: found.clone() });
        known.truncate(KNOWN_MAX);
        drop((known, turn));
        Ok(found)
    }

    /// Opens a repository with the commit, and hands it to `read`: the operator's remote first. If the run is on a ref, nothing
    /// else counts.
    ///
    /// # Errors
    /// `OriginError` if none of them has it, and the errors of `read`.
    pub fn source<T, E: From<OriginError> + Damage>(
        &self,
        of: ProjectCommit<'_>,
        is_on_ref: bool,
        offered: &Offered<'_>,
        wanted: IsWanted<'_>,
        read: &dyn Fn(&Path) -> Result<T, E>,
    ) -> Result<T, E> {
        let remotes = Remotes::read(&self.file).map_err(OriginError::from)?;
        let here = offered.repository.filter(|_| self.follows_paths);
        let has_other = offered.upload.is_some() || here.is_some();
        if let Some(remote) = remotes.projects.get(of.project) {
            let turn = self.turn(of.project, wanted)?;
            let found = self.at_remote((&remotes, remote), of, &|path, mirror| {
                if let Some(mirror) = mirror {
                    mirror.commit(of.commit, wanted)?;
                }
                read(path)
            });
            drop(turn);
            match found {
                Err(error) if !is_on_ref && has_other && error.is_of_origin() => {
                    tracing::info!("commit {} is looked for elsewhere", of.commit);
                }
                other => return other,
            }
        }
        if let Some(path) = here {
            let path = crate::repository::path_of(path);
            let found = match path {
                Some(path) => read(&path),
                None => Err(OriginError::Nowhere(of.project.clone(), NO_PATH).into()),
            };
            match found {
                Err(error) if offered.upload.is_some() && error.is_of_origin() => {}
                other => return other,
            }
        }
        if let Some(download) = offered.upload {
            let pack = download()?;
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let dir = self.mirrors.join(format!("{SCRATCH}{}.{number}", std::process::id()));
            let limits = (remotes.time_max(), remotes.bytes_max());
            return upload::unpacked(&dir, &pack, of.commit, limits, wanted, read);
        }
        match offered.repository {
            Some(_) => Err(OriginError::Nowhere(of.project.clone(), NO_CONSENT).into()),
            None => Err(OriginError::Nowhere(of.project.clone(), "").into()),
        }
    }

    /// Hands the remote's repository to `use_it`: its copy, which is made anew if it is damaged, or the repository itself if it
    /// is on this machine.
    fn at_remote<T, E: From<OriginError> + Damage>(
        &self,
        (remotes, remote): (&Remotes, &Remote),
        of: ProjectCommit<'_>,
        use_it: &UseRemote<'_, T, E>,
    ) -> Result<T, E> {
        if remote.kind() == Some(RemoteKind::Path) {
            return use_it(Path::new(&remote.url), None);
        }
        let reach = transport::reach(remote).map_err(OriginError::from)?;
        let limits = (remotes.time_max(), remotes.bytes_max());
        let mirror = Mirror::of(&self.mirrors, (of.project, remote), reach, limits, of.commit);
        loop {
            let is_new = mirror.prepare(of.commit)?;
            match use_it(mirror.path(), Some(&mirror)) {
                Err(error) if error.is_of_copy() => {
                    mirror.remove()?;
                    if is_new {
                        return Err(error);
                    }
                }
                other => return other,
            }
        }
    }

    /// Checks that the remote of a project answers, and returns the number of its branches.
    ///
    /// # Errors
    /// `OriginError` if not.
    pub fn branches(&self, project: &Name, remote: &Remote, remotes: &Remotes) -> Result<usize, OriginError> {
        if remote.kind() == Some(RemoteKind::Path) {
            let path = Path::new(&remote.url);
            return Ok(containment::branches(path, Budget::default())?);
        }
        let scratch = self.mirrors.join(format!("{SCRATCH}check.{}", std::process::id()));
        let id = "0".repeat(40).parse().map_err(|_| OriginError::Upload(String::new()))?;
        let limits = (CHECK_TIME, remotes.bytes_max());
        let mirror = Mirror::of(&scratch, (project, remote), transport::reach(remote)?, limits, &id);
        mirror.prepare(&id)?;
        let found = mirror.branches(&|| true);
        mirror::removed(&scratch)?;
        found
    }

    /// Waits until no other thread fetches this project.
    fn turn<'a>(&'a self, project: &'a Name, wanted: IsWanted<'_>) -> Result<Turn<'a>, OriginError> {
        let mut busy = self.busy();
        while busy.contains(project) {
            if !wanted() {
                return Err(OriginError::Unwanted);
            }
            busy = self.freed.wait_timeout(busy, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
        busy.insert(project.clone());
        Ok(Turn { origins: self, project })
    }

    fn busy(&self) -> MutexGuard<'_, BTreeSet<Name>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Vec<Verification>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Errors that a new copy of the remote, or another origin, may mend.
pub trait Damage {
    /// Whether a new copy of the remote might do better.
    fn is_of_copy(&self) -> bool;
    /// Whether the commit could not be had, so that another origin may have it.
    fn is_of_origin(&self) -> bool;
}

impl Damage for OriginError {
    fn is_of_copy(&self) -> bool {
        Self::is_of_copy(self)
    }

    fn is_of_origin(&self) -> bool {
        true
    }
}

/// The right to fetch a project.
struct Turn<'a> {
    origins: &'a Origins,
    project: &'a Name,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.origins.busy().remove(self.project);
        self.origins.freed.notify_all();
    }
}

/// Beginning of the names of repositories that live as long as one piece of work. No project's name has a dot.
const SCRATCH: &str = "scratch.";
/// Most requests whose refs are remembered.
const KNOWN_MAX: usize = 256;
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Longest wait for an answer to a check.
const CHECK_TIME: Duration = Duration::from_secs(60);
const NO_CONSENT: &str =
    ". The server names a path, which this runner follows only if it is started with `--follow-paths`";
const NO_PATH: &str = ". The server names something that is no path";
