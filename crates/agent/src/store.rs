//! Releases on disk: an immutable directory for each artifact, and a link to the current one.
//!
//! Invariant: a directory appears complete, under its artifact's digest, after every byte of its layer was hashed; it is
//! hashed again before any program in it is run. A crash here leaves behind `*.new`, which the next start removes.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::oci::{LayerEntry, LayerFile, LayerFiles, OciError, layer, open_layer};

use crate::trees;

/// Releases of one agent.
#[derive(Clone, Debug)]
pub struct Releases {
    dir: PathBuf,
}

/// Why a release cannot be stored or used.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, io::Error),
    /// The layer is invalid.
    #[error(transparent)]
    Layer(#[from] OciError),
    /// The bytes have another digest.
    #[error("the layer's bytes differ from the evidence: expected {expected}, found {found}")]
    Differs {
        /// Digest in the evidence.
        expected: Digest,
        /// Digest of the bytes.
        found: Digest,
    },
}

impl ReleaseError {
    /// Whether the artifact is at fault, and not this machine.
    pub const fn is_of_the_artifact(&self) -> bool {
        matches!(self, Self::Layer(_) | Self::Differs { .. })
    }
}

impl Releases {
    /// Opens the releases below an agent's directory; remains of a crash are removed.
    pub fn open(dir: &Path) -> Result<Self, ReleaseError> {
        let releases = Self { dir: dir.join("releases") };
        disk::make_dir(&releases.dir)?;
        let listed = fs::read_dir(&releases.dir);
        let listed = listed.map_err(|error| ReleaseError::Io("read", releases.dir.clone(), error))?;
        for item in listed.flatten() {
            if item.file_name().to_string_lossy().ends_with(".new") {
                clear(&item.path())?;
            }
        }
        Ok(releases)
    }

    /// Directory of an artifact.
    pub fn path(&self, artifact: &Digest) -> PathBuf {
        self.dir.join(artifact.hex())
    }

    /// Unpacks a layer, after it was hashed, into the artifact's directory.
    pub fn unpack(&self, artifact: &Digest, expected: &Digest, bytes: &[u8]) -> Result<(), ReleaseError> {
        let found = Digest::of(bytes);
        if found != *expected && !cfg!(feature = "drill-artifact-hash") {
            return Err(ReleaseError::Differs { expected: *expected, found });
        }
        let (files, mtime) = open_layer(bytes)?;
        let dir = self.path(artifact);
        if dir.exists() {
            match self.verify(artifact, expected, mtime) {
                // The received bytes are right, so this machine's copy is damaged and is unpacked again.
                Err(ReleaseError::Differs { .. }) => clear(&dir)?,
                verified => return verified,
            }
        }
        self.write_layer(artifact, bytes)?;
        let new = dir.with_extension("new");
        // The remains of a crash may be read-only, and must be removed first.
        clear(&new)?;
        fs::create_dir_all(&new).map_err(failed("create", &new))?;
        for (path, entry) in &files {
            place(&new.join(path), entry)?;
        }
        disk::sync_dirs(&new)?;
        protect(&new)?;
        // The commit's time is needed to compute the layer's digest from the directory again.
        let stamp = dir.with_extension("mtime");
        disk::replace("agent.stamp", &stamp, mtime.to_string().as_bytes(), 0o644)?;
        Ok(disk::rename("agent.layer", &new, &dir)?)
    }

    /// Keeps the bytes of a layer: with them, a file that somebody changes can be put back without the server.
    ///
    /// # Errors
    /// `ReleaseError` when they have another digest, or cannot be written.
    pub fn keep_layer(&self, artifact: &Digest, expected: &Digest, bytes: &[u8]) -> Result<(), ReleaseError> {
        let found = Digest::of(bytes);
        if found != *expected && !cfg!(feature = "drill-artifact-hash") {
            return Err(ReleaseError::Differs { expected: *expected, found });
        }
        self.write_layer(artifact, bytes)
    }

    fn write_layer(&self, artifact: &Digest, bytes: &[u8]) -> Result<(), ReleaseError> {
        let file = self.path(artifact).with_extension(LAYER);
        Ok(disk::replace("agent.kept-layer", &file, bytes, 0o400)?)
    }

    /// Whether the bytes of a layer are kept here.
    pub fn has_layer(&self, artifact: &Digest) -> bool {
        self.path(artifact).with_extension(LAYER).exists()
    }

    /// Removes the bytes of a layer that are damaged, so that they are asked for again.
    pub fn forget_layer(&self, artifact: &Digest) {
        // If it stays, the next look tries again.
        let _ = fs::remove_file(self.path(artifact).with_extension(LAYER));
    }

    /// The directory of all releases.
    pub fn all(&self) -> &Path {
        &self.dir
    }

    /// The files of a layer that is kept here; `None` if it is not, or has other bytes.
    pub fn layer(&self, artifact: &Digest, expected: &Digest) -> Option<LayerFiles> {
        let bytes = fs::read(self.path(artifact).with_extension(LAYER)).ok()?;
        (Digest::of(&bytes) == *expected).then(|| open_layer(&bytes).ok()).flatten().map(|(files, _)| files)
    }

    /// The files of a release as its layer declares them: from the layer that is kept here, else from a directory that still gives
    /// its digest.
    pub fn declared_files(&self, artifact: &Digest, expected: &Digest) -> Option<LayerFiles> {
        self.layer(artifact, expected).or_else(|| {
            self.check(artifact, expected).ok()?;
            let mut files = LayerFiles::new();
            collect(&self.path(artifact), "", &mut files).ok()?;
            Some(files)
        })
    }

    /// Removes every artifact except these.
    pub fn keep(&self, wanted: &[Digest]) -> Result<(), ReleaseError> {
        let failed = |error| ReleaseError::Io("read", self.dir.clone(), error);
        for item in fs::read_dir(&self.dir).map_err(failed)? {
            let path = item.map_err(failed)?.path();
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            if !wanted.iter().any(|artifact| artifact.hex() == stem) {
                clear(&path)?;
            }
        }
        Ok(())
    }

    /// Hashes a directory again: its files must still give the same layer.
    pub fn check(&self, artifact: &Digest, expected: &Digest) -> Result<(), ReleaseError> {
        let stamp = self.path(artifact).with_extension("mtime");
        let text = fs::read_to_string(&stamp).map_err(|error| ReleaseError::Io("read", stamp, error))?;
        self.verify(artifact, expected, text.trim().parse().unwrap_or_default())
    }

    fn verify(&self, artifact: &Digest, expected: &Digest, mtime: u64) -> Result<(), ReleaseError> {
        let mut files = LayerFiles::new();
        collect(&self.path(artifact), "", &mut files)?;
        // A copy that no layer could contain, for example with a link that leads outside, is a damaged one.
        let found = layer(&files, mtime).map_or_else(|_| Digest::of(b""), |bytes| Digest::of(&bytes));
        if found == *expected || cfg!(feature = "drill-artifact-hash") {
            Ok(())
        } else {
            Err(ReleaseError::Differs { expected: *expected, found })
        }
    }

    /// Switches the `current` link, atomically.
    pub fn switch(&self, artifact: Option<&Digest>) -> Result<(), ReleaseError> {
        let link = self.dir.with_file_name("current");
        let Some(artifact) = artifact else {
            return match fs::remove_file(&link) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(ReleaseError::Io("remove", link, error))
                }
                _ => Ok(()),
            };
        };
        let new = link.with_extension("new");
        if new.is_symlink() {
            fs::remove_file(&new).map_err(failed("remove", &new))?;
        }
        symlink(Path::new("releases").join(artifact.hex()), &new).map_err(failed("link", &new))?;
        Ok(disk::rename("agent.switch", &new, &link)?)
    }
}

/// Extension of the file with the bytes of a layer.
const LAYER: &str = "layer";

/// Removes whatever is at a path, such as the remains of a crash.
pub(crate) fn clear(path: &Path) -> Result<(), ReleaseError> {
    trees::remove(path).map_err(|error| ReleaseError::Io("clear", path.to_path_buf(), error))
}

/// Makes a directory and everything below it read-only.
fn protect(dir: &Path) -> Result<(), ReleaseError> {
    let failed = |error| ReleaseError::Io("protect", dir.to_path_buf(), error);
    for item in fs::read_dir(dir).map_err(failed)?.flatten() {
        if item.file_type().is_ok_and(|kind| kind.is_dir()) {
            protect(&item.path())?;
        }
    }
    fs::set_permissions(dir, Permissions::from_mode(0o555)).map_err(failed)
}

/// Writes one entry of a layer. Links are made but never followed: `open_layer` has refused a layer in which an entry lies
/// below a link.
fn place(target: &Path, entry: &LayerEntry) -> Result<(), ReleaseError> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(failed("create", parent))?;
    }
    match entry {
        LayerEntry::Directory => fs::create_dir_all(target).map_err(failed("create", target)),
        LayerEntry::Link(to) => symlink(to, target).map_err(failed("link", target)),
        LayerEntry::File(file) => {
            let mode = if file.executable { 0o555 } else { 0o444 };
            disk::write(target, &file.bytes, mode)?;
            fs::set_permissions(target, Permissions::from_mode(mode)).map_err(failed("protect", target))
        }
    }
}

/// Reads a directory as the entries of a layer; returns whether there was any.
fn collect(dir: &Path, prefix: &str, files: &mut LayerFiles) -> Result<bool, ReleaseError> {
    let mut any = false;
    for item in fs::read_dir(dir).map_err(failed("read", dir))? {
        any = true;
        let item = item.map_err(failed("read", dir))?;
        let path = item.path();
        let name = format!("{prefix}{}", item.file_name().to_string_lossy());
        let meta = fs::symlink_metadata(&path).map_err(failed("read", &path))?;
        let entry = if meta.is_dir() {
            if collect(&path, &format!("{name}/"), files)? {
                continue;
            }
            LayerEntry::Directory
        } else if meta.is_symlink() {
            let to = fs::read_link(&path).map_err(failed("read", &path))?;
            LayerEntry::Link(to.to_string_lossy().into_owned())
        } else {
            // Any other kind of file was never unpacked here: it is not opened, and the digest will differ.
            let bytes =
                if meta.is_file() { fs::read(&path).map_err(failed("read", &path))? } else { Vec::new() };
            LayerEntry::File(LayerFile { bytes, executable: meta.permissions().mode() & 0o100 != 0 })
        };
        files.insert(name, entry);
    }
    Ok(any)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReleaseError + use<> {
    let path = path.to_path_buf();
    move |error| ReleaseError::Io(doing, path, error)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The bytes of a layer, and its digest.
    fn layer_of(word: &str) -> (Vec<u8>, Digest) {
        let file = LayerFile { bytes: word.as_bytes().to_vec(), executable: true };
        let bytes = layer(&LayerFiles::from([("bin/app".to_owned(), LayerEntry::File(file))]), 7).unwrap();
        let digest = Digest::of(&bytes);
        (bytes, digest)
    }

    #[test]
    fn a_damaged_copy_is_unpacked_anew_and_other_bytes_never_are() {
        let dir = tempfile::tempdir().unwrap();
        let releases = Releases::open(dir.path()).unwrap();
        let artifact = Digest::of(b"manifest");
        let ((bytes, digest), (other, _)) = (layer_of("one"), layer_of("another"));
        assert!(releases.unpack(&artifact, &digest, &other).unwrap_err().is_of_the_artifact());
        assert!(!releases.path(&artifact).exists());
        releases.unpack(&artifact, &digest, &bytes).unwrap();
        releases.check(&artifact, &digest).unwrap();
        let file = releases.path(&artifact).join("bin/app");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::File::options().write(true).open(&file).unwrap().write_all(b"damaged").unwrap();
        assert!(releases.check(&artifact, &digest).is_err(), "it is not run");
        releases.unpack(&artifact, &digest, &bytes).unwrap();
        releases.check(&artifact, &digest).unwrap();
    }

    #[test]
    fn links_and_empty_directories_are_unpacked_and_hashed_again() {
        let dir = tempfile::tempdir().unwrap();
        let releases = Releases::open(dir.path()).unwrap();
        let file = LayerEntry::File(LayerFile { bytes: b"x".to_vec(), executable: false });
        let files = LayerFiles::from([
            ("lib/libx.so".to_owned(), LayerEntry::Link("libx.so.1".into())),
            ("lib/libx.so.1".to_owned(), file),
            ("spool/in".to_owned(), LayerEntry::Directory),
        ]);
        let bytes = layer(&files, 7).unwrap();
        let (artifact, digest) = (Digest::of(b"manifest"), Digest::of(&bytes));
        releases.unpack(&artifact, &digest, &bytes).unwrap();
        let at = |path: &str| releases.path(&artifact).join(path);
        assert_eq!(fs::read(at("lib/libx.so")).unwrap(), b"x");
        assert!(at("spool/in").is_dir());
        releases.check(&artifact, &digest).unwrap();
        // Each change of a directory or link is detected, and repaired by unpacking again.
        let open = |path: &str| fs::set_permissions(at(path), Permissions::from_mode(0o755)).unwrap();
        let turn = |to: &str| {
            open("lib");
            fs::remove_file(at("lib/libx.so")).unwrap();
            symlink(to, at("lib/libx.so")).unwrap();
        };
        let changes: [&dyn Fn(); 4] = [
            &|| turn("libx.so.2"),
            &|| turn("/etc/passwd"),
            &|| {
                open("spool");
                fs::remove_dir(at("spool/in")).unwrap();
            },
            &|| {
                open("spool");
                fs::create_dir(at("spool/more")).unwrap();
            },
        ];
        for change in changes {
            change();
            assert!(releases.check(&artifact, &digest).is_err());
            releases.unpack(&artifact, &digest, &bytes).unwrap();
            releases.check(&artifact, &digest).unwrap();
        }
        releases.keep(&[]).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("releases")).unwrap().count(), 0);
    }

    /// The digest may match the evidence: the author of a hostile archive may also write the evidence.
    #[test]
    fn attack_a_layer_that_writes_elsewhere_is_not_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let releases = Releases::open(dir.path()).unwrap();
        let link = |to: &str| LayerFiles::from([("a".to_owned(), LayerEntry::Link(to.into()))]);
        let honest = layer(&link("b"), 7).unwrap();
        // The same archive with another link target and its checksum; `layer` itself would not write it.
        let mut bytes = honest.clone();
        bytes[157..170].copy_from_slice(b"/etc/cron.d/x");
        let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
        let old: u32 = bytes[148..156].iter().map(|byte| u32::from(*byte)).sum();
        bytes[148..154].copy_from_slice(format!("{:06o}", sum - old + 8 * 32).as_bytes());
        let (artifact, digest) = (Digest::of(b"manifest"), Digest::of(&bytes));
        let refused = releases.unpack(&artifact, &digest, &bytes).unwrap_err();
        assert!(refused.to_string().contains("`a` cannot be a link to `/etc/cron.d/x`"), "{refused}");
        assert!(refused.is_of_the_artifact() && !releases.path(&artifact).exists());
        let left: Vec<_> = fs::read_dir(dir.path().join("releases")).unwrap().collect();
        assert!(left.is_empty(), "nothing was written: {left:?}");
        releases.unpack(&artifact, &Digest::of(&honest), &honest).unwrap();
    }

    #[test]
    fn what_neither_runs_nor_ran_before_goes() {
        let dir = tempfile::tempdir().unwrap();
        let releases = Releases::open(dir.path()).unwrap();
        let artifacts: Vec<Digest> = ["one", "two", "three"]
            .iter()
            .map(|word| {
                let ((bytes, layer), artifact) = (layer_of(word), Digest::of(word.as_bytes()));
                releases.unpack(&artifact, &layer, &bytes).unwrap();
                artifact
            })
            .collect();
        releases.keep(&artifacts[1..]).unwrap();
        let there: Vec<bool> = artifacts.iter().map(|artifact| releases.path(artifact).exists()).collect();
        assert_eq!(there, [false, true, true]);
        let count = fs::read_dir(dir.path().join("releases")).unwrap().count();
        assert_eq!(count, 6, "each with its time and its layer");
        releases.check(&artifacts[1], &layer_of("two").1).unwrap();
        releases.keep(&[]).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("releases")).unwrap().count(), 0);
    }
}
