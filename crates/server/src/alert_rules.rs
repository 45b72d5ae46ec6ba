//! The operator's rules about alerts: `alerts.json` in the data directory, read when the server starts.
//!
//! Invariant: no request changes them. An invalid file stops the server, because a typing error must not lift a deadline.

use std::io;
use std::path::{Path, PathBuf};

use review::alerts::AlertRules;

/// Why the rules are invalid.
#[derive(Debug, thiserror::Error)]
pub enum AlertRulesError {
    /// The file cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Io(PathBuf, io::Error),
    /// The content of the file is invalid.
    #[error("`{0}`: {1}; correct the file, or remove it for the defaults")]
    Unsound(PathBuf, String),
}

/// The rules of a data directory.
///
/// # Errors
/// `AlertRulesError` if the file exists and is invalid.
pub fn read(data: &Path) -> Result<AlertRules, AlertRulesError> {
    let path = data.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            serde_json::from_str(&text).map_err(|error| AlertRulesError::Unsound(path, error.to_string()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(AlertRules::default()),
        Err(error) => Err(AlertRulesError::Io(path, error)),
    }
}

/// Name of the file in the data directory.
pub const FILE: &str = "alerts.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_omitted_has_its_default_and_what_is_mistyped_stops_the_server() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), AlertRules::default());
        let of = |text: &str| {
            disk::write(&dir.path().join(FILE), text.as_bytes(), 0o644).unwrap();
            read(dir.path())
        };
        let rules = of(r#"{ "days": { "critical": 2 }, "hold": ["production"] }"#).unwrap();
        assert_eq!((rules.days.critical, rules.days.high, rules.hold.len(), rules.most), (2, 30, 1, 10_000));
        for text in [r#"{ "days": { "kritical": 2 } }"#, r#"{ "hold": "production" }"#, ""] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(FILE), "{error}");
        }
    }
}
