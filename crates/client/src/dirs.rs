//! The person's own directories on this machine: configuration, data, and the home directory above them.
//!
//! Invariant: each one follows the XDG Base Directory Specification (version 0.8); a relative path in a variable is
//! ignored, as the specification demands.

use std::path::PathBuf;

use evidence::Id;

use crate::error::Error;

/// The person's own directory for an installation, which holds its pin and profile.
pub fn person_dir(installation: Id) -> Result<PathBuf, Error> {
    Ok(config_dir()?.join(installation.to_string()))
}

/// The directory in which a person keeps the evidence of an installation's releases, outside of every repository.
pub fn evidence_dir(installation: Id) -> Result<PathBuf, Error> {
    Ok(user_dir("XDG_DATA_HOME", ".local/share")?.join("evidence").join(installation.to_string()))
}

/// `$XDG_CONFIG_HOME/countersign`.
pub fn config_dir() -> Result<PathBuf, Error> {
    user_dir("XDG_CONFIG_HOME", ".config")
}

/// The person's home directory; `None` if the environment names none.
pub fn home_dir() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|dir| dir.is_absolute())
}

/// The directory of countersign below the one that a variable names, or below its default in the home directory.
pub fn user_dir(variable: &str, fallback: &str) -> Result<PathBuf, Error> {
    let set = std::env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let dir = set.or_else(|| home_dir().map(|home| home.join(fallback)));
    let dir = dir.ok_or_else(|| {
        Error::unusable(format!("neither {variable} nor HOME names a directory; set HOME to yours"))
    })?;
    Ok(dir.join("countersign"))
}
