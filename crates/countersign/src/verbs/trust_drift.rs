//! Rules about drift and the baseline of hosts, as `trust environment` reads them from files.

use std::path::Path;

use evidence::drift::{Baseline, DriftFileError, DriftRules};

use super::trust_statement::read;
use crate::failure::Failure;

/// Rules of a file; none if it is called `none`.
pub fn rules(path: &Path) -> Result<Option<DriftRules>, Failure> {
    of_file(path, DriftRules::parse)
}

/// The baseline of a file, likewise.
pub fn baseline(path: &Path) -> Result<Option<Baseline>, Failure> {
    of_file(path, Baseline::parse)
}

fn of_file<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, DriftFileError>,
) -> Result<Option<T>, Failure> {
    if path == Path::new("none") {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let read = parse(&text).map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))?;
    Ok(Some(read))
}
