//! Seal keys of agents: the private half lies in a file that its owner alone reads.
//!
//! Invariant: a key is made once, and stays when the machine's key is renewed: what was sealed to it opens with no other one. The
//! private half is overwritten in memory once its public half is known.

use std::path::Path;

use evidence::seal::SealKey;
use vault::SealSecret;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::files::write_private;
use crate::random;
use crate::secret;

/// The public half of the seal key in an agent's directory, which is made unless it is there.
pub fn take_up(dir: &Path) -> Result<SealKey, Error> {
    let file = dir.join(FILE);
    if file.exists() {
        return public(&file);
    }
    let bytes = Zeroizing::new(random::bytes::<KEY_BYTES>()?);
    let secret = SealSecret::filled(|key| key.copy_from_slice(bytes.as_slice()));
    let public = secret.public().map_err(|error| damaged(&file, &error))?;
    write_private(&file, &secret.line())?;
    Ok(public)
}

/// The public half of the seal key in an agent's directory, if it has one.
pub fn read(dir: &Path) -> Result<Option<SealKey>, Error> {
    let file = dir.join(FILE);
    file.exists().then(|| public(&file)).transpose()
}

fn public(file: &Path) -> Result<SealKey, Error> {
    let text = Zeroizing::new(secret::read(file)?);
    let secret: SealSecret = text.parse().map_err(|error| damaged(file, &error))?;
    secret.public().map_err(|error| damaged(file, &error))
}

fn damaged(file: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::unusable(format!("`{}`: {error}; {}", file.display(), secret::LOST))
}

/// Name of the file in an agent's directory.
const FILE: &str = "seal.key";
const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_seal_key_and_refuses_a_damaged_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        let made = take_up(dir.path()).unwrap();
        assert_eq!((take_up(dir.path()).unwrap(), read(dir.path()).unwrap()), (made, Some(made)));
        let other = tempfile::tempdir().unwrap();
        assert_ne!(take_up(other.path()).unwrap(), made);
        write_private(&dir.path().join(FILE), "countersign-seal-key@v1 AAAA\n").unwrap();
        assert!(take_up(dir.path()).is_err() && read(dir.path()).is_err());
    }
}
