//! Uploads: the packs of commits that people sent for their runs, by project, beside the ledger's blobs.
//!
//! Invariant: no entry rests on them, because runners believe objects by their ids alone; so they go as soon as no run needs
//! them. One project's uploads have a limit together, those that are being received included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use evidence::{Digest, Name};
use ledger::{BlobError, Blobs, Incoming};

/// The uploads of one data directory.
#[derive(Debug)]
pub struct Uploads {
    dir: PathBuf,
    projects: Mutex<BTreeMap<Name, Project>>,
}

/// The uploads of a project.
#[derive(Debug)]
struct Project {
    blobs: Blobs,
    /// Bytes that are being received.
    receiving: u64,
}

/// Why an upload is not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file system failed, or the bytes have another digest.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// One upload is too large.
    #[error("an upload has at most {} MiB (`upload-mib` in quotas.json of the server), this one has {} MiB", .most >> 20, .found >> 20)]
    Long {
        /// Its size in bytes.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// The project has too many.
    #[error(
        "project `{project}` has {} MiB of uploads for runs that are not over, and the quota is {} MiB (`uploads-mib-per-project` in \
         quotas.json of the server); wait until some have ended", .found >> 20, .most >> 20
    )]
    Full {
        /// The project.
        project: Name,
        /// Bytes with this upload.
        found: u64,
        /// The limit.
        most: u64,
    },
}

/// An upload that is being received.
#[derive(Debug)]
pub struct IncomingUpload<'a> {
    uploads: &'a Uploads,
    project: Name,
    declared: u64,
}

impl Uploads {
    /// The uploads below a data directory.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { dir: data.join(UPLOADS), projects: Mutex::default() }
    }

    /// Whether an upload is here.
    #[must_use]
    pub fn has(&self, project: &Name, digest: &Digest) -> bool {
        self.path(project, digest).is_file()
    }

    /// Opens an upload for reading; its reader compares the digest.
    ///
    /// # Errors
    /// `UploadError` if it is not here.
    pub fn open_file(&self, project: &Name, digest: &Digest) -> Result<(fs::File, u64), UploadError> {
        Ok(Blobs::read_only(&self.dir.join(project.as_str())).open_file(digest)?)
    }

    /// Begins to receive an upload of this size.
    ///
    /// # Errors
    /// `UploadError` if it is too large, alone or with the others of its project.
    pub fn receive(
        &self,
        project: &Name,
        declared: u64,
        (most, most_together): (u64, u64),
    ) -> Result<(IncomingUpload<'_>, Incoming), UploadError> {
        if declared > most {
            return Err(UploadError::Long { found: declared, most });
        }
        let mut projects = self.projects();
        if !projects.contains_key(project) {
            let blobs = Blobs::open(&self.dir.join(project.as_str()))?;
            projects.insert(project.clone(), Project { blobs, receiving: 0 });
        }
        let stored: u64 = self.files(project)?.iter().map(|(_, _, bytes)| bytes).sum();
        let Some(known) = projects.get_mut(project) else {
            return Err(UploadError::Long { found: declared, most: 0 });
        };
        let found = stored.saturating_add(known.receiving).saturating_add(declared);
        if found > most_together {
            return Err(UploadError::Full { project: project.clone(), found, most: most_together });
        }
        let incoming = known.blobs.receive()?;
        known.receiving += declared;
        drop(projects);
        Ok((IncomingUpload { uploads: self, project: project.clone(), declared }, incoming))
    }

    /// Removes the uploads of a project that no run needs, and that have been here for so long that a request that names them
    /// was decided. Returns their number.
    ///
    /// # Errors
    /// `UploadError` if they cannot be listed.
    pub fn sweep(&self, project: &Name, needed: &BTreeSet<Digest>) -> Result<usize, UploadError> {
        let _receiving = self.projects();
        let mut removed = 0;
        for (path, digest, _) in self.files(project)? {
            let is_needed = digest.is_some_and(|digest| needed.contains(&digest));
            if !is_needed && is_old(&path) && fs::remove_file(&path).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The projects that have uploads.
    #[must_use]
    pub fn all(&self) -> Vec<Name> {
        let names = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    fn files(&self, project: &Name) -> Result<Vec<(PathBuf, Option<Digest>, u64)>, UploadError> {
        let files = Blobs::read_only(&self.dir.join(project.as_str())).files()?;
        let sized = files.into_iter().map(|(path, digest)| {
            let bytes = fs::metadata(&path).map_or(0, |meta| meta.len());
            (path, digest, bytes)
        });
        Ok(sized.collect())
    }

    fn path(&self, project: &Name, digest: &Digest) -> PathBuf {
        Blobs::read_only(&self.dir.join(project.as_str())).path(digest)
    }

    fn projects(&self) -> MutexGuard<'_, BTreeMap<Name, Project>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for IncomingUpload<'_> {
    fn drop(&mut self) {
        if let Some(project) = self.uploads.projects().get_mut(&self.project) {
            project.receiving = project.receiving.saturating_sub(self.declared);
        }
    }
}

fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|since| since >= AGE))
}

/// Directory of uploads in the data directory.
const UPLOADS: &str = "uploads";
/// Twice the validity of a request: afterwards no request that names an upload is on its way.
const AGE: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(
        uploads: &Uploads,
        project: &str,
        bytes: &[u8],
        limits: (u64, u64),
    ) -> Result<Digest, UploadError> {
        let (_part, mut incoming) = uploads.receive(&lab::name(project), bytes.len() as u64, limits)?;
        incoming.write(bytes)?;
        incoming.finish(Digest::of(bytes))?;
        Ok(Digest::of(bytes))
    }

    /// A person can send much, and many can send at once: no project gets more than its part of the disk.
    #[test]
    fn attack_uploads_of_a_project_have_a_limit_together() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::of(dir.path());
        let limits = (8, 12);
        assert!(matches!(
            stored(&uploads, "hog", &[1; 9], limits),
            Err(UploadError::Long { found: 9, most: 8 })
        ));
        let first = stored(&uploads, "hog", &[1; 8], limits).unwrap();
        assert!(matches!(stored(&uploads, "hog", &[2; 5], limits), Err(UploadError::Full { found: 13, .. })));
        let (part, incoming) = uploads.receive(&lab::name("hog"), 4, limits).unwrap();
        assert!(matches!(stored(&uploads, "hog", &[3; 1], limits), Err(UploadError::Full { found: 13, .. })));
        drop((part, incoming));
        let second = stored(&uploads, "hog", &[3; 4], limits).unwrap();
        stored(&uploads, "shop", &[4; 8], limits).unwrap();
        assert!(uploads.has(&lab::name("hog"), &first) && uploads.has(&lab::name("hog"), &second));
        assert!(!uploads.has(&lab::name("shop"), &first), "each project has its own");
    }

    /// A pack goes when no run needs it, and not before the request that names it was decided.
    #[test]
    fn uploads_go_with_their_runs() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::of(dir.path());
        let project = lab::name("shop");
        let limits = (64, 64);
        let [needed, over, young] =
            [b"needed", b"over..", b"young."].map(|bytes| stored(&uploads, "shop", bytes, limits).unwrap());
        for digest in [needed, over] {
            let file = fs::File::options().write(true).open(uploads.path(&project, &digest)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        assert_eq!(uploads.sweep(&project, &BTreeSet::from([needed])).unwrap(), 1);
        let left = [needed, over, young].map(|digest| uploads.has(&project, &digest));
        assert_eq!(left, [true, false, true]);
        assert_eq!(uploads.all(), [project]);
    }
}
