//! The windows that `countersign trust environment --windows` names: rules, which are compiled here, or compiled windows.
//!
//! Invariant: the result is what judges read, and it is shown to each signer before a signature. `none` leaves the place without
//! windows.

use std::path::Path;

use evidence::Moment;
use evidence::windows::Windows;

use super::trust_statement::read;
use crate::failure::Failure;

/// The windows in a file, encoded; `None` for the word `none`.
pub fn read_windows(named: &Path, _now: Moment) -> Result<Option<Vec<u8>>, Failure> {
    if named == Path::new("none") {
        return Ok(None);
    }
    let bytes = read(named)?;
    let bytes = bytes.trim_ascii();
    let decoded = Windows::decode(bytes);
    decoded.map_err(|error| Failure::usage(format!("`{}`: {error}", named.display())))?;
    Ok(Some(bytes.to_vec()))
}
