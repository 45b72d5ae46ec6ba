//! Rules as verbs compile them, with the name of this program.

use std::path::Path;

use ::calendar::{Compiler, compile_file};
use evidence::Moment;
use evidence::windows::Windows;

use crate::failure::Failure;

/// The windows of a file of rules.
pub fn compiled(file: &Path, from: Moment, days: u32) -> Result<Windows, Failure> {
    let compiler = Compiler { from, days, program: PROGRAM };
    compile_file(&compiler, file).map_err(Failure::error)
}

const PROGRAM: &str = concat!("countersign ", env!("CARGO_PKG_VERSION"));
