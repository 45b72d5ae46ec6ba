//! Files of the installation's authority, which issues the certificates of roles: a key, and a certificate beside it.
//!
//! Invariant: both lie in the directory of the server's keys, never below the data directory. The key is written first; a
//! crash before the certificate leaves a key whose certificate is made at the next start, so nobody can have pinned another.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use evidence::{Id, Moment};
use tls::{Authority, TransportKey};

use crate::error::Error;
use crate::files::write_private;
use crate::secret;

/// The authority in a directory of keys; it is made if it is missing.
pub fn take_up(keys: &Path, installation: Id, now: Moment) -> Result<Authority, Error> {
    let (key, certificate) = (keys.join(KEY), keys.join(CERTIFICATE));
    let unusable = |path: &Path, error: &dyn std::fmt::Display| {
        Error::unusable(format!("`{}`: {error}; {REMEDY}", path.display()))
    };
    if !key.exists() {
        if certificate.exists() {
            return Err(unusable(&certificate, &"its key is missing"));
        }
        write_private(&key, &TransportKey::draw()?.to_pem())?;
    }
    let secret = secret::read(&key)?;
    match fs::read_to_string(&certificate) {
        Ok(text) => {
            Authority::from_pem(installation, &secret, &text).map_err(|error| unusable(&certificate, &error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let drawn = TransportKey::from_pem(&secret).map_err(|error| unusable(&key, &error))?;
            let authority = Authority::of_key(installation, drawn, now)?;
            write_private(&certificate, &authority.certificate_pem()?)?;
            Ok(authority)
        }
        Err(error) => Err(unusable(&certificate, &error)),
    }
}

const KEY: &str = "authority.pem";
const CERTIFICATE: &str = "authority.crt";
const REMEDY: &str = "restore both files of the authority, or remove both: the next start makes another authority, which the root's \
                      holders name with `countersign trust root --authority DIGEST`";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use lab::{at, id};

    use super::*;

    #[test]
    fn the_authority_is_made_once_and_survives_a_crash_between_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let first = take_up(dir.path(), id(1), at(0)).unwrap();
        assert_eq!(take_up(dir.path(), id(1), at(9)).unwrap().digest(), first.digest());
        let mode = |name| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(KEY), mode(CERTIFICATE)), (0o600, 0o600));
        // The crash: the key is there, the certificate is not.
        fs::remove_file(dir.path().join(CERTIFICATE)).unwrap();
        let again = take_up(dir.path(), id(1), at(0)).unwrap();
        assert_eq!(again.key_pem(), first.key_pem());
        // A certificate of another key, and one without any.
        let other = tempfile::tempdir().unwrap();
        take_up(other.path(), id(1), at(0)).unwrap();
        fs::copy(other.path().join(CERTIFICATE), dir.path().join(CERTIFICATE)).unwrap();
        let error = take_up(dir.path(), id(1), at(0)).unwrap_err().to_string();
        assert!(error.contains("does not belong to the certificate"), "{error}");
        fs::remove_file(dir.path().join(KEY)).unwrap();
        let error = take_up(dir.path(), id(1), at(0)).unwrap_err().to_string();
        assert!(error.contains("its key is missing"), "{error}");
        for bad in ["nothing", ""] {
            write_private(&other.path().join(CERTIFICATE), bad).unwrap();
            let error = take_up(other.path(), id(1), at(0)).unwrap_err().to_string();
            assert!(error.contains("not a chain of certificates"), "{error}");
        }
    }
}
