//! Durable files: a file is stored whole or not at all, whatever happens to the process.
//!
//! Invariant: this is the only code of the product that writes files to keep (a law of the tree). Every write has a
//! named point, at which tests can make it fail, make it report a failure although it succeeded, or crash the process.
//! The crate knows nothing about the contents of files.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

#[cfg(any(feature = "faults", feature = "inject"))]
pub mod faults;

/// All points at which something becomes durable, each with a description.
pub const POINTS: [(&str, &str); 37] = [
    ("ledger.append", "a batch of entries"),
    ("ledger.witnessed", "a cosigned checkpoint"),
    ("ledger.blob", "a blob under its digest"),
    ("ledger.tile", "a full tile"),
    ("ledger.origin", "a ledger's head under a new origin"),
    ("ledger.format", "a ledger's file in a newer format"),
    ("ledger.found", "a new ledger's directory"),
    ("server.views", "rebuilt views"),
    ("server.reserve", "the reserve file that holds back disk space"),
    ("server.snapshot", "the place of the newest snapshot"),
    ("server.vault", "the vault's key ring"),
    ("runner.output", "an output of a step"),
    ("runner.receipt", "a receipt"),
    ("runner.answer", "a receipt that answers every later question about its work"),
    ("runner.image", "a blob, an index or an unpacked tree of an image"),
    ("runner.seen", "the newest root and status that a runner has seen"),
    ("agent.memory", "the numbers that an agent has seen, and its running release"),
    ("agent.stamp", "the time of a layer's files"),
    ("agent.layer", "an unpacked layer"),
    ("agent.kept-layer", "the layer of a release, by which its files are put back"),
    ("agent.restored", "a file of a release that was put back"),
    ("agent.declared", "the newest configuration that an agent has verified"),
    ("agent.sealed", "a sealed value of a secret"),
    ("agent.observation", "an observation that an agent has to send"),
    ("agent.switch", "the link to the current release"),
    ("agent.evidence", "the evidence of a release that an agent can go back to"),
    ("agent.rules", "the newest rules of its place that an agent has verified"),
    ("agent.rollout", "the evidence of a release that is rolled out"),
    ("agent.answer", "the answer to an order that a person brought to an agent"),
    ("agent.status", "a status that an agent got from a witness"),
    ("witness.state", "the last checkpoint that a witness cosigned"),
    ("witness.status", "the newest status that a witness keeps"),
    ("mint.leases", "the journal of leases of databases"),
    ("stores.lease", "the note of a lease of a store"),
    ("people.private", "a key, a pin or a profile"),
    ("people.file", "a file that a person asked for"),
    ("people.rotation", "the journal of a rotation of a secret"),
];

/// Whether this process makes its writes durable: always, but in a simulator that said otherwise.
#[must_use]
pub fn is_durable() -> bool {
    #[cfg(feature = "inject")]
    return !lossy::IS_ON.load(std::sync::atomic::Ordering::Relaxed);
    #[cfg(not(feature = "inject"))]
    true
}

/// Lets a crash of the machine lose the writes of this process, for a simulator that makes a large installation and can make
/// it again.
#[cfg(feature = "inject")]
pub fn forgo_durability() {
    lossy::IS_ON.store(true, std::sync::atomic::Ordering::Relaxed);
}

#[cfg(feature = "inject")]
mod lossy {
    pub static IS_ON: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
}

/// A write that did not become durable. The new bytes may be on disk all the same.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{path}`: {source}", path = path.display())]
pub struct DiskError {
    /// The operation.
    pub doing: &'static str,
    /// The path of the operation.
    pub path: PathBuf,
    /// The error of the system.
    pub source: io::Error,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    move |source| DiskError { doing, path: path.to_path_buf(), source }
}

/// Writes a whole file: to a temporary name beside it, synced, then renamed over the old file.
///
/// # Errors
/// `DiskError`. The file then has either its old or its new content.
pub fn replace(point: &'static str, path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let new = PathBuf::from(beside);
    write(&new, bytes, mode)?;
    rename(point, &new, path)
}

/// Like [`replace`], and overwrites the bytes of the old file, which nothing names any more then. Copies that the disk or the
/// file system keeps of old blocks stay: a log-structured disk, a snapshot, a backup.
///
/// # Errors
/// `DiskError`. The file then has either its old or its new content; the old content may be whole.
pub fn replace_overwriting(
    point: &'static str,
    path: &Path,
    bytes: &[u8],
    mode: u32,
) -> Result<(), DiskError> {
    let old = match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => Some(opened.map_err(failed("open", path))?),
    };
    replace(point, path, bytes, mode)?;
    let Some(mut old) = old else { return Ok(()) };
    let length = old.metadata().map_err(failed("read", path))?.len();
    io::copy(&mut io::repeat(0).take(length), &mut old).map_err(failed("write", path))?;
    sync(&old, path)
}

/// Writes a new file and syncs it. It counts only once it, or the directory that contains it, is renamed.
///
/// # Errors
/// `DiskError`.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut file = create(path, mode)?;
    file.write_all(bytes).map_err(failed("write", path))?;
    sync(&file, path)
}

/// Creates a new, empty file. It replaces one that a crash may have left.
///
/// # Errors
/// `DiskError`.
pub fn create(path: &Path, mode: u32) -> Result<File, DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", path)(error)),
        _ => {}
    }
    File::options().write(true).create_new(true).mode(mode).open(path).map_err(failed("create", path))
}

/// Allocates a file of this size, so that its removal frees the space later.
///
/// # Errors
/// `DiskError`. Nothing stays allocated then.
pub fn reserve(point: &'static str, path: &Path, bytes: u64) -> Result<(), DiskError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let new = PathBuf::from(beside);
    let taken = fill(&new, bytes).and_then(|()| rename(point, &new, path));
    if taken.is_err() {
        drop(fs::remove_file(&new));
    }
    taken
}

fn fill(path: &Path, bytes: u64) -> Result<(), DiskError> {
    let mut file = create(path, 0o600)?;
    // Writes zeros instead of making a sparse file, so that the blocks are really allocated.
    io::copy(&mut io::repeat(0).take(bytes), &mut file).map_err(failed("write", path))?;
    sync(&file, path)
}

/// Makes the bytes of an open file durable.
///
/// # Errors
/// `DiskError`.
pub fn sync(file: &File, path: &Path) -> Result<(), DiskError> {
    if !is_durable() {
        return Ok(());
    }
    file.sync_all().map_err(failed("sync", path))
}

/// Renames a durable file or directory, and makes the new name durable.
///
/// # Errors
/// `DiskError`. The file then has either its old or its new name.
pub fn rename(point: &'static str, from: &Path, to: &Path) -> Result<(), DiskError> {
    meet(point, Some(from)).map_err(failed("rename", from))?;
    fs::rename(from, to).map_err(failed("rename", from))?;
    sync_dir(to.parent().unwrap_or(to))?;
    after(point).map_err(failed("rename", from))
}

/// Takes the lock on a role's directory, which is held while the returned file lives. Without it, two processes of one
/// role would undo each other's work. Waits a moment for a process that is just ending.
///
/// # Errors
/// `DiskError`, of kind `WouldBlock` when another process holds the lock.
pub fn lock(dir: &Path) -> Result<File, DiskError> {
    lock_file(&dir.join(LOCK), "another process of this role works in the directory; stop it first")
}

/// Takes the lock on a file, and makes the file if it is missing. Waits a moment for a process that is just ending;
/// `taken` is the error where it does not end.
///
/// # Errors
/// `DiskError`, of kind `WouldBlock` when another process holds the lock.
pub fn lock_file(path: &Path, taken: &'static str) -> Result<File, DiskError> {
    let opened = File::options().create(true).truncate(false).write(true).open(path);
    let file = opened.map_err(failed("open", path))?;
    let mut looks = 0;
    let found = loop {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) if looks < LOCK_LOOKS => looks += 1,
            other => break other,
        }
        std::thread::sleep(LOCK_PAUSE);
    };
    match found {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(failed("lock", path)(io::Error::new(io::ErrorKind::WouldBlock, taken)))
        }
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", path)(source)),
    }
}

/// Name of the file that the process of a role locks.
const LOCK: &str = "role.lock";
const LOCK_LOOKS: u32 = 40;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Makes the names in a directory durable.
///
/// # Errors
/// `DiskError`.
pub fn sync_dir(dir: &Path) -> Result<(), DiskError> {
    if !is_durable() {
        return Ok(());
    }
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}

/// Reads a file of at most so many bytes, with what the system says of the very file that was read, such as its mode.
///
/// # Errors
/// The system's, `InvalidInput` if it is not a file, such as a pipe, for which nobody waits, `FileTooLarge` if it has more bytes.
pub fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<(Vec<u8>, Metadata)> {
    // A pipe would wait for somebody who writes; for a file the flag means nothing.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let what = format!("it has more than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok((bytes, found))
}

/// Creates a directory with all missing parents, and makes all their names durable.
///
/// # Errors
/// `DiskError`.
pub fn make_dir(dir: &Path) -> Result<(), DiskError> {
    make_dir_of(dir, 0o777)
}

/// Like [`make_dir`], for a directory that only its owner may read.
///
/// # Errors
/// `DiskError`.
pub fn private_dir(dir: &Path) -> Result<(), DiskError> {
    make_dir_of(dir, 0o700)
}

fn make_dir_of(dir: &Path, mode: u32) -> Result<(), DiskError> {
    if dir.is_dir() || dir.as_os_str().is_empty() {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or(dir);
    make_dir_of(parent, mode)?;
    match fs::DirBuilder::new().mode(mode).create(dir) {
        // Another process created it first. It does not matter which of the two makes the name durable.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        made => made.map_err(failed("create", dir))?,
    }
    sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

/// Makes a directory and everything below it durable. The files in it were synced before.
///
/// # Errors
/// `DiskError`.
pub fn sync_dirs(dir: &Path) -> Result<(), DiskError> {
    for item in fs::read_dir(dir).map_err(failed("read", dir))? {
        let path = item.map_err(failed("read", dir))?.path();
        if path.is_dir() && !path.is_symlink() {
            sync_dirs(&path)?;
        }
    }
    sync_dir(dir)
}

/// Must be called directly before something becomes durable in another way, such as the commit of a database.
///
/// # Errors
/// The injected fault, if a test injected one.
pub fn before(point: &'static str) -> io::Result<()> {
    meet(point, None)
}

#[cfg_attr(
    not(any(feature = "faults", feature = "inject")),
    expect(unused_variables, clippy::unnecessary_wraps, reason = "there are no faults in this build")
)]
fn meet(point: &'static str, staged: Option<&Path>) -> io::Result<()> {
    debug_assert!(POINTS.iter().any(|(known, _)| *known == point), "`{point}` is not in the list");
    #[cfg(any(feature = "faults", feature = "inject"))]
    faults::before(point, staged)?;
    Ok(())
}

/// Must be called directly after something became durable in another way.
///
/// # Errors
/// The injected fault, if a test injected one.
pub fn after(point: &'static str) -> io::Result<()> {
    debug_assert!(POINTS.iter().any(|(known, _)| *known == point), "`{point}` is not in the list");
    #[cfg(any(feature = "faults", feature = "inject"))]
    faults::after()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_with_all_above_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        make_dir(&deep).unwrap();
        make_dir(&deep).unwrap();
        let private = dir.path().join("p/q");
        private_dir(&private).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&private), mode(&dir.path().join("p"))), (0o700, 0o700));
        fs::write(deep.join("file"), "x").unwrap();
        sync_dirs(dir.path()).unwrap();
        let error = make_dir(&deep.join("file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot create `"), "{error}");
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.json");
        fs::write(&path, "four").unwrap();
        let (bytes, found) = read_bounded(&path, 4).unwrap();
        assert_eq!((bytes.as_slice(), found.len()), (&b"four"[..], 4));
        let error = |path: &Path, most| {
            let error = read_bounded(path, most).unwrap_err();
            (error.kind(), error.to_string())
        };
        assert_eq!(error(&path, 3), (io::ErrorKind::FileTooLarge, "it has more than 3 bytes".to_owned()));
        assert_eq!(error(dir.path(), 3), (io::ErrorKind::InvalidInput, "it is not a file".to_owned()));
        assert_eq!(error(Path::new("/dev/zero"), 3).0, io::ErrorKind::InvalidInput);
        assert_eq!(error(&dir.path().join("none"), 3).0, io::ErrorKind::NotFound);
        // Nobody ever writes into this pipe.
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        assert_eq!(error(&pipe, 3), (io::ErrorKind::InvalidInput, "it is not a file".to_owned()));
    }

    #[test]
    fn attack_an_old_file_that_was_replaced_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring.json");
        replace_overwriting("server.vault", &path, b"first of all", 0o600).unwrap();
        let mut before = File::open(&path).unwrap();
        replace_overwriting("server.vault", &path, b"two", 0o600).unwrap();
        let mut left = Vec::new();
        before.read_to_end(&mut left).unwrap();
        assert_eq!((left, fs::read(&path).unwrap()), (vec![0; 12], b"two".to_vec()));
    }

    #[test]
    fn a_file_is_replaced_whole_and_leftovers_are_no_obstacle() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.json");
        fs::write(dir.path().join("kept.json.new"), "half of someth").unwrap();
        replace("people.private", &path, b"one", 0o600).unwrap();
        replace("people.private", &path, b"two", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let nowhere = dir.path().join("none/kept.json");
        let error = replace("people.private", &nowhere, b"one", 0o600).unwrap_err();
        assert!(error.to_string().starts_with("cannot create `"), "{error}");
    }
}
