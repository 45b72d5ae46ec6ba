//! The windows that `countersign trust environment --windows` names: rules, which are compiled here, or compiled windows.
//!
//! Invariant: the result is what judges read, and it is shown to each signer before a signature. `none` leaves the place without
//! windows.

use std::path::Path;

use ::calendar::{DAYS_MAX, start_of_day};
use evidence::Moment;
use evidence::windows::Windows;

use super::calendar_rules::compiled;
use super::trust_statement::read;
use super::windows_page;
use crate::failure::Failure;

/// The rules in a file, as a signer reads them; `None` for compiled windows and the word `none`.
pub fn rules(named: &Path) -> Result<Option<String>, Failure> {
    if named == Path::new("none") {
        return Ok(None);
    }
    let bytes = read(named)?;
    let is_compiled = bytes.trim_ascii().starts_with(b"{");
    let text = String::from_utf8_lossy(&bytes);
    Ok((!is_compiled).then(|| windows_page::rules(&named.display().to_string(), &text)))
}

/// The windows in a file, encoded; `None` for the word `none`. Rules are compiled for the days from today on.
pub fn read_windows(named: &Path, now: Moment) -> Result<Option<Vec<u8>>, Failure> {
    if named == Path::new("none") {
        return Ok(None);
    }
    let bytes = read(named)?;
    let bytes = bytes.trim_ascii();
    if !bytes.starts_with(b"{") {
        let windows = compiled(named, start_of_day(now), DAYS_MAX)?;
        return windows.encode().map(Some).map_err(Failure::error);
    }
    let decoded = Windows::decode(bytes);
    decoded.map_err(|error| Failure::usage(format!("`{}`: {error}", named.display())))?;
    Ok(Some(bytes.to_vec()))
}
