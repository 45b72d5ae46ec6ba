//! The evidence of the release that is rolled out: it lies in a file as long as the rollout lasts, so that each wider step can be
//! judged again, also by an agent that was killed meanwhile.
//!
//! Invariant: the file only repeats what was proven when the release began. One that cannot be read widens nothing.

use std::path::Path;

use evidence::bundle::{BYTES_MAX, Bundle};

use crate::error::DeployError;

/// Writes the evidence.
pub fn keep(dir: &Path, bundle: &Bundle) -> Result<(), DeployError> {
    let bytes = bundle.encode().map_err(|error| DeployError::Bundle(error.to_string()))?;
    Ok(disk::replace("agent.rollout", &dir.join(FILE), &bytes, 0o600)?)
}

/// The evidence of the release with this number.
pub fn read(dir: &Path, release: u64) -> Result<Bundle, DeployError> {
    let path = dir.join(FILE);
    let failed = |what: String| DeployError::Bundle(format!("`{}`: {what}; {REMEDY}", path.display()));
    let read = disk::read_bounded(&path, BYTES_MAX as u64);
    let (bytes, _) = read.map_err(|error| failed(error.to_string()))?;
    let bundle = Bundle::decode(&bytes).map_err(|error| failed(error.to_string()))?;
    if bundle.release == release { Ok(bundle) } else { Err(failed("it is of another release".to_owned())) }
}

/// Removes it. One that stays is of another release than the next, and is replaced.
pub fn remove(dir: &Path) {
    drop(std::fs::remove_file(dir.join(FILE)));
}

const REMEDY: &str = "no wider step begins; end the rollout with `countersign rollout abort`";
/// Name of the file in an agent's directory.
const FILE: &str = "rollout.json";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn evidence_that_cannot_be_read_says_what_people_can_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        disk::replace("agent.rollout", &path, b"{", 0o600).unwrap();
        let said = |release| read(dir.path(), release).unwrap_err().to_string();
        let (first, last) = ("the evidence of the release that is rolled out: `", REMEDY);
        assert!(said(7).starts_with(first) && said(7).ends_with(last), "{}", said(7));
        std::fs::remove_file(&path).unwrap();
        // Nobody ever writes into this pipe.
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        assert!(said(7).contains("it is not a file; "), "{}", said(7));
    }
}
