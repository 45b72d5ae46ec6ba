//! The operator's file of registries: those from which images may be pulled, with credentials. It has the form of Docker's
//! `config.json`, of which `auths` alone counts.
//!
//! Invariant: a registry that the file does not name is not asked. Nobody but its owner can read the file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use evidence::unique_map;
use serde::Deserialize;

use crate::blobs::limited;
use crate::error::{ImageError, failed};

/// Registries from which images may be pulled.
#[derive(Debug, Deserialize)]
pub struct Registries {
    #[serde(deserialize_with = "unique_map::deserialize")]
    auths: BTreeMap<String, Registry>,
}

/// A registry.
#[derive(Clone, Default, Deserialize)]
pub struct Registry {
    /// User and password in the form of HTTP's basic authentication.
    pub auth: Option<String>,
    /// Whether it is asked without TLS, which only one on this machine may be.
    #[serde(default, rename = "plain-http")]
    pub plain_http: bool,
}

impl Registries {
    /// Reads the file.
    ///
    /// # Errors
    /// `ImageError` if it is unsound, or others can read it.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let mode = file.metadata().map_err(failed("read", path))?.mode();
        if mode & 0o077 != 0 {
            let what = io::Error::other("other users can read it; `chmod 600` it");
            return Err(failed("use", path)(what));
        }
        let bytes = limited(file).map_err(failed("read", path))?;
        let wrong = |what: String| ImageError::Document(path.display().to_string(), what);
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        for (host, registry) in &read.auths {
            if registry.plain_http && !is_loopback(host) {
                return Err(wrong(format!(
                    "`{host}` cannot be asked with `plain-http`, because it is not on this machine"
                )));
            }
        }
        Ok(read)
    }

    /// The registry with this host, and port if it is not 443.
    ///
    /// # Errors
    /// `ImageError::Unlisted` if the operator does not name it.
    pub fn of(&self, host: &str) -> Result<&Registry, ImageError> {
        self.auths.get(host).ok_or_else(|| ImageError::Unlisted(host.to_owned()))
    }
}

/// Whether a host, with its port, is an address of this machine.
pub fn is_loopback(host: &str) -> bool {
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // The colons of an IPv6 address stand in brackets.
    let name = host.rsplit_once(':').filter(|(_, end)| port(end)).map_or(host, |(name, _)| name);
    name == "localhost"
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("plain_http", &self.plain_http).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_stands_twice_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("registries.json");
        let text = r#"{"auths": {"a.example": {}, "a.example": {"auth": "dTpw"}}}"#;
        disk::write(&file, text.as_bytes(), 0o600).unwrap();
        let error = Registries::read(&file).unwrap_err().to_string();
        assert!(error.contains("`a.example` stands twice"), "{error}");
    }

    #[test]
    fn hosts_of_this_machine_with_and_without_a_port() {
        for host in ["localhost", "localhost:5000", "127.0.0.1", "127.3.0.1:5000", "[::1]", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["a.example", "a.example:5000", "10.0.0.1", "[::2]", "[fe80::1]:1", "localhost.example"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
