//! The root key of a vault: a file that only its owner may read, beside the server's other keys or wherever its operator keeps it,
//! or a key in a PKCS#11 device.
//!
//! Invariant: a key is made only where there is no key ring yet: a new one would open nothing of an old ring. It never lies in
//! the data directory, so that no backup of that directory has both.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use vault::{FileKey, RootKey};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::files::write_private;
use crate::home::Home;
use crate::pkcs11::{self, Uri, UriError};
use crate::random;
use crate::secret;

/// The place of a root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootKeyPlace {
    /// A file.
    File(PathBuf),
    /// An AES key in a PKCS#11 device.
    Device(Uri),
}

impl RootKeyPlace {
    /// The usual place, beside the server's other keys.
    #[must_use]
    pub fn usual(home: &Home) -> Self {
        Self::File(file(home))
    }
}

impl FromStr for RootKeyPlace {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.starts_with("pkcs11:") {
            true => {
                Ok(Self::Device(text.parse().map_err(|error: UriError| Error::unusable(error.to_string()))?))
            }
            false => Ok(Self::File(std::path::absolute(text)?)),
        }
    }
}

impl fmt::Display for RootKeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Device(uri) => write!(f, "{uri}"),
        }
    }
}

/// The usual file, beside the server's other keys.
#[must_use]
pub fn file(home: &Home) -> PathBuf {
    home.keys().join(FILE)
}

/// Opens a root key.
///
/// # Errors
/// `Error` if it is missing, damaged, or can be read by others.
pub fn open(place: &RootKeyPlace) -> Result<Arc<dyn RootKey>, Error> {
    match place {
        RootKeyPlace::File(path) => read(path),
        RootKeyPlace::Device(uri) => pkcs11::open_root(uri),
    }
}

/// Opens a root key, or makes a missing one if no ring needs an older one.
///
/// # Errors
/// `Error` if it is missing although a ring needs it, damaged, or cannot be made.
pub fn open_or_make(place: &RootKeyPlace, has_ring: bool) -> Result<Arc<dyn RootKey>, Error> {
    match place {
        RootKeyPlace::File(path) if !has_ring && !path.exists() => make(path),
        other => open(other),
    }
}

/// Makes a root key in a file that does not exist yet.
///
/// # Errors
/// `Error` if the file exists, or cannot be written.
pub fn make(path: &Path) -> Result<Arc<dyn RootKey>, Error> {
    if path.exists() {
        let what = format!("`{}` exists already; a new root key gets a new file", path.display());
        return Err(Error::unusable(what));
    }
    let key = random::drawing(|draw| FileKey::filled(draw))?;
    write_private(path, &key.line())?;
    Ok(Arc::new(key))
}

/// The root key that takes the place of one in a file, in a file beside it; one that a change which did not end left there is
/// used.
///
/// # Errors
/// `Error` if it cannot be made.
pub fn successor(path: &Path) -> Result<Arc<dyn RootKey>, Error> {
    let next = beside(path);
    if next.exists() { read(&next) } else { make(&next) }
}

/// Puts the successor in the place of a root key, and overwrites the old key's bytes.
///
/// # Errors
/// `Error` if it cannot be written.
pub fn succeed(path: &Path) -> Result<(), Error> {
    let next = beside(path);
    let text = Zeroizing::new(secret::read(&next)?);
    disk::replace_overwriting("people.private", path, text.as_bytes(), 0o600)?;
    Ok(fs::remove_file(next)?)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("next.key")
}

fn read(path: &Path) -> Result<Arc<dyn RootKey>, Error> {
    let text = Zeroizing::new(secret::read(path)?);
    let key = text.parse::<FileKey>();
    let key =
        key.map_err(|error| Error::unusable(format!("`{}`: {error}; {}", path.display(), secret::LOST)))?;
    Ok(Arc::new(key))
}

/// Name of the file beside the server's other keys.
const FILE: &str = "vault-root.key";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_root_key_is_made_once_and_only_without_a_ring() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault-root.key");
        let place = RootKeyPlace::File(path.clone());
        let error = open_or_make(&place, true).unwrap_err().to_string();
        assert!(error.contains("cannot read key"), "a ring needs the key that is missing: {error}");
        let made = open_or_make(&place, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(open_or_make(&place, true).unwrap().id(), made.id());
        assert!(make(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open(&place).unwrap_err().to_string().contains("can be read by others"));
    }

    #[test]
    fn a_successor_takes_the_place_and_one_that_is_there_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault-root.key");
        let old = make(&path).unwrap();
        let mut before = fs::File::open(&path).unwrap();
        let next = successor(&path).unwrap();
        assert_eq!(successor(&path).unwrap().id(), next.id());
        assert_eq!(open(&RootKeyPlace::File(path.clone())).unwrap().id(), old.id());
        succeed(&path).unwrap();
        assert_eq!(open(&RootKeyPlace::File(path.clone())).unwrap().id(), next.id());
        let mut left = Vec::new();
        std::io::Read::read_to_end(&mut before, &mut left).unwrap();
        assert!(left.iter().all(|byte| *byte == 0) && fs::read_dir(dir.path()).unwrap().count() == 1);
    }
}
