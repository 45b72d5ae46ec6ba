//! Key files of machines: made once, PKCS#8 in PEM, readable by their owner alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use evidence::machine::MachineSigner;
use tlog::{CosignatureKey, NoteSigner, SignatureKind};

use crate::failure::Failure;
use crate::home::write_private;
use crate::random;

/// Makes a key and writes its file.
pub fn make(path: &Path) -> Result<MachineSigner, Failure> {
    let signer = MachineSigner::from_seed(random::bytes()?)?;
    write_private(path, &signer.to_pem())?;
    Ok(signer)
}

/// Reads a key file, and refuses one that others can read.
pub fn read(path: &Path) -> Result<MachineSigner, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| Failure::error(format!("cannot read key `{shown}`: {error}"));
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        let what =
            format!("key `{shown}` can be read by others (mode {:o}); `chmod 600 {shown}`", mode & 0o777);
        return Err(Failure::error(what));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    MachineSigner::from_pem(&text).map_err(|error| Failure::error(format!("`{shown}`: {error}")))
}

/// The ledger's signer out of its key.
pub fn ledger(key: &MachineSigner, origin: &str) -> Result<NoteSigner, Failure> {
    Ok(NoteSigner::from_seed(origin, SignatureKind::Ed25519, key.seed())?)
}

/// A witness's signer out of its key.
pub fn witness(key: &MachineSigner, name: &str) -> Result<CosignatureKey, Failure> {
    Ok(CosignatureKey::from_seed(name, key.seed())?)
}
