//! Keys of machines: PKCS#8 files in PEM, made once and readable by their owner alone, or references to keys in
//! PKCS#11 devices.
//!
//! Invariant: each key has one location. `key.pem` is a file with the key; `key.pkcs11` instead holds the URI of a key
//! in a device. If both exist, the key is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use evidence::machine::{MachineSigner, key_file};
use tlog::{CosignatureKey, NoteSigner, SignatureKind};

use crate::failure::Failure;
use crate::home::write_private;
use crate::pkcs11::{self, Uri};
use crate::random;

/// Makes a key and writes its file.
pub fn make(path: &Path) -> Result<MachineSigner, Failure> {
    let seed = random::bytes()?;
    let signer = MachineSigner::from_seed(seed)?;
    write_private(path, &key_file(&seed))?;
    Ok(signer)
}

/// Makes a key in a file; if a device is given, writes the device's URI instead.
pub fn make_or_take(path: &Path, device: Option<&Uri>) -> Result<MachineSigner, Failure> {
    let Some(uri) = device else { return make(path) };
    let signer = MachineSigner::new(pkcs11::open(uri)?);
    write_private(&reference(path), &format!("{uri}\n"))?;
    Ok(signer)
}

/// Uses the existing key, or makes one or notes the given device. A device other than the noted one is refused.
pub fn take_up(path: &Path, device: Option<&Uri>) -> Result<MachineSigner, Failure> {
    if !exists(path) {
        return make_or_take(path, device);
    }
    let noted = match fs::read_to_string(reference(path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::error(format!("cannot read `{}`: {error}", reference(path).display())));
        }
        noted => noted.unwrap_or_default(),
    };
    match device {
        Some(uri) if noted.trim_end() != uri.to_string() => {
            let what = format!("`{}` is another key already; remove it, or omit --key", path.display());
            Err(Failure::error(what))
        }
        _ => read(path),
    }
}

/// Whether a key of this name exists, in a file or in a device.
pub fn exists(path: &Path) -> bool {
    path.exists() || reference(path).exists()
}

/// Reads a key file, and refuses one that others can read; or opens the device's key that is noted instead of a file.
pub fn read(path: &Path) -> Result<MachineSigner, Failure> {
    let named = reference(path);
    let shown = path.display();
    if !named.exists() {
        let text = read_private(path)?;
        return MachineSigner::from_pem(&text).map_err(|error| Failure::error(format!("`{shown}`: {error}")));
    }
    if path.exists() {
        let what =
            format!("`{shown}` and `{}` both hold a key; remove the one that is not used", named.display());
        return Err(Failure::error(what));
    }
    let text = read_private(&named)?;
    let uri: Uri =
        text.trim_end().parse().map_err(|error| Failure::error(format!("`{}`: {error}", named.display())))?;
    Ok(MachineSigner::new(pkcs11::open(&uri)?))
}

/// Replaces one key with another.
pub fn replace(from: &Path, to: &Path) -> Result<(), Failure> {
    let device = reference(from);
    let (from, to, other) = if device.exists() {
        (device, reference(to), to.to_path_buf())
    } else {
        (from.to_path_buf(), to.to_path_buf(), reference(to))
    };
    disk::rename("people.private", &from, &to)?;
    if other.exists() {
        fs::remove_file(&other)
            .map_err(|error| Failure::error(format!("cannot remove `{}`: {error}", other.display())))?;
    }
    Ok(())
}

/// Reads a secret that only its owner may be able to read.
pub fn read_private(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| Failure::error(format!("cannot read key `{shown}`: {error}"));
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        let what =
            format!("key `{shown}` can be read by others (mode {:o}); `chmod 600 {shown}`", mode & 0o777);
        return Err(Failure::error(what));
    }
    fs::read_to_string(path).map_err(failed)
}

/// The ledger's signer for a key.
pub fn ledger(key: &MachineSigner, origin: &str) -> Result<NoteSigner, Failure> {
    Ok(NoteSigner::new(origin, SignatureKind::Ed25519, key.key())?)
}

/// A witness's signer for a key.
pub fn witness(key: &MachineSigner, name: &str) -> Result<CosignatureKey, Failure> {
    Ok(CosignatureKey::new(name, key.key())?)
}

fn reference(path: &Path) -> PathBuf {
    path.with_extension("pkcs11")
}
