//! Durable files: what is written is there whole or not at all, whatever happens to the process.
//!
//! Invariant: this is the only place of the product that writes files to keep (a law of the tree), and every
//! write has a named point at which it can be made to fail, to fail after all, or to be the last thing that
//! the process does. It knows nothing of what is written.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

#[cfg(any(feature = "faults", feature = "inject"))]
pub mod faults;

/// Every point at which something becomes durable, and what that is.
pub const POINTS: [(&str, &str); 20] = [
    ("ledger.append", "a batch of entries"),
    ("ledger.witnessed", "a cosigned checkpoint"),
    ("ledger.blob", "a blob under its digest"),
    ("ledger.tile", "a full tile"),
    ("ledger.origin", "a ledger's head under a new origin"),
    ("ledger.format", "a ledger's file in a newer format"),
    ("ledger.found", "a new ledger's directory"),
    ("server.views", "views made anew"),
    ("server.reserve", "room that is held back"),
    ("server.snapshot", "where the newest snapshot is"),
    ("runner.output", "an output of a step"),
    ("runner.receipt", "a receipt"),
    ("runner.seen", "the newest root and status that a runner has seen"),
    ("agent.memory", "what an agent has seen and runs"),
    ("agent.stamp", "the time of a layer's files"),
    ("agent.layer", "an unpacked layer"),
    ("agent.switch", "which release is current"),
    ("witness.state", "what a witness has cosigned"),
    ("people.private", "a key, a pin or a profile"),
    ("people.file", "a file that somebody asked for"),
];

/// Why something did not become durable; whether it is there all the same is not known.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{path}`: {source}", path = path.display())]
pub struct DiskError {
    /// What was being done.
    pub doing: &'static str,
    /// To what.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    move |source| DiskError { doing, path: path.to_path_buf(), source }
}

/// Writes a file whole: beside its place, synced, then renamed over what was there.
///
/// # Errors
/// `DiskError`; the old file stays, or the new one is there already.
pub fn replace(point: &'static str, path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let new = PathBuf::from(beside);
    write(&new, bytes, mode)?;
    rename(point, &new, path)
}

/// Writes a new file and syncs it; it counts for nothing until it is renamed, or what it lies in is.
///
/// # Errors
/// `DiskError`.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut file = create(path, mode)?;
    file.write_all(bytes).map_err(failed("write", path))?;
    file.sync_all().map_err(failed("sync", path))
}

/// A new, empty file in the place of one that a crash may have left.
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

/// Takes so many bytes of the disk under a name, so that they can be had later by removing it.
///
/// # Errors
/// `DiskError`; nothing stays taken then.
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
    // Zeros, and not a hole: the blocks must really be there.
    io::copy(&mut io::repeat(0).take(bytes), &mut file).map_err(failed("write", path))?;
    file.sync_all().map_err(failed("sync", path))
}

/// Makes the bytes of an open file durable.
///
/// # Errors
/// `DiskError`.
pub fn sync(file: &File, path: &Path) -> Result<(), DiskError> {
    file.sync_all().map_err(failed("sync", path))
}

/// Gives something that is durable its name, durably.
///
/// # Errors
/// `DiskError`; it has the old name or the new one.
pub fn rename(point: &'static str, from: &Path, to: &Path) -> Result<(), DiskError> {
    meet(point, Some(from)).map_err(failed("rename", from))?;
    fs::rename(from, to).map_err(failed("rename", from))?;
    sync_dir(to.parent().unwrap_or(to))?;
    after(point).map_err(failed("rename", from))
}

/// The right to a role's directory, as long as what is answered lives: two processes of one role would each
/// undo what the other does. Waits a moment for one that is just ending.
///
/// # Errors
/// `DiskError`, of kind `WouldBlock` when another process has it.
pub fn lock(dir: &Path) -> Result<File, DiskError> {
    let path = dir.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(failed("open", &path))?;
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
            let source = io::Error::new(
                io::ErrorKind::WouldBlock,
                "another process of this role works in the directory; stop it first",
            );
            Err(failed("lock", &path)(source))
        }
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

/// Name of the file whose lock says that a process of a role is at work.
const LOCK: &str = "role.lock";
const LOCK_LOOKS: u32 = 40;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Makes the names in a directory durable.
///
/// # Errors
/// `DiskError`.
pub fn sync_dir(dir: &Path) -> Result<(), DiskError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}

/// A directory, with all above it that lack; each has its name durably.
///
/// # Errors
/// `DiskError`.
pub fn make_dir(dir: &Path) -> Result<(), DiskError> {
    make_dir_of(dir, 0o777)
}

/// The same for a directory that its owner alone can look into.
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
        // Somebody else was quicker; whose name is durable first does not matter.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        made => made.map_err(failed("create", dir))?,
    }
    sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

/// Makes durable what a directory and all below it hold; files have been synced already.
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

/// To be called right before something becomes durable by other means, such as the commit of a database.
///
/// # Errors
/// What a fault makes of it.
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

/// To be called right after something became durable by other means.
///
/// # Errors
/// What a fault makes of it.
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
