//! Keys of machines: PKCS#8 files in PEM, made once and readable by their owner alone, or references to keys in
//! PKCS#11 devices.
//!
//! Invariant: each key has one location. `key.pem` is a file with the key; `key.pkcs11` instead holds the URI of a key
//! in a device. If both exist, the key is refused.

use std::fs;
use std::path::{Path, PathBuf};

use evidence::machine::{MachineSigner, key_file};
use tlog::{CosignatureKey, NoteSigner, SignatureKind};

use crate::error::Error;
use crate::files::write_private;
use crate::pkcs11::{self, Uri};
use crate::random;
use crate::secret;

/// Makes a key and writes its file.
pub fn make(path: &Path) -> Result<MachineSigner, Error> {
    let seed = random::bytes()?;
    let signer = MachineSigner::from_seed(seed)?;
    write_private(path, &key_file(&seed))?;
    Ok(signer)
}

/// Makes a key in a file; if a device is given, writes the device's URI instead.
pub fn make_or_take(path: &Path, device: Option<&Uri>) -> Result<MachineSigner, Error> {
    let Some(uri) = device else { return make(path) };
    let signer = MachineSigner::new(pkcs11::open(uri)?);
    write_private(&reference(path), &format!("{uri}\n"))?;
    Ok(signer)
}

/// Uses the existing key, or makes one or notes the given device. A device other than the noted one is refused.
pub fn take_up(path: &Path, device: Option<&Uri>) -> Result<MachineSigner, Error> {
    if !exists(path) {
        return make_or_take(path, device);
    }
    let noted = match fs::read_to_string(reference(path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::unusable(format!("cannot read `{}`: {error}", reference(path).display())));
        }
        noted => noted.unwrap_or_default(),
    };
    match device {
        Some(uri) if noted.trim_end() != uri.to_string() => {
            let what = format!("`{}` is another key already; remove it, or omit --key", path.display());
            Err(Error::unusable(what))
        }
        _ => read(path),
    }
}

/// Whether a key of this name exists, in a file or in a device.
pub fn exists(path: &Path) -> bool {
    path.exists() || reference(path).exists()
}

/// Reads a key file, and refuses one that others can read; or opens the device's key that is noted instead of a file.
pub fn read(path: &Path) -> Result<MachineSigner, Error> {
    let named = reference(path);
    let shown = path.display();
    if !named.exists() {
        let text = secret::read(path)?;
        return MachineSigner::from_pem(&text)
            .map_err(|error| Error::unusable(format!("`{shown}`: {error}; {}", secret::LOST)));
    }
    if path.exists() {
        let what =
            format!("`{shown}` and `{}` both hold a key; remove the one that is not used", named.display());
        return Err(Error::unusable(what));
    }
    let text = secret::read(&named)?;
    let uri: Uri = text
        .trim_end()
        .parse()
        .map_err(|error| Error::unusable(format!("`{}`: {error}", named.display())))?;
    Ok(MachineSigner::new(pkcs11::open(&uri)?))
}

/// Replaces one key with another.
pub fn replace(from: &Path, to: &Path) -> Result<(), Error> {
    let device = reference(from);
    let (from, to, other) = if device.exists() {
        (device, reference(to), to.to_path_buf())
    } else {
        (from.to_path_buf(), to.to_path_buf(), reference(to))
    };
    disk::rename("people.private", &from, &to)?;
    if other.exists() {
        fs::remove_file(&other)
            .map_err(|error| Error::unusable(format!("cannot remove `{}`: {error}", other.display())))?;
    }
    Ok(())
}

/// The ledger's signer for a key.
pub fn ledger(key: &MachineSigner, origin: &str) -> Result<NoteSigner, Error> {
    Ok(NoteSigner::new(origin, SignatureKind::Ed25519, key.key())?)
}

/// A witness's signer for a key.
pub fn witness(key: &MachineSigner, name: &str) -> Result<CosignatureKey, Error> {
    Ok(CosignatureKey::new(name, key.key())?)
}

fn reference(path: &Path) -> PathBuf {
    path.with_extension("pkcs11")
}
