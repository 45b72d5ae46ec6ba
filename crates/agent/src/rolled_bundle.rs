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
    let failed = |what: String| DeployError::Bundle(format!("`{}`: {what}", path.display()));
    let size = std::fs::metadata(&path).map_err(|error| failed(error.to_string()))?.len();
    if size > BYTES_MAX as u64 {
        return Err(failed("it is too large".to_owned()));
    }
    let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    let bundle = Bundle::decode(&bytes).map_err(|error| failed(error.to_string()))?;
    if bundle.release == release { Ok(bundle) } else { Err(failed("it is of another release".to_owned())) }
}

/// Removes it. One that stays is of another release than the next, and is replaced.
pub fn remove(dir: &Path) {
    drop(std::fs::remove_file(dir.join(FILE)));
}

/// Name of the file in an agent's directory.
const FILE: &str = "rollout.json";
